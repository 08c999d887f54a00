using System.Net;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Wire;

/// <summary>Calls that die on their way leave nothing behind.</summary>
public sealed class DyingCallTests
{
    [Fact]
    public async Task A_call_that_dies_between_its_place_and_its_forwarding_is_no_longer_under_way_afterwards()
    {
        // An embedder that never answers holds the first call of a task exactly there.
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var embedder = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            asked.TrySetResult();
            await connection.ReadAsync(int.MaxValue);
        });
        await using var proxy = await RunningProxy.StartAsync(
            null,
            ("LlmProxy:Embeddings:Provider", "openai"),
            ("LlmProxy:Embeddings:Endpoint", embedder.Address + "v1"),
            ("LlmProxy:Embeddings:ApiKey", "operator"));
        var correlator = proxy.Services.GetRequiredService<TaskCorrelator>();
        var loop = ToolLoop.All("gpt-4o").Single(l => l.Name == "chat");
        using var leave = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, loop.Path)) { Content = new StringContent(loop.First), Headers = { { "LlmProxy-Task", "mine" } } };
        var calling = proxy.Client.SendAsync(request, leave.Token);
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(30));
        var task = correlator.Find("default", "mine")!;
        Assert.Equal(1, task.InFlight);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => calling);

        for (var waited = 0; task.InFlight > 0 && waited < 600; waited++)
        {
            await Task.Delay(50);
        }

        Assert.Equal(0, task.InFlight);
        Assert.Empty(proxy.Upstream.Received);
        await proxy.SettleAsync();
        Assert.Equal(0, proxy.Spool.Pending);
    }

    [Theory]
    [InlineData("refused")]
    [InlineData("cut")]
    [InlineData("answered")]
    public async Task However_a_call_ends_its_task_has_none_under_way(string end)
    {
        await using var upstream = RawUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.WriteAsync(end == "cut" ? "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{" : "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        });
        await using var proxy = await RunningProxy.StartAsync(null, [("LlmProxy:Upstreams:anthropic:Retries", "0"), .. RawUpstream.SettingsFor(end == "refused" ? RawUpstream.ClosedAddress() : upstream.Address)]);

        try
        {
            using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, ("LlmProxy-Task", "mine"));
            Assert.Equal(end == "refused" ? HttpStatusCode.BadGateway : HttpStatusCode.OK, answer.StatusCode);
        }
        catch (HttpRequestException) when (end == "cut")
        {
            // That is what is seen of it.
        }

        await proxy.SettleAsync();
        Assert.Equal(0, proxy.Services.GetRequiredService<TaskCorrelator>().Find("default", "mine")!.InFlight);
    }
}
