using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Core.Recording;

/// <summary>What is known of a call when it starts: its place among the tasks, decided once and never again.</summary>
public sealed record ExchangeHead
{
    /// <summary>The exchange's own id.</summary>
    public required string ExchangeId { get; init; }

    /// <summary>The tenant that owns the task.</summary>
    public required string Tenant { get; init; }

    /// <summary>Name of the key that it came with, or null without keys.</summary>
    public string? KeyName { get; init; }

    /// <summary>The task it belongs to; for a side call the task that it is for, or null where that is unknown.</summary>
    public string? TaskId { get; init; }

    /// <summary>The task's trajectory.</summary>
    public string? TrajectoryId { get; init; }

    /// <summary>The trajectory's conversation.</summary>
    public string? ConversationId { get; init; }

    /// <summary>The trajectory that started this one, or null.</summary>
    public string? ParentId { get; init; }

    /// <summary>The client's session id, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>The ids of the call's task; null if the task is unknown. In JSON they are properties of the head itself.</summary>
    [JsonIgnore]
    public TaskIdentity? Task
    {
        get => TaskId is null || TrajectoryId is null
            ? null
            : new() { TaskId = TaskId, TrajectoryId = TrajectoryId, Tenant = Tenant, ConversationId = ConversationId ?? TaskId, ParentId = ParentId, SessionId = SessionId };
        init => (TaskId, TrajectoryId, ConversationId, ParentId, SessionId) = (value?.TaskId, value?.TrajectoryId, value?.ConversationId, value?.ParentId, value?.SessionId);
    }

    /// <summary>Number of the step from 1; the same again for a retry.</summary>
    public int StepIndex { get; init; }

    /// <summary>The call repeats the step of that number: it takes its place. Else a number that is taken already is not the step's own.</summary>
    public bool IsRetry { get; init; }

    /// <summary>The call fetches the response of the step, which was asked for in the background: it has no request of its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsFetch { get; init; }

    /// <summary>A side call (title, summary…): no step.</summary>
    public bool IsSideCall { get; init; }

    /// <summary>The wire format.</summary>
    public required DialectKind Dialect { get; init; }

    /// <summary>The provider of the model.</summary>
    public required string Provider { get; init; }

    /// <summary>The model asked for.</summary>
    public string Model { get; init; } = "";

    /// <summary>The client's user agent.</summary>
    public string Client { get; init; } = "";

    /// <summary>Name of the preset whose rules apply.</summary>
    public string Preset { get; init; } = "generic";

    /// <summary>The request's path, for dialects that say something there.</summary>
    public string Path { get; init; } = "";

    /// <summary>Whether a stream was asked for.</summary>
    public bool Stream { get; init; }

    /// <summary>The request body's Content-Encoding, or null.</summary>
    public string? RequestEncoding { get; init; }

    /// <summary>What the task is (first call of a task).</summary>
    public string? TaskDescription { get; init; }

    /// <summary>Working directory or repository that the client states, or null.</summary>
    public string? Project { get; init; }

    /// <summary>Examples in the prompt that was sent.</summary>
    public IReadOnlyList<string> ExampleIds { get; init; } = [];

    /// <summary>Arm of the experiment, or null.</summary>
    public string? Arm { get; init; }

    /// <summary>Hash of the template set that the prompt was rendered with, or null.</summary>
    public string? TemplateSet { get; init; }

    /// <summary>Whether the content is kept, or metrics alone.</summary>
    public bool KeepContent { get; init; }

    /// <summary>When the request came.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The row of the task that it opens.</summary>
    public Trajectory ToRow()
    {
        var task = Task ?? throw new InvalidOperationException("An exchange without a task opens none.");
        return new()
        {
            Id = task.TrajectoryId,
            TaskId = task.TaskId,
            Tenant = task.Tenant,
            ConversationId = task.ConversationId,
            ParentId = task.ParentId,
            SessionId = task.SessionId,
            Provider = Provider,
            Model = Model,
            Client = Client,
            Preset = Preset,
            TaskDescription = TaskDescription ?? "",
            Project = Project,
            StartedAt = StartedAt,
            LastActivityAt = StartedAt,
            HasContent = KeepContent,
            ExampleIds = ExampleIds,
            Arm = Arm,
            TemplateSet = TemplateSet,
            KeyNames = KeyName is null ? [] : [KeyName],
        };
    }

