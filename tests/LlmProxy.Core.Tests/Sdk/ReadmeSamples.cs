using LlmProxy.Core.Sdk;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Sdk;

/// <summary>The code that the READMEs show, between the marks; <see cref="ReadmeTests"/> holds them to it.</summary>
internal static class ReadmeSamples
{
    public static async Task<string> RunAsync(IConfiguration configuration, IChatClient model, IReadOnlyList<ChatMessage> messages, ChatOptions options, ChatResponse response)
    {
        // <record>
        var services = new ServiceCollection();
        services.AddLlmProxyCore(configuration).AddLlmProxyStorage().AddLlmProxyTrainingData(); // its section LlmProxy is that of proxy.json
        await using var provider = services.BuildServiceProvider();

        var recorder = provider.GetRequiredService<TrajectoryRecorder>();
        await recorder.StartTrajectoryAsync("task-7", "anthropic", "claude-sonnet-4-6", "File the October invoice");
        await recorder.RecordIterationAsync("task-7", new IterationSnapshot { Messages = messages, Response = response });
        await recorder.CompleteTrajectoryAsync("task-7", success: true);
        // </record>

        // <chat>
        IChatClient client = new LearningChatClient(model, provider);
        using (TaskScope.Begin("task-8", "File the November invoice"))
        {
            response = await client.GetResponseAsync(messages, options);
        }

        await recorder.CompleteTrajectoryAsync("task-8", success: true);
        // </chat>

        // <search>
        var search = provider.GetRequiredService<TrajectorySearch>();
        var similar = await search.FindSimilarAsync("File the December invoice");
        var section = search.FormatAsFewShot(similar);

        var exporter = provider.GetRequiredService<TrajectoryExporter>();
        var result = await exporter.ExportForFineTuningAsync(new ExportRequest("default", ExportFormat.OpenAi), "training.jsonl");
        // </search>
        return $"{section}\n{result.Added}";
    }
}
