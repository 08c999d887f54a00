using System.Diagnostics;
using System.Globalization;
using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Replay;

/// <summary>The program in a process of its own.</summary>
public sealed class ReplaySignalTests
{
    // Ctrl-C takes the same way; a shell's background jobs ignore it, and what they start does so too.
    [UnixFact]
    public async Task A_signal_ends_replay_serve_with_its_summary_and_exit_code_0()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["run.json"], RecordedTrajectoryFile.Write(StubFolderTests.Run()));
        using var process = LlmproxyProcess.Start(folder, "replay", "serve", "--task", folder["run.json"], "--urls", "http://127.0.0.1:0");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            string? line;
            do
            {
                line = await process.StandardOutput.ReadLineAsync(limit.Token);
            }
            while (line is not (null or "Press Ctrl-C to stop."));

            if (line is null)
            {
                Assert.Fail($"It ended before it was ready: {await process.StandardError.ReadToEndAsync(limit.Token)}");
            }

            using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
            {
                await kill.WaitForExitAsync(limit.Token);
            }

            var summary = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.Equal((0, ""), (process.ExitCode, await process.StandardError.ReadToEndAsync(limit.Token)));
            Assert.StartsWith("0 of 5 recorded calls were made", summary, StringComparison.Ordinal);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }
}

/// <summary>A test that sends signals.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        Skip = OperatingSystem.IsWindows() ? "needs signals" : null;
    }
}
