using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json.Nodes;
using LlmProxy.Server.Dashboard;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>ui</c>: opens the dashboard; without keys by a one-time link that allows editing.</summary>
internal static class UiVerb
{
    public static Command Create(CliContext context)
    {
        var print = new Option<bool>("--print") { Description = "Print the address; open no browser" };
        var json = CliContext.JsonOption();
        var command = new Command("ui", "Open the dashboard of a running proxy in the browser") { print, json };
        command.SetAction(async (parse, cancellationToken) =>
        {
            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            if (!api.IsRunningServer)
            {
                throw new CliException("No llmproxy is running. Start it with \"llmproxy serve\", or name its address with --server.");
            }

            // With keys people sign in with one; a link would sign in whoever holds it.
            var hasKeys = context.Configuration(parse).Options.Auth.Keys.Count > 0;
            var address = hasKeys ? new Uri(api.Address, DashboardEndpoints.Prefix).ToString() : (await api.PostTextAsync(DashboardEndpoints.LinkPath, cancellationToken)).Trim();
            if (parse.GetValue(json))
            {
                context.Console.Json(new JsonObject { ["address"] = address });
                return ExitCodes.Done;
            }

            context.Console.Line(address);
            if (!hasKeys)
            {
                context.Console.Line("The link works once, within a minute.");
            }

            if (!parse.GetValue(print) && context.Console.IsTerminal)
            {
                Open(address);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static void Open(string address)
    {
        try
        {
            using var browser = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
                ? Process.Start(new ProcessStartInfo(OperatingSystem.IsMacOS() ? "open" : address, OperatingSystem.IsMacOS() ? address : "") { UseShellExecute = OperatingSystem.IsWindows() })
                : Process.Start(new ProcessStartInfo("xdg-open", address) { UseShellExecute = false });
        }
        catch (Win32Exception)
        {
            // No browser: the address is printed.
        }
    }
}
