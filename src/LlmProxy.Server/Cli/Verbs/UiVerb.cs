using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using LlmProxy.Server.Dashboard;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>ui</c>: opens the dashboard, for editing if no keys are configured.</summary>
internal static class UiVerb
{
    public static Command Create(CliContext context)
    {
        var print = new Option<bool>("--print") { Description = "Print the address only; open no browser" };
        var command = new Command("ui", "Open the dashboard of a running proxy in the browser; without keys, by a link that works once and allows editing") { print };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var configuration = context.Configuration(parse);
            await using var api = await ApiVerb.OpenAsync(context, parse, cancellationToken);
            if (!api.IsRunningServer)
            {
                throw new CliException("No llmproxy is running, so there is no dashboard to open. Start it with \"llmproxy serve\".");
            }

            var path = configuration.Options.Auth.Keys.Count > 0
                ? DashboardEndpoints.Prefix
                : (await api.PostAsync(DashboardEndpoints.LinksPath, cancellationToken))["path"]!.GetValue<string>();
            var address = new Uri(api.Address, path).AbsoluteUri;
            context.Console.Out.WriteLine(address);
            if (!parse.GetValue(print) && context.Console.IsTerminal)
            {
                Open(context.Console, address);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    // The address is printed, so that a machine without a browser is no failure.
    private static void Open(CliConsole console, string address)
    {
        try
        {
            using var browser = Process.Start(OperatingSystem.IsLinux() ? new ProcessStartInfo("xdg-open", [address]) : new ProcessStartInfo(address) { UseShellExecute = true });
        }
        catch (Win32Exception error)
        {
            console.Error.WriteLine($"No browser could be started ({error.Message}). Open the address above.");
        }
    }
}
