using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Export;

/// <summary>All of them, recorded once for the tests of a class.</summary>
public sealed class RecordedRunsFixture : IAsyncLifetime
{
    internal RunningProxy Proxy { get; private set; } = null!;

    internal string Counts { get; private set; } = "";

    public async Task InitializeAsync()
    {
        if (SharedData.Root is null)
        {
            return;
        }

        Proxy = await RecordedRuns.StartProxyAsync();
        var (recordings, exchanges) = await RecordedRuns.RecordExchangesAsync(Proxy);
        var (runs, calls) = await RecordedRuns.RecordTasksAsync(Proxy);
        Counts = $"{recordings} multi-step recordings with {exchanges} calls, {runs} task runs with {calls} calls";
    }

    public async Task DisposeAsync()
    {
        if (Proxy is not null)
        {
            await Proxy.DisposeAsync();
        }
    }
}

/// <summary>Real runs of <c>../shared/data</c>, recorded by sending them through the running proxy.</summary>
internal static class RecordedRuns
{
    /// <summary>A proxy that keeps every run's content and leaves prompts alone.</summary>
    public static Task<RunningProxy> StartProxyAsync() => RunningProxy.StartAsync(
        null,
        ("LlmProxy:Prompts:Enabled", "false"),
        ("LlmProxy:Recording:Providers", "anthropic,openai,gemini,proxy"),
        ("LlmProxy:Recording:Failures", "true"),
        ("LlmProxy:Tasks:Boundary", "conversation"));

    /// <summary>Sends every multi-step recording, and states that each of its tasks succeeded.</summary>
    /// <returns>Recordings and calls that belong to a task.</returns>
    public static async Task<(int Recordings, int Calls)> RecordExchangesAsync(RunningProxy proxy)
    {
        var recordings = RecordedExchange.ReadAll().GroupBy(e => e.Cassette, StringComparer.Ordinal).Where(c => c.Any(e => e.IsMultiStep)).ToList();
        var byId = recordings.SelectMany(c => c).ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => byId[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        var tasks = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(recordings, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (recording, _) =>
        {
            foreach (var exchange in recording.OrderBy(e => e.Sequence))
            {
                using var request = exchange.ToRequest(proxy.Address);
                using var answer = await proxy.Client.SendAsync(request, CancellationToken.None);
                if (answer.Headers.TryGetValues("LlmProxy-Task", out var task))
                {
                    tasks.Add(task.Single());
                }
            }
        });
        await CompleteAsync(proxy, tasks.Distinct(StringComparer.Ordinal).Select(t => (t, true)));
        return (recordings.Count, tasks.Count);
    }

    /// <summary>Plays every run of <c>tasks*</c> call by call, and states the reward where there is one.</summary>
    /// <returns>Runs and calls.</returns>
    public static async Task<(int Runs, int Calls)> RecordTasksAsync(RunningProxy proxy)
    {
        var runs = new[] { "tasks-01.jsonl.gz", "tasks-02.jsonl.gz" }.SelectMany(SharedData.ReadJsonLines).Select(d => JsonNode.Parse(d.RootElement.GetRawText())!.AsObject()).ToList();
        var answers = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => ScriptedUpstream.WriteAsync(context, answers[received.Headers["x-answer"].Single()], 200, "application/json");
        var calls = 0;
        var outcomes = new ConcurrentBag<(string Task, bool Success)>();
        await Parallel.ForEachAsync(runs, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (run, _) =>
        {
            var id = "run-" + run["id"]!.GetValue<string>();
            foreach (var (request, answer) in Calls(run))
            {
                Interlocked.Increment(ref calls);
                var key = Guid.NewGuid().ToString("N");
                answers[key] = answer;
                using var reply = await proxy.PostAsync("/openai/v1/chat/completions", request, ("LlmProxy-Task", id), ("LlmProxy-Task-Description", TaskOf(run)), ("x-answer", key));
                Assert.True(reply.IsSuccessStatusCode);
            }

            outcomes.Add((id, run["reward"] is not JsonValue reward || reward.GetValue<double>() > 0));
        });
        await CompleteAsync(proxy, outcomes);
        return (runs.Count, calls);
    }

    private static async Task CompleteAsync(RunningProxy proxy, IEnumerable<(string Task, bool Success)> outcomes)
    {
        await proxy.SettleAsync();
        foreach (var (task, success) in outcomes)
        {
            await proxy.Tasks.CompleteAsync("default", task, success, null, null, CancellationToken.None);
        }
    }

    /// <summary>Trials of one task ("task37-trial1") have the same description, whatever words the simulated user began with.</summary>
    private static string TaskOf(JsonObject run)
    {
        var name = run["run"]!.GetValue<string>();
        var trial = name.IndexOf("-trial", StringComparison.Ordinal);
        return trial > 0 ? "airline " + name[..trial] : new string([.. run["task"]!.GetValue<string>().Take(200).Select(c => c is >= ' ' and < (char)127 ? c : ' ')]);
    }

    /// <summary>The calls that made a run: each holds what came before its reply.</summary>
    private static IEnumerable<(string Request, string Answer)> Calls(JsonObject run)
    {
        var messages = run["messages"]!.AsArray();
        for (var i = 1; i < messages.Count; i++)
        {
            if (messages[i]!["role"]!.GetValue<string>() != "assistant")
            {
                continue;
            }

            var request = new JsonObject
            {
                ["model"] = run["model"]?.DeepClone() ?? "gpt-4o",
                ["messages"] = new JsonArray([.. messages.Take(i).Select(m => m!.DeepClone())]),
            };
            if (run["tools"] is JsonArray { Count: > 0 } tools)
            {
                request["tools"] = tools.DeepClone();
            }

            var answer = new JsonObject
            {
                ["id"] = "chatcmpl-" + Guid.NewGuid().ToString("N"),
                ["object"] = "chat.completion",
                ["model"] = request["model"]!.DeepClone(),
                ["choices"] = new JsonArray(new JsonObject
                {
                    ["index"] = 0,
                    ["message"] = messages[i]!.DeepClone(),
                    ["finish_reason"] = messages[i]!["tool_calls"] is JsonArray { Count: > 0 } ? "tool_calls" : "stop",
                }),
                ["usage"] = new JsonObject { ["prompt_tokens"] = 10, ["completion_tokens"] = 5, ["total_tokens"] = 15 },
            };
            yield return (request.ToJsonString(), answer.ToJsonString());
        }
    }
}
