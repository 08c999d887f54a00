using System.Globalization;
using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// One record of a Claude Code transcript. The format is internal to that program and documented nowhere by its makers;
/// what is read here is what its files of versions 1 and 2 have in common.
/// </summary>
internal sealed class TranscriptRecord
{
    /// <summary>Kind of a record that <c>claude -p --output-format stream-json</c> wrote: it says neither what it follows nor what a person asked for.</summary>
    public const string StreamOutput = "stream-json output (not a transcript)";

    // Records that hold no message of the conversation.
    private static readonly string[] KnownTypes =
    [
        "summary", "system", "file-history-snapshot", "queue-operation", "progress", "permission-mode", "attachment", "custom-title", "ai-title", "last-prompt", "tag", "agent-name", "mode", "pr-link", "worktree-state",
    ];

    public required string Type { get; init; }

    public string? Uuid { get; init; }

    /// <summary>The session that wrote it first, where it is the copy in a branch or a fork.</summary>
    public string? ForkedFrom { get; set; }

    public string? RequestId { get; init; }

    public string? Parent { get; init; }

    public string SessionId { get; init; } = "";

    public string? AgentId { get; init; }

    public string Version { get; init; } = "";

    /// <summary>The working directory, or null.</summary>
    public string? Directory { get; init; }

    public DateTimeOffset At { get; init; }

    public bool IsSidechain { get; init; }

    /// <summary>Whether it is not what a person typed: the program's own messages, command output, summaries.</summary>
    public bool IsMeta { get; init; }

    /// <summary>Whether the program wrote it in a person's place, as it states itself.</summary>
    public bool IsByProgram { get; init; }

    /// <summary>Whether a person typed it while the agent worked.</summary>
    public bool IsQueued { get; init; }

    /// <summary>Whether it was attached in a record of its own, which may branch off the messages.</summary>
    public bool IsAttached { get; init; }

    /// <summary>Ids of sub-agents and background tasks that its results name.</summary>
    public IReadOnlyList<string> TaskIds { get; init; } = [];

    /// <summary>Whether the history begins anew with it.</summary>
    public bool BeginsHistory { get; init; }

    public string? MessageId { get; init; }

    /// <summary>What the blocks of one reply have in common; null in forms without ids.</summary>
    public string? ReplyKey => MessageId is null ? null : MessageId + "\n" + RequestId;

    public string Model { get; init; } = "";

    public string? StopReason { get; init; }

    public TokenUsage? Usage { get; init; }

    /// <summary>The content's blocks, each as JSON; a text is one text block.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Blocks { get; init; } = [];

    /// <summary>Its texts.</summary>
    public string Text { get; init; } = "";

    public IReadOnlyList<string> CallIds { get; init; } = [];

    public IReadOnlyList<string> ResultIds { get; init; } = [];

    public bool IsMessage => Type is "user" or "assistant";

    /// <summary>Reads a line.</summary>
    /// <returns>The record; null if it is no part of a conversation, which is counted.</returns>
    public static TranscriptRecord? Read(ReadOnlyMemory<byte> line, ImportReport report)
    {
        using var document = LenientJson.Parse(line);
        if (document?.RootElement is not { ValueKind: JsonValueKind.Object } root)
        {
            ImportReport.Count(report.Unknown, "broken JSON");
            return null;
        }

        var type = root.Text("type"u8) ?? "(no type)";
        var message = root.Get("message"u8);
        var isMessage = type is "user" or "assistant" && message.ValueKind == JsonValueKind.Object;
        if (root.Text("session_id"u8) is not null && root.Text("sessionId"u8) is null && !root.TryGetProperty("parentUuid"u8, out _))
        {
            ImportReport.Count(report.Unknown, StreamOutput);
            return null;
        }

        if (type == "attachment" && TranscriptAttachment.Read(root.Get("attachment"u8)) is { } attachment)
        {
            return Make(root, "user", default, attachment);
        }

        if (!isMessage)
        {
            ImportReport.Count(KnownTypes.Contains(type, StringComparer.Ordinal) ? report.Ignored : report.Unknown, type);
            if (root.Text("uuid"u8) is null)
            {
                return null;
            }
        }
        else if (root.Get("isApiErrorMessage"u8).ValueKind == JsonValueKind.True || message.Text("model"u8) == "<synthetic>")
        {
            // What the program says in the model's place.
            ImportReport.Count(report.Ignored, "assistant (synthetic)");
            isMessage = false;
        }

        return Make(root, isMessage ? type : "other", message);
    }

