using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Clients;

/// <summary>What the official SDKs do the tool loop of <see cref="ToolLoop"/> with, and what the proxy must have made of it.</summary>
internal static class SdkRun
{
    public const string System = "You are a weather clerk.";
    public const string Task = "What should I wear in Oslo today?";
    public const string ToolName = "get_weather";
    public const string ToolDescription = "Looks the weather up";
    public const string ToolResult = "4 degrees, rain";

    /// <summary>Schema of the tool's arguments.</summary>
    public const string ToolSchema = """{"type":"object","properties":{"city":{"type":"string"}}}""";

    /// <summary>The upstream gives the answers of a loop in turn.</summary>
    public static ToolLoop Script(RunningProxy proxy, string model, string name)
    {
        var loop = ToolLoop.All(model).Single(l => l.Name == name);
        proxy.Upstream.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));
        return loop;
    }

    /// <summary>A proxy whose clusters all point to a port where nobody listens.</summary>
    public static async Task<RunningProxy> StartWithoutUpstreamAsync()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)socket.LocalEndpoint).Port}/";
        socket.Stop();
        return await RunningProxy.StartAsync(null, [.. ((string[])["anthropic", "openai"]).Select(c => ($"ReverseProxy:Clusters:{c}:Destinations:default:Address", address))]);
    }

    /// <summary>Both calls are the steps of one run, which holds the tool call, its result and the usage of both.</summary>
    public static async Task AssertRecordedAsync(RunningProxy proxy, TaskIds ids, string provider, string model, string client)
    {
        Assert.Equal(2, ids.Seen.Count);
        var id = Assert.Single(ids.Seen.Distinct(StringComparer.Ordinal));
        await proxy.SettleAsync();
        var run = await proxy.Store.FindTaskAsync("default", id, CancellationToken.None);
        Assert.NotNull(run);
        Assert.Equal((provider, model, Task), (run.Provider, run.Model, run.TaskDescription));
        Assert.Contains(client, run.Client, StringComparison.OrdinalIgnoreCase);
        Assert.Equal((2, 1, 0), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults));
        Assert.Equal((TrajectoryStatus.Completed, null, OutcomeSource.Inferred, 1.0), (run.Status, run.Success, run.OutcomeSource, run.QualityScore));
        Assert.Equal((120, 17, 10), (run.TokenUsage?.Input, run.TokenUsage?.Output, run.TokenUsage?.CacheRead));

        var steps = await proxy.ReadStepsAsync(run);
        Assert.Equal(2, steps.Count);
        Assert.All(steps, s => Assert.Equal(StepStatus.Ok, s.Step.Status));
        Assert.Equal(System, steps[0].SystemPrompt);
        Assert.Equal(Task, Assert.Single(steps[0].Messages).Message.Text);
        Assert.Equal("I look it up.", steps[0].Reply!.Text);
        var call = Assert.Single(steps[0].Reply!.ToolCalls);
        Assert.Equal(("call_oslo_1", ToolName, """{"city":"Oslo"}"""), (call.Id, call.Name, JsonNode.Parse(call.Arguments)!.ToJsonString()));
        var result = Assert.Single(steps[0].ToolResults);
        Assert.Equal(("call_oslo_1", ToolResult), (result.Id, result.Content));
        Assert.Equal((50, 12), (steps[0].Step.TokenUsage?.Input, steps[0].Step.TokenUsage?.Output));
        var added = Assert.Single(steps[1].Messages);
        Assert.False(added.IsForeign);
        Assert.Equal("A raincoat.", steps[1].Reply!.Text);
        Assert.Equal((70, 5), (steps[1].Step.TokenUsage?.Input, steps[1].Step.TokenUsage?.Output));
    }
}

/// <summary>Sends an SDK's calls, and keeps the ids of the tasks that the answers belong to.</summary>
internal sealed class TaskIds() : DelegatingHandler(new SocketsHttpHandler { UseProxy = false })
{
    public ConcurrentQueue<string> Seen { get; } = new();

    public ConcurrentQueue<string> FewShot { get; } = new();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answer = await base.SendAsync(request, cancellationToken);
        Keep(answer, "LlmProxy-Task", Seen);
        Keep(answer, "LlmProxy-Few-Shot-Result", FewShot);
        return answer;
    }

    private static void Keep(HttpResponseMessage answer, string header, ConcurrentQueue<string> kept)
    {
        if (answer.Headers.TryGetValues(header, out var values))
        {
            kept.Enqueue(values.Single());
        }
    }
}
