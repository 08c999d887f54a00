using System.CommandLine;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>init</c>: writes settings, schema and templates for editing.</summary>
internal static class InitVerb
{
    public static Command Create(CliContext context)
    {
        var folder = new Argument<string>("DIR") { Description = "Folder to write to", DefaultValueFactory = _ => "." };
        var force = new Option<bool>("--force") { Description = "Overwrite existing files" };
        var yes = CliConsole.YesOption();
        var command = new Command("init", "Write proxy.json, its schema and the templates for editing") { folder, force, yes };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var (target, isQuiet) = (Path.GetFullPath(parse.GetValue(folder)!), parse.GetValue(yes));
            Write(context.Console, target, parse.GetValue(force), isQuiet);
            if (context.Console.CanAsk && !isQuiet)
            {
                var configuration = context.ReadConfiguration(parse, Path.Combine(target, "proxy.json"));
                var address = ConnectVerb.ForClients(context.Addresses(parse, configuration)[0]);
                await HistoryOffer.OfferAsync(context.Console, context.Agents, configuration, ApiConnection.TenantOf(configuration, parse.GetValue(context.Tenant)), address, cancellationToken);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static void Write(CliConsole console, string folder, bool force, bool yes)
    {
        var files = Files().ToDictionary(file => Path.Combine(folder, file.Name), file => file.Text, StringComparer.Ordinal);
        var existing = files.Keys.Where(File.Exists).ToList();
        if (existing.Count > 0 && !force)
        {
            throw new CliException("Nothing was written because these files exist:\n" + string.Join('\n', existing.Select(path => "  " + path)) + "\nName another folder, or overwrite them with --force.");
        }

        var changed = existing.Where(path => File.ReadAllText(path) != files[path]).ToList();
        if (changed.Count > 0)
        {
            console.RequireYes("Overwrite these files, which differ from the shipped ones?\n" + string.Join('\n', changed.Select(path => "  " + path)) + "\n", yes);
        }

        foreach (var (path, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
            console.Line(path);
        }

        console.Line();
        console.Line($"Start with: llmproxy serve --config {Path.Combine(folder, "proxy.json")}");
        console.Line("Without --config, \"llmproxy\" uses proxy.json of the working directory. Changed templates are reloaded automatically.");
    }

    private static IEnumerable<(string Name, string Text)> Files()
    {
        yield return ("proxy.json", BuiltInConfiguration.Json);
        yield return ("proxy.schema.json", BuiltInConfiguration.SchemaJson);
        foreach (var (name, text) in TemplateSet.Shipped.Files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            yield return (Path.Combine("templates", name.Replace('/', Path.DirectorySeparatorChar)), text);
        }
    }
}
