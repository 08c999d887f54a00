using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>Thousands of real recorded exchanges through the running proxy: an upstream answers with the recorded bytes.</summary>
public sealed class RecordedTrafficTests(ITestOutputHelper output)
{
    [SharedDataFact]
    public async Task Every_recorded_exchange_passes_byte_for_byte_in_both_directions_and_those_of_a_dialect_are_recorded()
    {
        // Every provider's content is kept, so that every recorded exchange must show up in the store; prompts stay as they are.
        await using var proxy = await RunningProxy.StartAsync(
            null,
            ("LlmProxy:Prompts:Enabled", "false"),
            ("LlmProxy:Recording:Providers", "anthropic,openai,gemini,proxy"),
            ("LlmProxy:Recording:Failures", "true"));
        var exchanges = RecordedExchange.ReadAll().ToList();
        var byId = exchanges.ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => byId[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        var problems = new ConcurrentQueue<string>();
        var (passed, exact, withTask) = (0, 0, 0);

        await Parallel.ForEachAsync(exchanges, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (exchange, _) =>
        {
            using var request = exchange.ToRequest(proxy.Address);
            using var answer = await proxy.Client.SendAsync(request, CancellationToken.None);
            var body = await answer.Content.ReadAsByteArrayAsync(CancellationToken.None);
            if (!body.AsSpan().SequenceEqual(exchange.Response) || (int)answer.StatusCode != exchange.Status)
            {
                problems.Enqueue($"{exchange.Id}: {(int)answer.StatusCode} instead of {exchange.Status}, {body.Length} bytes instead of {exchange.Response.Length}");
                return;
            }

            Interlocked.Increment(ref passed);
            if (exchange.IsExact)
            {
                Interlocked.Increment(ref exact);
            }

            if (answer.Headers.Contains("LlmProxy-Task"))
            {
                Interlocked.Increment(ref withTask);
            }
        });
        foreach (var received in proxy.Upstream.Received)
        {
            var exchange = byId[received.Headers["x-exchange"].Single()];
            if (!received.Body.AsSpan().SequenceEqual(exchange.Request) || exchange.Route + received.Target != exchange.TargetIn(proxy.Address).PathAndQuery)
            {
                problems.Enqueue($"{exchange.Id}: the upstream got other bytes than were sent, at {received.Target}");
            }
        }

        await proxy.SettleAsync();
        var storage = await proxy.Store.ReadStorageUseAsync("default", CancellationToken.None);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{passed} of {exchanges.Count} exchanges passed byte for byte, their answers in random pieces, among them {exact} of {exchanges.Count(e => e.IsExact)} whose bytes are exact; {withTask} belong to a task; {storage.Trajectories} runs with {storage.Steps} steps are in the store"));
        var errors = proxy.Log.GetSnapshot().Where(l => l.Level == LogLevel.Error).Select(l => l.Message).Take(10).ToList();
        Assert.True(problems.IsEmpty && errors.Count == 0, string.Join('\n', problems.Take(20).Concat(errors)));
        Assert.Equal(exchanges.Count, passed);
        Assert.Equal(exchanges.Count(e => e.IsExact), exact);
        Assert.InRange(exact, 1_000, exchanges.Count);
        Assert.True(withTask > exchanges.Count * 9 / 10, "nearly every exchange is a completion call that belongs to a task");
        Assert.InRange(storage.Steps, withTask * 8L / 10, withTask);
    }

    [SharedDataFact]
    public async Task Calls_of_one_recording_become_one_task_without_any_header_while_others_run_beside_it()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Enabled", "false"), ("LlmProxy:Tasks:Boundary", "conversation"));
        var recordings = RecordedExchange.ReadAll().GroupBy(e => e.Cassette, StringComparer.Ordinal).Where(c => c.Any(e => e.IsMultiStep)).ToList();
        var byId = recordings.SelectMany(c => c).ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => byId[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        var placed = new ConcurrentBag<(RecordedExchange Exchange, string Task)>();

        await Parallel.ForEachAsync(recordings, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (recording, _) =>
        {
            foreach (var exchange in recording.OrderBy(e => e.Sequence))
            {
                using var request = exchange.ToRequest(proxy.Address);
                using var answer = await proxy.Client.SendAsync(request, CancellationToken.None);
                if (answer.Headers.TryGetValues("LlmProxy-Task", out var task))
                {
                    placed.Add((exchange, task.Single()));
                }
            }
        });

        // A recording may hold several runs, so what is asked is whether each call that extends an earlier one of its
        // recording is in a task with an earlier one, and whether tasks hold calls of one recording alone.
        var calls = placed.OrderBy(c => c.Exchange.Sequence).ToList();
        var missed = new List<string>();
        var extending = 0;
        foreach (var recording in calls.GroupBy(c => c.Exchange.Cassette, StringComparer.Ordinal))
        {
            var earlier = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (exchange, task) in recording)
            {
                if (exchange.ExtendsEarlier)
                {
                    extending++;
                    if (!earlier.Contains(task))
                    {
                        missed.Add($"{exchange.Route} {exchange.Cassette} call {exchange.Sequence} ({exchange.Id})");
                    }
                }

                earlier.Add(task);
            }
        }

        var mixed = calls.GroupBy(c => c.Task, StringComparer.Ordinal).Where(t => t.Select(c => c.Exchange.Cassette).Distinct(StringComparer.Ordinal).Count() > 1).ToList();
        output.WriteLine($"{calls.Count} calls of {recordings.Count} recordings; {extending - missed.Count} of {extending} calls that extend an earlier one are in its task; {mixed.Count} tasks hold calls of several recordings");
        missed.ForEach(output.WriteLine);
        foreach (var task in mixed)
        {
            output.WriteLine("mixed: " + string.Join(", ", task.Select(c => c.Exchange.Cassette).Distinct(StringComparer.Ordinal)));
        }

        Assert.InRange(missed.Count, 0, extending / 20);
        Assert.InRange(mixed.Count, 0, recordings.Count / 20);
    }
}
