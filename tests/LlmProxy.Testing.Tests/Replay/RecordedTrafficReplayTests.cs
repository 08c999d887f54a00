using System.Collections.Concurrent;
using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Redaction;
using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Replay;

/// <summary>Every multi-step recording, recorded through the proxy, replayed to the requests that made it.</summary>
public sealed class RecordedTrafficReplayTests(ITestOutputHelper output)
{
    [SharedDataFact]
    public async Task Each_recorded_call_is_found_by_its_own_request_and_answered_as_it_was()
    {
        await using var proxy = await Export.RecordedRuns.StartProxyAsync();
        var tasks = await SendAllAsync(proxy);
        var redactor = new Redactor(new RedactionOptions());
        var (found, missed, strangers, asIs, calls) = (0, new List<string>(), 0, 0, 0);
        foreach (var (taskId, exchanges) in tasks)
        {
            var trajectory = (await proxy.Store.FindTaskAsync("default", taskId, default))!;
            var steps = await proxy.ReadStepsAsync(trajectory);
            if (!steps.Any(step => step.Reply is not null))
            {
                strangers += exchanges.Count;
                continue;
            }

            // Through the file, as a user has it.
            var run = RecordedTrajectoryFile.Read(RecordedTrajectoryFile.Write(RecordedTrajectory.Of(trajectory, steps)));
            var session = new ReplaySession(run, ReplayMode.Strict);
            foreach (var exchange in exchanges)
            {
                calls++;
                var call = IncomingReplayCall.Read(exchange.Method, exchange.Path, exchange.Request, redactor)!;
                if (session.Take(call) is not { Call: { } recorded } match)
                {
                    missed.Add($"{exchange.Id} of {taskId}: {session.Unrecorded[^1].Reason}");
                    continue;
                }

                found++;
                asIs += IsSame(exchange, ReplayAnswer.Of(recorded, call.WantsStream), redactor) ? 1 : 0;
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{tasks.Count} runs with {calls} calls: {found} found by their own request, {asIs} answered as they were; {strangers} calls of runs without a reply"));
        missed.Take(40).ToList().ForEach(output.WriteLine);

        // Missed are repetitions that took the place of an earlier step: the same call twice is one step.
        Assert.InRange(found, calls * 98 / 100, calls);
        Assert.InRange(asIs, found * 98 / 100, found);
        Assert.InRange(calls, 1000, int.MaxValue);
    }

    private static bool IsSame(RecordedExchange exchange, ReplayAnswer answer, Redactor redactor)
    {
        if (exchange.Status >= 400)
        {
            return answer.Status == exchange.Status;
        }

        var dialect = DialectCatalog.Get(DialectCatalog.Recognize(exchange.Method, exchange.Path)!.Value);
        var (was, now) = (Assemble(dialect, exchange.Response), Assemble(dialect, answer.Body));
        return was.StopReason == now.StopReason
            && was.Usage == now.Usage
            && redactor.Redact(was.Message.Text) == now.Message.Text
            && was.Message.ToolCalls.Select(call => (call.Id, call.Name)).SequenceEqual(now.Message.ToolCalls.Select(call => (call.Id, call.Name)));
    }

    private static AssembledReply Assemble(IDialect dialect, ReadOnlySpan<byte> bytes)
    {
        var assembler = dialect.CreateAssembler(null, false);
        assembler.Append(bytes);
        return assembler.ToReply();
    }

    /// <summary>Sends all, and gives for each task its exchanges in order.</summary>
    private static async Task<IReadOnlyDictionary<string, List<RecordedExchange>>> SendAllAsync(RunningProxy proxy)
    {
        var recordings = RecordedExchange.ReadAll().GroupBy(e => e.Cassette, StringComparer.Ordinal).Where(c => c.Any(e => e.IsMultiStep)).ToList();
        var byId = recordings.SelectMany(c => c).ToDictionary(e => e.Id, StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => byId[received.Headers["x-exchange"].Single()].AnswerAsync(context);
        var tasks = new ConcurrentDictionary<string, List<RecordedExchange>>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(recordings, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (recording, _) =>
        {
            foreach (var exchange in recording.OrderBy(e => e.Sequence))
            {
                using var request = exchange.ToRequest(proxy.Address);
                using var answer = await proxy.Client.SendAsync(request, CancellationToken.None);
                await answer.Content.ReadAsByteArrayAsync(CancellationToken.None);
                if (answer.Headers.TryGetValues("LlmProxy-Task", out var task))
                {
                    lock (tasks)
                    {
                        tasks.GetOrAdd(task.Single(), _ => []).Add(exchange);
                    }
                }
            }
        });
        await proxy.SettleAsync();
        return tasks;
    }
}
