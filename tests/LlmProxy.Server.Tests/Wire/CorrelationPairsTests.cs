using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Stores;
using LlmProxy.Tests.Storage;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// Recorded runs through the running proxy, 16 at a time and without any header that names a task: of every two calls,
/// are they in one task exactly where they are of one run?
/// </summary>
[Collection(PostgresTests.Name)]
public sealed class CorrelationPairsTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Connections = 16;

    private static readonly List<RecordedExchange> Exchanges = SharedData.Root is not null
        ? [.. RecordedExchange.ReadAll().GroupBy(e => e.Cassette, StringComparer.Ordinal).Where(c => c.Any(e => e.IsMultiStep)).SelectMany(c => c)]
        : [];

    private static readonly Lazy<RecordedRuns> Runs = new(() => new RecordedRuns(Exchanges));

    [SharedDataFact]
    public async Task As_they_were_recorded()
    {
        await using var proxy = await StartAsync();
        AssertPairs(await ReplayAsync([proxy], new Replay()), 0.985);
    }

    [SharedDataFact]
    public async Task With_the_oldest_half_of_each_history_replaced_by_a_summary_from_the_fourth_step_on()
    {
        await using var proxy = await StartAsync();
        AssertPairs(await ReplayAsync([proxy], new Replay { Body = Compacted }), 0.98);
    }

    [SharedDataFact]
    public async Task With_one_call_in_twenty_sent_twice_and_first_calls_cut_off_before()
    {
        await using var proxy = await StartAsync();
        AssertPairs(await ReplayAsync([proxy], new Replay { IsTwice = e => e.Id.Sum(c => c) % 20 == 0 }), 0.98);
    }

    [SharedDataFact]
    public async Task Over_two_servers_on_one_PostgreSQL()
    {
        Assert.True(PostgresServer.WhyNot is null, PostgresServer.WhyNot);
        var database = await postgres.CreateDatabaseAsync();
        await using var upstream = await ScriptedUpstream.StartAsync();
        await using var first = await StartAsync(upstream, ("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", database));
        await using var second = await StartAsync(upstream, ("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", database));
        AssertPairs(await ReplayAsync([first, second], new Replay { ToolTime = TimeSpan.FromMilliseconds(20) }), 0.97);
    }

    /// <summary>How often the store was too slow for the request path, which then does without it.</summary>
    private long Skipped { get; set; }

    private static Task<RunningProxy> StartAsync(ScriptedUpstream? upstream = null, params (string, string)[] settings) =>
        RunningProxy.StartAsync(upstream, [("LlmProxy:Prompts:Enabled", "false"), ("LlmProxy:Tasks:Boundary", "conversation"), .. settings]);

    private async Task<List<(RecordedExchange Exchange, string Task)>> ReplayAsync(IReadOnlyList<RunningProxy> proxies, Replay replay)
    {
        var byId = Exchanges.ToDictionary(e => e.Id, StringComparer.Ordinal);
        var cut = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        proxies[0].Upstream.Answer = (context, received) =>
        {
            var exchange = byId[received.Headers["x-exchange"].Single()];
            return received.Headers.ContainsKey("x-cut") && cut.TryAdd(exchange.Id, true) ? BreakAsync(context, exchange) : exchange.AnswerAsync(context);
        };
        var placed = new ConcurrentBag<(RecordedExchange, string)>();
        var recordings = Exchanges.GroupBy(e => e.Cassette, StringComparer.Ordinal).ToList();
        await Parallel.ForEachAsync(recordings, new ParallelOptions { MaxDegreeOfParallelism = Connections }, async (recording, _) =>
        {
            var steps = new Dictionary<int, int>();
            var number = 0;
            foreach (var exchange in recording.OrderBy(e => e.Sequence))
            {
                var run = Runs.Value.RunOf(exchange);
                var step = steps[run] = steps.GetValueOrDefault(run) + 1;
                var proxy = proxies[number++ % proxies.Count];
                var body = replay.Body(exchange, step);
                if (replay.IsTwice(exchange))
                {
                    // A first call is only known to be sent again where its first attempt did not come to its end.
                    await SendAsync(proxy, exchange, body, step == 1, placed);
                }

                await SendAsync(proxy, exchange, body, isCut: false, placed);
                await Task.Delay(replay.ToolTime, CancellationToken.None);
            }
        });
        Skipped = proxies.Sum(p => p.Services.GetRequiredService<StoreCircuitBreaker>().Skipped);
        return [.. placed];
    }

    private static async Task SendAsync(RunningProxy proxy, RecordedExchange exchange, byte[] body, bool isCut, ConcurrentBag<(RecordedExchange, string)> placed)
    {
        using var request = (exchange with { Request = body }).ToRequest(proxy.Address);
        if (isCut)
        {
            request.Headers.Add("x-cut", "1");
        }

        try
        {
            using var answer = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (answer.Headers.TryGetValues("LlmProxy-Task", out var task))
            {
                placed.Add((exchange, task.Single()));
            }

            await answer.Content.ReadAsByteArrayAsync();
        }
        catch (HttpRequestException) when (isCut)
        {
            // That is what was asked for.
        }
    }

    private static async Task BreakAsync(Microsoft.AspNetCore.Http.HttpContext context, RecordedExchange exchange)
    {
        context.Response.StatusCode = exchange.Status;
        context.Response.ContentType = exchange.ContentType;
        context.Response.ContentLength = exchange.Response.Length + 1;
        await context.Response.Body.WriteAsync(exchange.Response.AsMemory(0, exchange.Response.Length / 2));
        await context.Response.Body.FlushAsync();
        context.Abort();
    }

    /// <summary>A history as a client leaves it that makes room: the older half is a summary, and begins again at an answer of the model's.</summary>
    private static byte[] Compacted(RecordedExchange exchange, int step)
    {
        if (step < 4 || !Runs.Value.IsContinuation(exchange))
        {
            return exchange.Request;
        }

        var body = JsonNode.Parse(exchange.Request)!.AsObject();
        var name = body.ContainsKey("messages") ? "messages" : body.ContainsKey("contents") ? "contents" : "input";
        if (body[name] is not JsonArray { Count: > 4 } history)
        {
            return exchange.Request;
        }

        var system = history.TakeWhile(m => (string?)m!["role"] is "system" or "developer").Count();
        var from = Math.Max(system + 1, history.Count / 2);
        while (from < history.Count - 1 && !((string?)history[from]!["role"] is "assistant" or "model" || (string?)history[from]!["type"] is "function_call"))
        {
            from++;
        }

        const string Summary = "The conversation so far, in short: the task was begun, and some of it is done.";
        JsonNode summary = name == "contents"
            ? new JsonObject { ["role"] = "user", ["parts"] = new JsonArray(new JsonObject { ["text"] = Summary }) }
            : new JsonObject { ["role"] = "user", ["content"] = Summary };
        body[name] = new JsonArray([.. history.Take(system).Select(m => m!.DeepClone()), summary, .. history.Skip(from).Select(m => m!.DeepClone())]);
        return Encoding.UTF8.GetBytes(body.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    private void AssertPairs(List<(RecordedExchange Exchange, string Task)> placed, double least)
    {
        var runs = Runs.Value;
        var told = placed.Where(p => !runs.Twins.Contains(runs.RunOf(p.Exchange))).ToList();
        var left = placed.Where(p => runs.Twins.Contains(runs.RunOf(p.Exchange))).Select(p => p.Exchange.Cassette).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var same = Pairs(told.GroupBy(p => (runs.RunOf(p.Exchange), p.Task)).Select(g => g.Count()));
        var found = Pairs(told.GroupBy(p => p.Task, StringComparer.Ordinal).Select(g => g.Count()));
        var wanted = Pairs(told.GroupBy(p => runs.RunOf(p.Exchange)).Select(g => g.Count()));
        var (precision, recall) = ((double)same / found, (double)same / wanted);
        var f1 = 2 * precision * recall / (precision + recall);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{told.Count} calls, {wanted} pairs of one run: precision {precision:F4}, recall {recall:F4}, F1 {f1:F4}; {left.Count} recordings left out that nobody could tell apart; the store was skipped {Skipped} times"));
        foreach (var run in told.GroupBy(p => runs.RunOf(p.Exchange)).Where(g => g.Select(p => p.Task).Distinct(StringComparer.Ordinal).Count() > 1).Take(40))
        {
            output.WriteLine($"split: {run.First().Exchange.Cassette} {string.Join(' ', run.OrderBy(p => p.Exchange.Sequence).GroupBy(p => p.Task, StringComparer.Ordinal).Select(g => string.Join('+', g.Select(p => p.Exchange.Sequence))))}");
        }

        foreach (var task in told.GroupBy(p => p.Task, StringComparer.Ordinal).Where(g => g.Select(p => runs.RunOf(p.Exchange)).Distinct().Count() > 1).Take(40))
        {
            output.WriteLine($"mixed: {string.Join(", ", task.OrderBy(p => p.Exchange.Sequence).Select(p => $"{p.Exchange.Cassette}:{p.Exchange.Sequence}"))}");
        }

        left.ForEach(name => output.WriteLine("left out: " + name));
        Assert.InRange(f1, least, 1);
    }

    private static long Pairs(IEnumerable<int> sizes) => sizes.Sum(n => (long)n * (n - 1) / 2);

    private sealed record Replay
    {
        public Func<RecordedExchange, int, byte[]> Body { get; init; } = static (exchange, _) => exchange.Request;

        /// <summary>What an agent does between two calls takes its time.</summary>
        public TimeSpan ToolTime { get; init; }

        public Func<RecordedExchange, bool> IsTwice { get; init; } = static _ => false;
    }
}
