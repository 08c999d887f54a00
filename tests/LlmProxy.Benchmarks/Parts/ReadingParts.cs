using LlmProxy.Benchmarks.Wire;
using LlmProxy.Wire;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>The forward pass over a request, the keys that it makes, and an answer put together from its events.</summary>
internal static class ReadingParts
{
    public static void Measure(PartLoop loop)
    {
        foreach (var wire in AgentWire.All)
        {
            var body = SampleCalls.LastBody(wire);
            var path = wire.Path(stream: true).Split('?')[0];
            var dialect = DialectCatalog.Get(wire.Kind);
            using (var keys = new TurnKeys(SampleCalls.Secret))
            {
                var reading = dialect.ReadRequest(body, path, keys) ?? throw new InvalidOperationException($"The {wire.Name} request cannot be read.");
                loop.Measure($"ReadRequest {wire.Name}", $"{body.Length / 1024} KB, {reading.Messages.Count} messages", () => dialect.ReadRequest(body, path, keys));
            }

            var known = new HistoryPrefixCache();
            loop.Measure($"ReadRequest {wire.Name}, known", $"{body.Length / 1024} KB, all but the end known", () =>
            {
                using var keys = new TurnKeys(SampleCalls.Secret, known);
                dialect.ReadRequest(body, path, keys);
            });
            loop.Measure($"ReadContent {wire.Name}", $"{body.Length / 1024} KB", () => dialect.ReadContent(body));
        }

        MeasureKeys(loop);
        MeasureAnswer(loop);
    }

    private static void MeasureKeys(PartLoop loop)
    {
        var message = new byte[600];
        loop.Measure("TurnKeys", SampleCalls.KeysNote, () =>
        {
            using var keys = new TurnKeys(SampleCalls.Secret);
            var chain = TurnKey.Empty;
            for (var i = 0; i < 60; i++)
            {
                keys.Append(message);
                chain = keys.Chain(chain, keys.Take());
            }
        });
        loop.Measure("TurnKeys made", "no message", () => new TurnKeys(SampleCalls.Secret).Dispose());
    }

    private static void MeasureAnswer(PartLoop loop)
    {
        var wire = AgentWire.All[0];
        var events = wire.Events(5, isLast: false).Select(System.Text.Encoding.UTF8.GetBytes).ToArray();
        var dialect = DialectCatalog.Get(wire.Kind);
        loop.Measure("Answer assembled", $"{events.Length} events, {events.Sum(e => e.Length)} bytes", () =>
        {
            var assembler = dialect.CreateAssembler("text/event-stream", streamRequested: true);
            foreach (var piece in events)
            {
                assembler.Append(piece);
            }

            assembler.ToReply();
        });
    }
}
