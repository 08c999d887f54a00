using System.Net;
using System.Net.Sockets;
using System.Text;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Server.Pipeline;
using LlmProxy.Wire;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Wire;

/// <summary>Clients that leave in the middle of long responses are noticed, however busy the proxy is.</summary>
public sealed class DepartedClientTests
{
    private const int Piece = 64 * 1024;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_long_response_ends_when_its_client_has_left_though_the_server_has_not_said_so(bool isReset)
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using var accepted = await listener.AcceptSocketAsync();
        var lifetime = new HeldLifetime();
        var context = new DefaultHttpContext();
        context.Features.Set<IConnectionSocketFeature>(new SocketFeature(accepted));
        context.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        using var call = await proxy.Services.GetRequiredService<CallPipeline>().BeginAsync(
            new CallStart("default", DialectCatalog.Get(DialectKind.AnthropicMessages))
            {
                Body = Encoding.UTF8.GetBytes(DialectCalls.AnthropicBody),
                Path = "/v1/messages",
                ArrivedTimestamp = proxy.Services.GetRequiredService<CallPipeline>().Timestamp(),
            },
            default);
        await using var tee = ResponseTee.Attach(context, call);
        for (var i = 0; i < 20; i++)
        {
            await tee.WriteAsync(new byte[Piece]);
        }

        client.LingerState = new LingerOption(isReset, 0);
        client.Close();
        accepted.Poll(-1, SelectMode.SelectRead);

        // One pause at most is between the departure and its notice.
        var written = 0;
        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            for (; written < 20; written++)
            {
                await tee.WriteAsync(new byte[Piece]);
            }
        });
        Assert.InRange(written, 0, 4);
        Assert.True(lifetime.IsAborted);
    }

    [Fact]
    public async Task What_clients_that_left_were_sent_is_held_no_longer()
    {
        const int Clients = 30;
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Spool:MaxBytes", "64MiB"));
        var text = new string('x', 2_000);
        var events = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat($$$"""event: content_block_delta{{{"\n"}}}data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{text}}}"}}{{{"\n\n"}}}""", 32)));
        using var ended = new SemaphoreSlim(0);
        proxy.Upstream.Answer = async (context, _) =>
        {
            try
            {
                context.Response.ContentType = "text/event-stream";
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(events, context.RequestAborted);
                }
            }
            catch (OperationCanceledException)
            {
                // The proxy let go.
            }
            finally
            {
                ended.Release();
            }
        };
        var clients = new List<TcpClient>();
        for (var i = 0; i < Clients; i++)
        {
            var client = new TcpClient { ReceiveBufferSize = Piece };
            await client.ConnectAsync(IPAddress.Loopback, proxy.Address.Port);
            var body = DialectCalls.AnthropicBody.Replace("\"model\"", "\"stream\":true,\"model\"", StringComparison.Ordinal);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"POST {DialectCalls.Anthropic} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {body.Length}\r\n\r\n{body}")));
            clients.Add(client);
        }

        foreach (var client in clients)
        {
            await client.GetStream().ReadExactlyAsync(new byte[100]);
        }

        clients.ForEach(c => c.Dispose());
        for (var i = 0; i < Clients; i++)
        {
            Assert.True(await ended.WaitAsync(TimeSpan.FromSeconds(60)), $"the proxy still reads {Clients - i} responses of clients that left");
        }

        await proxy.SettleAsync();
        Assert.Equal(0, proxy.Spool.Bytes);
        Assert.Equal(0, proxy.Services.GetRequiredService<BufferBudget>().Used);
    }

    private sealed class SocketFeature(Socket socket) : IConnectionSocketFeature
    {
        public Socket Socket => socket;
    }

    /// <summary>A server that never says that its client left.</summary>
    private sealed class HeldLifetime : IHttpRequestLifetimeFeature
    {
        public bool IsAborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => IsAborted = true;
    }
}
