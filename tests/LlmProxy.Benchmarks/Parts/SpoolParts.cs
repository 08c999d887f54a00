using System.Text;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>An exchange handed to the operating system: its request, and its answer in so many pieces as it came in.</summary>
internal static class SpoolParts
{
    public static void Measure(PartLoop loop)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            using var spool = new Spool(new SpoolOptions(), folder, TimeProvider.System, NullLogger<Spool>.Instance);
            var wire = AgentWire.All[0];
            var body = SampleCalls.LastBody(wire);
            Measure(loop, spool, body, "json", [Encoding.UTF8.GetBytes(wire.Reply(5, isLast: false))]);
            Measure(loop, spool, body, "stream", [.. wire.Events(5, isLast: false).Select(Encoding.UTF8.GetBytes)]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(PartLoop loop, Spool spool, byte[] body, string name, byte[][] answer)
    {
        // One is always open, as under load: else each exchange would pay for a segment of its own.
        var open = spool.Begin(Head(0), body, null)!;
        var number = 0;
        loop.Measure($"Spool written, {name}", $"{body.Length / 1024} KB, answer in {answer.Length}", () =>
        {
            var exchange = spool.Begin(Head(++number), body, null)!;
            exchange.WriteResponseHead(new ResponseHead(200, "application/json", null, 1));
            foreach (var piece in answer)
            {
                exchange.WriteResponse(piece);
            }

            exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 2, false));
            exchange.Release();
            if (number % 500 == 0)
            {
                // The open one moves on, so that segments are released as they are under load.
                open.Release();
                open = spool.Begin(Head(number), body, null)!;
            }
        });
        open.Release();
    }

    internal static ExchangeHead Head(int number) => new()
    {
        ExchangeId = $"exchange-{number}",
        Tenant = "default",
        TaskId = "task-1",
        TrajectoryId = "run-1",
        ConversationId = "task-1",
        SessionId = "11111111-2222-4333-8444-555555555555",
        StepIndex = 31,
        Dialect = DialectKind.AnthropicMessages,
        Provider = "anthropic",
        Model = "claude-sonnet-4-5",
        Client = "claude-cli/2.0.14 (external, cli)",
        Preset = "claude-code",
        Path = "/v1/messages",
        TaskDescription = "Compare the orders of the month with the invoices and tell me which totals differ.",
        KeepContent = true,
        StartedAt = TimeProvider.System.GetUtcNow(),
    };
}
