using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Server.Hosting;
using LlmProxy.Wire;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>A call from its arrival to its end through the pipeline that the proxy and the SDK use, without its record: that has a part of its own.</summary>
internal static class PipelineParts
{
    private const string Name = "Pipeline";

    public static async Task MeasureAsync(PartLoop loop)
    {
        if (!loop.Wants(Name))
        {
            return;
        }

        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        var configuration = ProxyConfiguration.Load(null, new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase)
        {
            ["LlmProxy:Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "llmproxy.db")}",
            ["LlmProxy:Recording:Spool:Directory"] = Path.Combine(folder, "spool"),
            ["LlmProxy:Embeddings:Provider"] = "lexical",
        });
        await using (var services = new ServiceCollection().AddLearning(configuration).BuildServiceProvider())
        {
            await services.GetRequiredService<LearningHost>().StartAsync(CancellationToken.None);
            await MeasureAsync(loop, services.GetRequiredService<CallPipeline>());
        }

        Directory.Delete(folder, recursive: true);
    }

    private static async Task MeasureAsync(PartLoop loop, CallPipeline pipeline)
    {
        var wire = AgentWire.All[0];
        var template = SampleCalls.Template(wire);
        var dialect = DialectCatalog.Get(wire.Kind);
        string? task = null;

        // The task as it was until the call before the last.
        for (var step = 1; step < template.Steps; step++)
        {
            task = await CallAsync(template.Body(1, step), Reply(step));
        }

        var (last, reply) = (template.Body(1, template.Steps), Reply(template.Steps));
        await loop.MeasureAsync(Name, $"the {template.Steps}st call of a task, {last.Length / 1024} KB, not recorded", async () =>
        {
            if (await CallAsync(last, reply) != task)
            {
                throw new InvalidOperationException("The call is not recognised.");
            }
        });

        async Task<string?> CallAsync(byte[] body, byte[] answer)
        {
            using var call = await pipeline.BeginAsync(
                new CallStart("default", dialect) { Body = body, Path = "/v1/messages", Provider = "anthropic", RecordHeader = "off", ArrivedTimestamp = pipeline.Timestamp() },
                CancellationToken.None);
            call.Complete(ExchangeOutcome.Complete, 200, answer);
            return call.TaskId;
        }

        byte[] Reply(int step)
        {
            var text = new MarkedText(wire.Reply(step, isLast: false));
            text.CopyTo(text.Bytes, 1);
            return text.Bytes;
        }
    }
}
