using System.Text.Json;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>A message of an opencode session; its elements have their own memory.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Info">What is known of it: role, times, model, tokens.</param>
/// <param name="Parts">What it holds, in order.</param>
internal sealed record OpenCodeMessage(string Id, JsonElement Info, IReadOnlyList<JsonElement> Parts);

/// <summary>A session of opencode, whatever it was stored in.</summary>
internal sealed record OpenCodeSession
{
    public required string Id { get; init; }

    /// <summary>The session that started it as a sub-agent, or null.</summary>
    public string? ParentId { get; init; }

    public string? Project { get; init; }

    public string Version { get; init; } = "";

    /// <summary>The message from which on a person took it back, or null.</summary>
    public string? RevertTo { get; init; }

    public DateTimeOffset At { get; init; }

    public IReadOnlyList<OpenCodeMessage> Messages { get; init; } = [];

    /// <summary>A session as its file or an export describes it; null if it is none.</summary>
    public static OpenCodeSession? Of(JsonElement info) => info.Text("id"u8) is not { Length: > 0 } id ? null : new OpenCodeSession
    {
        Id = id,
        ParentId = info.Text("parentID"u8) ?? info.Text("parent_id"u8),
        Project = ProjectPath.Normalize(info.Text("directory"u8)),
        Version = info.Text("version"u8) ?? "",
        RevertTo = info.Get("revert"u8).Text("messageID"u8),
        At = ImportedJson.Time(info.Get("time"u8).Get("updated"u8)) ?? ImportedJson.Time(info.Get("time"u8).Get("created"u8)) ?? default,
    };

    /// <summary>The sessions of an export.</summary>
    public static OpenCodeSession? OfExport(JsonElement root) => Of(root.Get("info"u8)) is not { } session || root.Get("messages"u8).ValueKind != JsonValueKind.Array
        ? null
        : session with
        {
            Messages = [.. root.Get("messages"u8).Items().Select(m => new OpenCodeMessage(
                m.Get("info"u8).Text("id"u8) ?? "", m.Get("info"u8).ValueKind == JsonValueKind.Object ? m.Get("info"u8).Clone() : default, [.. m.Get("parts"u8).Items().Select(p => p.Clone())]))],
        };
}
