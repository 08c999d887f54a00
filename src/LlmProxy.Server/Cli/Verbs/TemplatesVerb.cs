using System.CommandLine;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>templates</c>: checks prompt templates, and renders the prompt that would be sent.</summary>
internal static class TemplatesVerb
{
    public static Command Create(CliContext context) =>
        new("templates", "Check the prompt templates, or render a prompt with them") { Check(context), Render(context) };

    private static Command Check(CliContext context)
    {
        var folder = new Argument<string?>("DIR") { Description = "Folder of the templates (default: LlmProxy:Prompts:Directory, or the built-in templates)", Arity = ArgumentArity.ZeroOrOne };
        var json = CliContext.JsonOption();
        var command = new Command("check", "Check all templates by the rules in docs/rules, as a build does; exit code 1 if one has an error") { folder, json };
        command.SetAction(parse => TemplateCheck.Run(context.Console, context.Configuration(parse), parse.GetValue(folder), parse.GetValue(json)));
        return command;
    }

    private static Command Render(CliContext context)
    {
        var provider = new Option<string>("--provider") { Description = "Provider whose template to render", Required = true };
        provider.AcceptOnlyFromAmong([.. ProviderResolver.Names]);
        var task = new Option<string>("--task") { Description = "Task to find examples for", Required = true };
        var system = new Option<string?>("--system") { Description = "File with the agent's system prompt (default: a short sample); - reads standard input", HelpName = "FILE" };
        var model = new Option<string>("--model") { Description = "Name of the model", DefaultValueFactory = _ => "" };
        var tools = new Option<string[]>("--tool") { Description = "A tool that the request offers; repeatable", HelpName = "NAME" };
        var command = new Command("render", "Render the prompt that would be sent, with the examples found for the task") { provider, task, system, model, tools };
        command.SetAction((parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            var request = new TemplateRender.Request(parse.GetValue(provider)!, parse.GetValue(model)!, parse.GetValue(task)!, parse.GetValue(system), parse.GetValue(tools) ?? [])
            {
                Tenant = ApiConnection.TenantOf(configuration, parse.GetValue(context.Tenant)),
            };
            return TemplateRender.RunAsync(context.Console, configuration, request, cancellationToken);
        });
        return command;
    }
}
