using System.CommandLine;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>config show|check</c>: the settings that apply with their sources, and whether they are valid.</summary>
internal static class ConfigVerb
{
    private const int LongestValue = 60;

    public static Command Create(CliContext context) => new("config", "Show the settings that apply with their source, and check them")
    {
        CreateShow(context),
        CreateCheck(context),
    };

    private static Command CreateShow(CliContext context)
    {
        var filter = new Argument<string?>("KEY") { Description = "Only settings whose key contains this, such as FewShot", Arity = ArgumentArity.ZeroOrOne };
        var changed = new Option<bool>("--changed") { Description = "Only settings that a file, the environment or the command line sets" };
        var json = CliContext.JsonOption();
        var command = new Command("show", "Show the settings that apply, and where each value comes from; secrets are hidden") { filter, changed, json };
        command.SetAction(parse =>
        {
            var configuration = context.ReadConfiguration(parse);
            var settings = configuration.ListSettings()
                .Where(setting => (!parse.GetValue(changed) || !setting.IsDefault) && setting.Key.Contains(parse.GetValue(filter) ?? "", StringComparison.OrdinalIgnoreCase))
                .ToList();
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonArray([.. settings.Select(setting => (JsonNode)new JsonObject
                {
                    ["key"] = setting.Key, ["value"] = setting.Value, ["source"] = setting.Source, ["isDefault"] = setting.IsDefault, ["appliesAtOnce"] = setting.IsLive,
                })]));
                return Check(context.Console, configuration.Problems);
            }

            foreach (var setting in settings)
            {
                context.Console.Line($"{setting.Key} = {(setting.Value is { } value ? TextFold.Short(value, LongestValue) : "(none)")}   [{setting.Source}]");
            }

            if (settings.Count == 0)
            {
                context.Console.Line(parse.GetValue(changed) ? "Every setting has its default." : $"No setting's key contains \"{parse.GetValue(filter)}\".");
            }

            return Check(context.Console, configuration.Problems);
        });
        return command;
    }

    private static Command CreateCheck(CliContext context)
    {
        var json = CliContext.JsonOption();
        var command = new Command("check", "Check the settings; all problems are reported at once") { json };
        command.SetAction(parse =>
        {
            var configuration = context.ReadConfiguration(parse);
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject
                {
                    ["file"] = configuration.File,
                    ["ok"] = configuration.Problems.Count == 0,
                    ["problems"] = new JsonArray([.. configuration.Problems.Select(problem => (JsonNode)problem.ToString())]),
                });
                return configuration.Problems.Count == 0 ? ExitCodes.Done : ExitCodes.Failed;
            }

            if (configuration.Problems.Count == 0)
            {
                context.Console.Line($"{configuration.File ?? "The built-in settings"}: no problems found.");
            }

            return Check(context.Console, configuration.Problems);
        });
        return command;
    }

    private static int Check(CliConsole console, IReadOnlyList<ConfigurationProblem> problems)
    {
        if (problems.Count == 0)
        {
            return ExitCodes.Done;
        }

        console.Error.WriteLine(CliContext.Describe(problems));
        return ExitCodes.Failed;
    }
}
