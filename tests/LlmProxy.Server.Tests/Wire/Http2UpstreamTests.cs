using System.Net;
using LlmProxy.Core.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LlmProxy.Tests.Wire;

/// <summary>Upstreams that speak HTTP/2 (RFC 9113), here without TLS by prior knowledge.</summary>
public sealed class Http2UpstreamTests
{
    private static readonly (string, string)[] Http2 =
    [
        ("ReverseProxy:Clusters:anthropic:HttpRequest:Version", "2"),
        ("ReverseProxy:Clusters:anthropic:HttpRequest:VersionPolicy", "RequestVersionExact"),
    ];

    [Fact]
    public async Task A_cluster_can_be_told_to_speak_http_2_and_streams_event_by_event()
    {
        await using var upstream = await ScriptedUpstream.StartAsync(HttpProtocols.Http2);
        await using var proxy = await RunningProxy.StartAsync(upstream, Http2);
        using var next = new SemaphoreSlim(0);
        string? protocol = null;
        upstream.Answer = async (context, _) =>
        {
            protocol = context.Request.Protocol;
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 3; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync();
            }
        };

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(DialectCalls.AnthropicBody) };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal($"data: {i}", await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal("", await reader.ReadLineAsync());
            next.Release();
        }

        Assert.Equal(("HTTP/2", DialectCalls.AnthropicBody), (protocol, upstream.Last.Text));
    }

    [Fact]
    public async Task A_call_that_GOAWAY_names_as_not_taken_is_sent_whole_on_a_new_connection()
    {
        var connections = 0;
        var bodies = new List<string>();
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var number = Interlocked.Increment(ref connections);
            var (stream, body) = await peer.ReadRequestAsync();
            bodies.Add(body);
            if (number == 1)
            {
                await peer.GoAwayAsync(lastStream: 0);
                return;
            }

            await peer.AnswerAsync(stream, "{}", endStream: true);
            await peer.ReadUntilClosedAsync();
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal((HttpStatusCode.OK, "{}"), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal([DialectCalls.AnthropicBody, DialectCalls.AnthropicBody], bodies);
    }

    [Fact]
    public async Task An_answer_goes_on_behind_a_GOAWAY_that_names_its_call()
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var (stream, _) = await peer.ReadRequestAsync();
            await peer.AnswerAsync(stream, "first ", endStream: false);
            await peer.GoAwayAsync(lastStream: stream);
            await peer.DataAsync(stream, "second", endStream: true);
            await peer.ReadUntilClosedAsync();
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal("first second", await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_that_is_reset_or_whose_connection_goes_away_breaks_for_the_client_and_is_not_sent_again(bool resetStream)
    {
        using var seen = new SemaphoreSlim(0);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var peer = await Http2Peer.AcceptAsync(connection);
            var (stream, _) = await peer.ReadRequestAsync();
            await peer.AnswerAsync(stream, "first\n", endStream: false);
            await seen.WaitAsync();
            if (resetStream)
            {
                await peer.ResetAsync(stream);
                await peer.ReadUntilClosedAsync();
            }
            else
            {
                await peer.GoAwayAsync(lastStream: stream);
            }
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. upstream.Settings, .. Http2]);

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, DialectCalls.Anthropic)) { Content = new StringContent(DialectCalls.AnthropicBody) };
        using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("first", await reader.ReadLineAsync());
        seen.Release();

        await Assert.ThrowsAnyAsync<Exception>(() => reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        await proxy.Log.WaitForAsync(1002, ExchangeOutcome.UpstreamBroke);
        Assert.Equal(1, upstream.Connections);
    }
}
