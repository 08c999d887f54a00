using System.Diagnostics;
using System.Runtime.InteropServices;
using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Cli;

/// <summary>Starts the proxy as a process of its own that outlives the terminal.</summary>
internal static partial class BackgroundProxy
{
    /// <summary>Option of <c>serve</c> for such a process: it detaches from the terminal and writes to this file.</summary>
    public const string LogOption = "--log";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    /// <summary>Starts it and waits until it responds.</summary>
    /// <param name="arguments">Options that name the settings.</param>
    /// <param name="addresses">The addresses that it will listen on.</param>
    /// <param name="credentials">How to ask whether it runs.</param>
    /// <param name="log">File of its output.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>Its address and process id.</returns>
    /// <exception cref="CliException">It ended, or does not respond.</exception>
    public static async Task<(Uri Address, int Id)> StartAsync(IReadOnlyList<string> arguments, IReadOnlyList<string> addresses, ApiCredentials credentials, string log, CancellationToken cancellationToken)
    {
        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { UseShellExecute = false };

        // Run by "dotnet llmproxy.dll", the program is the first argument.
        if (Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
        {
            start.ArgumentList.Add(typeof(BackgroundProxy).Assembly.Location);
        }

        foreach (var argument in (string[])["serve", LogOption, log, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start) ?? throw new CliException("The proxy could not be started.");
        var started = Stopwatch.GetTimestamp();
        Uri? found;
        while ((found = await ApiConnection.FindServerAsync(addresses, credentials, cancellationToken)) is null)
        {
            if (process.HasExited)
            {
                throw new CliException($"The proxy did not start:\n{await LastLinesAsync(log)}");
            }

            if (Stopwatch.GetElapsedTime(started) > StartTimeout)
            {
                process.Kill();
                throw new CliException($"The proxy does not respond on {string.Join(", ", addresses)}. {log} has its messages.");
            }

            await Task.Delay(Pause, cancellationToken);
        }

        return (found, process.Id);
    }

    /// <summary>Makes this process independent of the terminal: no signal of the terminal reaches it, and its output goes to a file that its owner alone can read.</summary>
    /// <returns>Receives the output.</returns>
    public static TextWriter Detach(string log)
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = NewSession();
        }

        var writer = new StreamWriter(PrivateFiles.Append(log)) { AutoFlush = true };
        Console.SetOut(writer);
        Console.SetError(writer);
        return new Terminal.VisibleWriter(writer);
    }

    /// <summary>Asks a process to end (SIGTERM); on Windows, ends it.</summary>
    public static void Terminate(Process process)
    {
        if (OperatingSystem.IsWindows())
        {
            process.Kill();
        }
        else
        {
            const int Term = 15;
            _ = Send(process.Id, Term);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Send(int process, int signal);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    private static partial int NewSession();

    private static async Task<string> LastLinesAsync(string log)
    {
        const int Count = 15;
        return File.Exists(log) ? string.Join('\n', (await File.ReadAllLinesAsync(log)).TakeLast(Count)) : "(no messages)";
    }
}
