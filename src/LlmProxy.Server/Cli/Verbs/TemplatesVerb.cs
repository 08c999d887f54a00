using System.CommandLine;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>templates</c>: checks prompt templates without a build, and shows the prompt that would be sent.</summary>
internal static class TemplatesVerb
{
    public static Command Create(CliContext context) =>
        new("templates", "Checks the prompt templates, and shows what they make of a prompt") { Check(context), Render(context) };

    private static Command Check(CliContext context)
    {
        var folder = new Argument<string?>("DIR") { Description = "The templates (LlmProxy:Prompts:Directory, else the built-in ones)", Arity = ArgumentArity.ZeroOrOne };
        var json = CliContext.JsonOption();
        var command = new Command("check", "Checks every template by the rules of docs/rules, as a build does; exit code 1 when one has an error") { folder, json };
        command.SetAction(parse => TemplateCheck.Run(context.Console, context.Configuration(parse), parse.GetValue(folder), parse.GetValue(json)));
        return command;
    }

    private static Command Render(CliContext context)
    {
        var provider = new Option<string>("--provider") { Description = "Whose template", Required = true };
        provider.AcceptOnlyFromAmong([.. ProviderResolver.Names]);
        var task = new Option<string>("--task") { Description = "The task that examples are looked for", Required = true };
        var system = new Option<string?>("--system") { Description = "A file with the agent's own prompt (else a short one); - reads the standard input", HelpName = "FILE" };
        var model = new Option<string>("--model") { Description = "The model", DefaultValueFactory = _ => "" };
        var tools = new Option<string[]>("--tool") { Description = "A tool that the request offers; may be given several times", HelpName = "NAME" };
        var command = new Command("render", "Shows the prompt that would be sent, with the examples that the store has for the task") { provider, task, system, model, tools };
        command.SetAction((parse, cancellationToken) => TemplateRender.RunAsync(
            context.Console,
            context.Configuration(parse),
            new TemplateRender.Request(parse.GetValue(provider)!, parse.GetValue(model)!, parse.GetValue(task)!, parse.GetValue(system), parse.GetValue(tools) ?? []),
            cancellationToken));
        return command;
    }
}
