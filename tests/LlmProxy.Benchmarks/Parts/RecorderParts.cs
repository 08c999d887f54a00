using LlmProxy.Benchmarks.Record;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>Exchanges from the spool to the store: runs of 30 steps of 40 KB, several at a time, until nothing is pending.</summary>
internal static class RecorderParts
{
    private const int RunsAtOnce = 20;

    public static async Task MeasureAsync(PartLoop loop)
    {
        const string Name = "Exchange recorded";
        if (!loop.Wants(Name))
        {
            return;
        }

        await using var stored = await TemporaryStore.OpenAsync();
        var options = new LlmProxyOptions();
        using var spool = new Spool(options.Recording.Spool, Path.Combine(stored.Folder, "spool"), TimeProvider.System, NullLogger<Spool>.Instance);
        await using var recorder = RecorderBench.Create(spool, stored.Store);
        recorder.Start();
        var template = new AgentRunTemplate(AgentWire.All[0], 40 * 1024, stream: false);
        var answers = Enumerable.Range(1, template.Steps).Select(step => new MarkedText(template.Wire.Reply(step, step == template.Steps))).ToArray();
        var number = 0;
        await loop.MeasureAsync(
            Name,
            $"mean {template.MeanBytes / 1024} KB, {template.Steps} steps, {RunsAtOnce} runs at once; spool included",
            async () =>
            {
                number += RunsAtOnce;
                for (var step = 1; step <= template.Steps; step++)
                {
                    for (var run = 0; run < RunsAtOnce; run++)
                    {
                        Add(spool, recorder, template, answers[step - 1], number + run, step);
                    }
                }

                while (spool.Pending > 0)
                {
                    await Task.Delay(1);
                }
            },
            RunsAtOnce * template.Steps);
    }

    private static void Add(Spool spool, Recorder recorder, AgentRunTemplate template, MarkedText answerText, int run, int step)
    {
        var answer = new byte[answerText.Bytes.Length];
        answerText.CopyTo(answer, run);
        var head = SpoolParts.Head(step) with
        {
            ExchangeId = $"exchange-{run}-{step}",
            TaskId = $"task-{run}",
            TrajectoryId = $"run-{run}",
            ConversationId = $"task-{run}",
            StepIndex = step,
        };
        var exchange = spool.Begin(head, template.Body(run, step), null)!;
        recorder.Register(exchange);
        exchange.WriteResponseHead(new ResponseHead(200, "application/json", null, 1));
        exchange.WriteResponse(answer);
        exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 2, false));
        var assembler = DialectCatalog.Get(template.Wire.Kind).CreateAssembler("application/json", streamRequested: false);
        assembler.Append(answer);
        recorder.Complete(exchange, assembler.ToReply());
    }
}
