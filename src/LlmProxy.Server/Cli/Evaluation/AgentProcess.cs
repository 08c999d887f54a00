using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>How a command ended.</summary>
/// <param name="ExitCode">Its exit code; null if it was stopped at the time limit.</param>
/// <param name="Output">The end of what it wrote.</param>
internal sealed record AgentExit(int? ExitCode, string Output);

/// <summary>Runs an agent or a check within a time limit, and stops it with all of its child processes.</summary>
internal static class AgentProcess
{
    // What a child that outlives its parent still writes is not waited for.
    private static readonly TimeSpan LastOutput = TimeSpan.FromSeconds(1);

    /// <summary>Runs a command.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="folder">Its working directory.</param>
    /// <param name="environment">Variables in addition to those of this process.</param>
    /// <param name="timeout">The time limit.</param>
    /// <param name="cancellationToken">Stops the command.</param>
    /// <exception cref="CliException">It cannot be started.</exception>
    public static async Task<AgentExit> RunAsync(IReadOnlyList<string> command, string folder, IReadOnlyDictionary<string, string> environment, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var process = Start(command, folder, environment);
        process.StandardInput.Close();
        var output = new Tail();
        var reading = Task.WhenAll(output.ReadAsync(process.StandardOutput), output.ReadAsync(process.StandardError));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        var stopped = false;
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            stopped = true;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        cancellationToken.ThrowIfCancellationRequested();
        await Task.WhenAny(reading, Task.Delay(LastOutput, cancellationToken));
        return new AgentExit(stopped ? null : process.ExitCode, output.ToString());
    }

    /// <summary>A command line of the shell.</summary>
    public static IReadOnlyList<string> Shell(string command) => OperatingSystem.IsWindows() ? ["cmd", "/c", command] : ["/bin/sh", "-c", command];

    private static Process Start(IReadOnlyList<string> command, string folder, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(command[0])
        {
            UseShellExecute = false,
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in command.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new CliException($"Cannot start {command[0]}: {error.Message}. Each run has a new working directory: use a program on PATH or an absolute path in the command after --.");
        }
    }

    /// <summary>Keeps the end of a text.</summary>
    private sealed class Tail
    {
        private const int MaxLength = 2000;
        private readonly StringBuilder _text = new();
        private readonly Lock _lock = new();

        public async Task ReadAsync(StreamReader reader)
        {
            var buffer = new char[1024];
            try
            {
                int count;
                while ((count = await reader.ReadAsync(buffer)) > 0)
                {
                    lock (_lock)
                    {
                        _text.Append(buffer, 0, count);
                        if (_text.Length > MaxLength)
                        {
                            _text.Remove(0, _text.Length - MaxLength);
                        }
                    }
                }
            }
            catch (Exception error) when (error is ObjectDisposedException or IOException or OperationCanceledException)
            {
                // The process is over and its pipe was closed; a child of it may still write.
            }
        }

        public override string ToString()
        {
            lock (_lock)
            {
                return _text.ToString().Trim();
            }
        }
    }
}
