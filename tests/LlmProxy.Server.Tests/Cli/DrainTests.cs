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
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync();
        }
        while (line?.StartsWith("LlmProxy ", StringComparison.Ordinal) == false);
        Assert.True(line is not null, "The server does not start.");
        var port = int.Parse(line.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
        var output = process.StandardOutput.ReadToEndAsync();
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("GET /openai/v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
        await arrived.Task;
        var answer = new byte[1];
        await stream.ReadExactlyAsync(answer);

        // The first signal stops listening; a new connection is refused, and the call is still open.
        Assert.Equal(0, Signal(process.Id, first));
        await WaitUntilRefusedAsync(port);
        Assert.False(process.HasExited);

        Assert.Equal(0, Signal(process.Id, second));
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));

        Assert.Equal((0, ""), (process.ExitCode, await error));
        Assert.DoesNotContain("Unhandled exception", await output, StringComparison.Ordinal);
    }

    private static async Task WaitUntilRefusedAsync(int port)
    {
        while (true)
        {
            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(IPAddress.Loopback, port);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
