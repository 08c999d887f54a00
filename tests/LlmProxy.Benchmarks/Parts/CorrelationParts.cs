using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>A later call finds its task in memory, and its answer's keys are published.</summary>
internal static class CorrelationParts
{
    public static async Task MeasureAsync(PartLoop loop)
    {
        await using var stored = await TemporaryStore.OpenAsync();
        var correlator = new TaskCorrelator(stored.Store, stored.Store, new StoreCircuitBreaker(TimeProvider.System, NullLogger<StoreCircuitBreaker>.Instance), TimeProvider.System);
        var rules = new TaskRules("generic", new TaskPreset(), null);
        var wire = AgentWire.All[0];
        var template = SampleCalls.Template(wire);
        var dialect = DialectCatalog.Get(wire.Kind);
        using var keys = new TurnKeys(SampleCalls.Secret);

        // The run as it was recorded until the call before the last.
        OpenTask task = null!;
        for (var step = 1; step < template.Steps; step++)
        {
            var place = await correlator.AssignAsync(Call(step), keys, CancellationToken.None);
            task = place.Task!;
            correlator.Publish(task, Read(step), Reply(step), keys, place.StepIndex);
            correlator.End(task, place.StepIndex, answered: true, readable: true);
        }

        var last = Call(template.Steps);
        await loop.MeasureAsync("Placed", "the 31st call of a run", async () =>
        {
            var place = await correlator.AssignAsync(last, keys, CancellationToken.None);
            if (place.Task != task)
            {
                throw new InvalidOperationException("The call is not recognised.");
            }

            correlator.End(task, place.StepIndex, answered: true, readable: true);
        });
        var reply = Reply(template.Steps);
        loop.Measure("Published", "the keys of its answer", () => correlator.Publish(task, last.Reading, reply, keys, template.Steps));

        RequestReading Read(int step) => dialect.ReadRequest(template.Body(1, step), "/v1/messages", keys)!;

        AssembledReply Reply(int step)
        {
            var assembler = dialect.CreateAssembler("application/json", streamRequested: false);
            var text = new MarkedText(wire.Reply(step, isLast: false));
            text.CopyTo(text.Bytes, 1);
            assembler.Append(text.Bytes);
            return assembler.ToReply();
        }

        IncomingCall Call(int step) => new()
        {
            Tenant = "default",
            Reading = Read(step),
            Rules = rules,
            Description = () => "Compare the orders",
            EndsInUserText = () => false,
        };
    }
}