    /// <summary>The head of a call that has its place; who calls and what was sent is the caller's to add.</summary>
    /// <param name="place">The place.</param>
    /// <param name="task">Its task.</param>
    /// <param name="reading">The request.</param>
    /// <param name="dialect">The request's wire format.</param>
    /// <param name="provider">The provider of the model.</param>
    /// <param name="now">The time.</param>
    public static ExchangeHead Of(TaskAssignment place, OpenTask task, RequestReading reading, DialectKind dialect, string provider, DateTimeOffset now) => new()
    {
        ExchangeId = Guid.CreateVersion7(now).ToString("N"),
        Tenant = task.Tenant,
        Task = task.Identity,
        StepIndex = place.StepIndex,
        IsRetry = place.IsRetry,
        IsSideCall = place.IsSideCall,
        Dialect = dialect,
        Provider = provider,
        Model = reading.Model ?? "",
        Stream = reading.Stream,
        TaskDescription = task.TaskDescription,
        Project = task.Project,
        StartedAt = now,
    };

    /// <summary>
    /// When the call arrived, by the process's monotonic clock; null for one of another process. <see cref="StartedAt"/>
    /// jumps when the clock is set.
    /// </summary>
    [JsonIgnore]
    public TimeSpan? Uptime { get; init; }

    /// <summary>How the JSON of a head begins.</summary>
    internal static ReadOnlySpan<byte> FirstName => "{\"exchangeId\":"u8;

    internal byte[] ToUtf8() => JsonSerializer.SerializeToUtf8Bytes(this, ExchangeJson.Default.ExchangeHead);

    internal static ExchangeHead? FromUtf8(ReadOnlySpan<byte> json) => JsonSerializer.Deserialize(json, ExchangeJson.Default.ExchangeHead);
}

/// <summary>Head of a response.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="ContentType">Content-Type as sent, or null.</param>
/// <param name="ContentEncoding">Content-Encoding, or null.</param>
/// <param name="FirstByteMs">From the request to this head, in milliseconds.</param>
public sealed record ResponseHead(int Status, string? ContentType, string? ContentEncoding, double FirstByteMs)
{
    /// <summary>Whether a Content-Type is that of server-sent events.</summary>
    public static bool IsEventStream(string? contentType) => contentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) == true;
}

/// <summary>How an exchange ended: which phase, which side.</summary>
public enum ExchangeOutcome
{
    /// <summary>The whole response went to the client.</summary>
    Complete,
    /// <summary>The client left before the response was whole.</summary>
    ClientLeft,
    /// <summary>The upstream could not be reached.</summary>
    UpstreamRefused,
    /// <summary>The upstream did not respond in time.</summary>
    UpstreamTimeout,
    /// <summary>The upstream broke off in the middle of its response.</summary>
    UpstreamBroke,
    /// <summary>The proxy itself was killed before the end; found after a restart.</summary>
    ProxyStopped,
}

/// <summary>End of an exchange.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="DurationMs">From the request to the end, in milliseconds.</param>
/// <param name="Truncated">Whether the recorded copy is not whole.</param>
/// <param name="Rhythm">When the parts of a streamed response came (<see cref="Trajectories.StreamRhythm"/>), or null.</param>
public sealed record ExchangeTail(ExchangeOutcome Outcome, double DurationMs, bool Truncated, string? Rhythm = null);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ExchangeHead))]
[JsonSerializable(typeof(ResponseHead))]
[JsonSerializable(typeof(ExchangeTail))]
internal sealed partial class ExchangeJson : JsonSerializerContext;
