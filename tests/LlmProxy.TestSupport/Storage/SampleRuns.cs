using System.Text;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Storage;

/// <summary>Runs to store, with as little as a test needs to say.</summary>
internal static class SampleRuns
{
    public const string Tenant = "default";

    public static DateTimeOffset Start { get; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public static Trajectory Run(string id, string description = "Book a flight to Rome") => new()
    {
        Id = id,
        TaskId = "task-" + id,
        Tenant = Tenant,
        ConversationId = "task-" + id,
        Provider = "anthropic",
        Model = "claude-sonnet-4",
        TaskDescription = description,
        Status = TrajectoryStatus.Completed,
        Success = true,
        QualityScore = 0.9,
        StartedAt = Start,
        LastActivityAt = Start.AddMinutes(1),
        CompletedAt = Start.AddMinutes(1),
        OutcomeSource = OutcomeSource.Api,
        HasContent = true,
    };

    public static Content Text(string text) => Content.Of(Encoding.UTF8.GetBytes(text));

    /// <summary>A file that does not get smaller.</summary>
    public static byte[] Image { get; } = MakeImage();

    /// <summary>The result of a call, with the image.</summary>
    public static Content Screenshot(string call) => Text(
        $$$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{{call}}}","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"{{{Convert.ToBase64String(Image)}}}"}}]}]}""");

    public static TrajectoryStep Step(string run, int index, params Content[] messages) => new()
    {
        TrajectoryId = run,
        Index = index,
        ExchangeId = $"{run}-exchange-{index}",
        Dialect = DialectKind.AnthropicMessages,
        StartedAt = Start.AddSeconds(index),
        Messages = messages.Select(m => new StepMessage(m.Hash, "user", false)).ToArray(),
    };

    public static TrajectoryChange Change(Trajectory run, params Content[] contents) => new()
    {
        Trajectory = run,
        Steps = contents.Select((c, i) => Step(run.Id, i + 1, c)).ToArray(),
        Contents = contents,
    };

    public static TrajectoryEmbedding Vector(params float[] vector) => new("test-model", "task", vector, "");

    public static TrajectoryChange Embedded(Trajectory run, params float[] vector) => new() { Trajectory = run, Embeddings = [Vector(vector)] };

    public static TrajectoryEmbedding Lexical(params float[] vector) => new("lexical-1", "task", vector, "");

    public static CorrelationEntry Key(ulong number, Trajectory run, int step, DateTimeOffset? at = null, CorrelationKind kind = CorrelationKind.Chain) =>
        new(new TurnKey(number, number), kind, run.TaskId, step, at ?? Start);

    public static PromptPin Pin(string taskId, int examples = 1, string tenant = Tenant) =>
        new(tenant, taskId, "set-1", """{"task":"x"}""", ["run-1"], new FewShotResult(examples), Start);

    private static byte[] MakeImage()
    {
        var image = new byte[20_000];
        new Random(1).NextBytes(image);
        return image;
    }
}
