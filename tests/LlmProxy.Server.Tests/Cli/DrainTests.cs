using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

public sealed class DrainTests
{
    [Theory]
    [InlineData(15, 15)]
    [InlineData(2, 15)]
    public async Task The_first_signal_lets_calls_end_and_the_second_ends_them(int first, int second)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var folder = new TestFolder();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n:\r\n");
            arrived.TrySetResult();
            await connection.ReadAsync(1);
        });
        using var process = LlmproxyProcess.Start(
            folder,
            ["shutdownTimeoutSeconds=600"],
            ["serve", "--urls", "http://127.0.0.1:0", .. folder.Alone[2..], .. upstream.Settings.Select(setting => $"--{setting.Key}={setting.Value}")]);
        var error = process.StandardError.ReadToEndAsync();
        var started = await ReadUntilAsync(process.StandardOutput, "LlmProxy ");
        var port = int.Parse(started.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /openai/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
        await arrived.Task;
        using var answer = new StreamReader(stream, Encoding.ASCII);
        await ReadUntilAsync(answer, ":");

        // The first signal leaves the call open. Whether its port is refused cannot be asked: another process may listen there by then.
        Assert.Equal(0, Signal(process.Id, first));
        Assert.Equal("Stopping: running calls have 600 s to end; a second signal ends them now.", await ReadUntilAsync(process.StandardOutput, "Stopping"));
        var output = process.StandardOutput.ReadToEndAsync();
        var rest = answer.ReadLineAsync();
        Assert.False(process.HasExited);
        Assert.False(rest.IsCompleted);

        Assert.Equal(0, Signal(process.Id, second));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));

        Assert.Equal((0, ""), (process.ExitCode, await error));
        Assert.DoesNotContain("Unhandled exception", await output, StringComparison.Ordinal);
    }

    private static async Task<string> ReadUntilAsync(StreamReader text, string start)
    {
        while (await text.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(start, StringComparison.Ordinal))
            {
                return line;
            }
        }

        throw new InvalidOperationException($"The text ends without a line that starts with '{start}'.");
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