    private static TranscriptRecord Make(JsonElement root, string type, JsonElement message, TranscriptAttachment? attachment = null)
    {
        var content = attachment is { Content: var attached } ? attached : message.Get("content"u8);
        var blocks = new List<ReadOnlyMemory<byte>>();
        var texts = new List<string>();
        if ((attachment?.Text ?? content.Text()) is { } text)
        {
            texts.Add(text);
            blocks.Add(StrictJson.Bytes(writer => writer.WriteObject(("type", "text"), ("text", StrictJson.Clean(text)))));
        }

        foreach (var block in content.Items())
        {
            blocks.Add(JsonCutter.WithoutCacheControl(block.Raw()));
            if (block.Text("type"u8) == "text" && block.Text("text"u8) is { } part)
            {
                texts.Add(part);
            }
        }

        var isSummary = root.Get("isCompactSummary"u8).ValueKind == JsonValueKind.True;
        return new TranscriptRecord
        {
            Type = type,
            Uuid = root.Text("uuid"u8),
            Parent = root.Text("parentUuid"u8) ?? root.Text("logicalParentUuid"u8),
            ForkedFrom = root.Get("forkedFrom"u8).Text("sessionId"u8),
            RequestId = root.Text("requestId"u8),
            SessionId = root.Text("sessionId"u8) ?? "",
            AgentId = root.Text("agentId"u8),
            Version = root.Text("version"u8) ?? "",
            Directory = root.Text("cwd"u8),
            At = DateTimeOffset.TryParse(root.Text("timestamp"u8), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : default,
            IsSidechain = root.Get("isSidechain"u8).ValueKind == JsonValueKind.True,
            IsMeta = isSummary || attachment is { IsQueued: false } || root.Get("isMeta"u8).ValueKind == JsonValueKind.True,
            IsByProgram = attachment?.IsByProgram == true || ProgramMessages.IsProgram(root.Get("origin"u8).Text("kind"u8), root.Text("promptSource"u8)),
            IsQueued = attachment is { IsQueued: true },
            IsAttached = attachment is not null,
            TaskIds = TaskIdsOf(root.Get("toolUseResult"u8)),
            BeginsHistory = isSummary,
            MessageId = message.Text("id"u8) is { Length: > 0 } id ? id : null,
            Model = message.Text("model"u8) ?? "",
            StopReason = message.Text("stop_reason"u8),
            Usage = UsageOf(message.Get("usage"u8)),
            Blocks = blocks,
            Text = string.Join('\n', texts),
            CallIds = [.. content.Items().Where(b => b.Get("type"u8).Is("tool_use"u8)).Select(b => b.Text("id"u8) ?? "")],
            ResultIds = [.. content.Items().Where(b => b.Get("type"u8).Is("tool_result"u8)).Select(b => b.Text("tool_use_id"u8) ?? "")],
        };
    }

    /// <summary>A message of some blocks.</summary>
    public static byte[] Message(string role, IEnumerable<ReadOnlyMemory<byte>> blocks) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("role", role);
        writer.WriteArray("content", blocks, block => StrictJson.Write(writer, block));
        writer.WriteEndObject();
    });

    private static string[] TaskIdsOf(JsonElement result) => result.ValueKind != JsonValueKind.Object ? [] :
    [
        .. new[] { result.Text("agentId"u8), result.Text("backgroundTaskId"u8), result.Text("taskId"u8), result.Text("task_id"u8), result.Text("shellId"u8) }.OfType<string>(),
    ];

    private static TokenUsage? UsageOf(JsonElement usage)
    {
        if (!usage.Get("input_tokens"u8).Exists() && !usage.Get("output_tokens"u8).Exists())
        {
            return null;
        }

        var read = usage.Number("cache_read_input_tokens"u8) ?? 0;
        var written = usage.Number("cache_creation_input_tokens"u8) ?? 0;
        return new TokenUsage((usage.Number("input_tokens"u8) ?? 0) + read + written, usage.Number("output_tokens"u8) ?? 0, read, written, 0);
    }
}
