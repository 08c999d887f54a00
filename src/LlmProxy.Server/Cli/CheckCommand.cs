using System.ComponentModel;
using System.Diagnostics;

namespace LlmProxy.Server.Cli;

/// <summary>Runs a command whose exit code says whether a task succeeded.</summary>
internal static class CheckCommand
{
    /// <summary>Runs it with the console of this process and returns its exit code.</summary>
    /// <exception cref="CliException">It cannot be started.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0]) { UseShellExecute = false };
        foreach (var argument in command.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using var process = Process.Start(start) ?? throw new CliException($"Cannot start {command[0]}.", ExitCodes.Failed);
            try
            {
                await process.WaitForExitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }

            return process.ExitCode;
        }
        catch (Win32Exception error)
        {
            throw new CliException($"Cannot start {command[0]}: {error.Message}. No outcome was stated.", ExitCodes.Failed);
        }
    }
}
