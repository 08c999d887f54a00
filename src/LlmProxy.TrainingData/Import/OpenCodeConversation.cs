using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Turns the messages of an opencode session into runs, one a turn, in the form of Anthropic's Messages API: opencode's own
/// form is none that any model's server speaks.
/// </summary>
internal sealed class OpenCodeConversation(TaskRules rules, ImportReport report, SessionRuns sessions, OpenCodeSession session)
{
    // Parts that hold nothing of what was said.
    private static readonly HashSet<string> SilentParts = new(["snapshot", "patch", "agent", "subtask", "retry", "compaction", "step-start", "step-finish"], StringComparer.Ordinal);

    private readonly RunBuilder _builder = new();
    private DateTimeOffset _inputAt;
    private bool _replyCalls;

    /// <summary>The runs.</summary>
    public IReadOnlyList<ImportedTrajectory> Read()
    {
        var isReverted = false;
        foreach (var message in session.Messages)
        {
            isReverted |= session.RevertTo is { } target && message.Id == target;
            if (isReverted)
            {
                ImportReport.Count(report.LeftOut, ImportReport.Abandoned);
                continue;
            }

            switch (message.Info.Text("role"u8) ?? message.Info.Text("type"u8))
            {
                case "user":
                    TakeUser(message);
                    break;
                case "assistant" when IsSummary(message.Info):
                    TakeSummary(message);
                    break;
                case "assistant":
                    TakeAssistant(message);
                    break;
                case "synthetic" or "system" or "shell" or "agent-switched" or "model-switched" or "compaction":
                    TakeOther(message);
                    break;
                case var role:
                    ImportReport.Count(report.Unknown, "message/" + (role ?? "(no role)"));
                    break;
            }
        }

        _builder.Close();
        return _builder.Runs;
    }

    private static bool IsSummary(JsonElement info) => info.Get("summary"u8).ValueKind == JsonValueKind.True || info.Text("mode"u8) == "compaction" || info.Text("agent"u8) == "compaction";

    private void TakeUser(OpenCodeMessage message)
    {
        var at = TimeOf(message.Info, "created"u8) ?? _inputAt;
        var blocks = new List<ReadOnlyMemory<byte>>();
        var typed = new List<string>();
        if (message.Info.Text("text"u8) is { Length: > 0 } own)
        {
            typed.Add(own);
            blocks.Add(TextBlock(own));
        }

        foreach (var part in message.Parts)
        {
            switch (part.Text("type"u8))
            {
                case "text":
                    var text = part.Text("text"u8) ?? "";
                    var isTyped = part.Get("synthetic"u8).ValueKind != JsonValueKind.True && part.Get("ignored"u8).ValueKind != JsonValueKind.True;
                    if (isTyped)
                    {
                        typed.Add(text);
                    }

                    if (text.Length > 0 && part.Get("ignored"u8).ValueKind != JsonValueKind.True)
                    {
                        blocks.Add(TextBlock(text));
                    }

                    break;
                case "file":
                    blocks.Add(FileBlock(part));
                    break;
                default:
                    CountPart(part);
                    break;
            }
        }

        if (blocks.Count == 0)
        {
            return;
        }

        var task = TaskText.Describe(Unquoted(string.Join('\n', typed)), rules.Boilerplate);
        var isIntervention = task.Length > 0 && _replyCalls && _builder.Current is { IsInterrupted: false };
        if (task.Length > 0 && !isIntervention)
        {
            Open(task, message, at);
        }

        _inputAt = at;
        _builder.Add(TranscriptRecord.Message("user", blocks), isIntervention);
    }

    /// <summary><c>opencode run</c> puts its argument into quotes.</summary>
    private static string Unquoted(string text) =>
        text.Trim() is { Length: > 2 } trimmed && trimmed[0] == '"' && trimmed[^1] == '"' && !trimmed.AsSpan(1, trimmed.Length - 2).Contains('"') ? trimmed[1..^1] : text;

    private void Open(string task, OpenCodeMessage message, DateTimeOffset at)
    {
        // A fork copies messages with their times and gives them new ids.
        var id = ImportedTrajectory.IdOf(at == default ? $"opencode\n{session.Id}\n{message.Id}" : FormattableString.Invariant($"opencode\n{at.ToUnixTimeMilliseconds()}\n{task}"));
        _builder.Open(new ImportedTrajectory
        {
            Id = id,
            TaskId = id,
            ConversationId = session.Id,
            SessionId = session.Id,
            Provider = ProviderResolver.Unknown,
            IsByProviders = true,
            Client = "opencode" + (session.Version.Length > 0 ? "/" + session.Version : "") + ClaudeCodeTranscripts.ClientMark,
            Preset = rules.Name,
            TaskDescription = task,
            Project = session.Project,
        });
        _replyCalls = false;
        _inputAt = at;
    }

    /// <summary>What condensed the conversation: the call was the program's own, its answer begins a new history.</summary>
    private void TakeSummary(OpenCodeMessage message)
    {
        ImportReport.Count(report.LeftOut, ImportReport.SideCall);
        var text = string.Join('\n', message.Parts.Where(p => p.Text("type"u8) == "text").Select(p => p.Text("text"u8)).Where(t => !string.IsNullOrEmpty(t)));
        if (text.Length > 0)
        {
            _builder.Rewrite([new ImportedMessage(TranscriptRecord.Message("user", [TextBlock(text)]))]);
        }
    }

    private void TakeOther(OpenCodeMessage message)
    {
        var type = message.Info.Text("type"u8) ?? message.Info.Text("role"u8)!;
        var text = ImportedJson.TextOf(message.Info.Get("summary"u8)) is { Length: > 0 } summary ? summary : ImportedJson.TextOf(message.Info.Get("text"u8));
        if (text.Length == 0)
        {
            ImportReport.Count(report.Ignored, "message/" + type);
        }
        else if (type == "compaction")
        {
            ImportReport.Count(report.LeftOut, ImportReport.SideCall);
            _builder.Rewrite([new ImportedMessage(TranscriptRecord.Message("user", [TextBlock(text)]))]);
        }
        else
        {
            _builder.Add(TranscriptRecord.Message("user", [TextBlock(text)]));
        }
    }

    /// <summary>Takes an assistant's message. It holds one call of a model, in older versions all of a turn.</summary>
    private void TakeAssistant(OpenCodeMessage message)
    {
        var call = new OpenCodeCall(message.Info);
        foreach (var part in message.Parts)
        {
            switch (part.Text("type"u8))
            {
                case "step-start" when !call.IsEmpty:
                    End(call, null);
                    call = new OpenCodeCall(message.Info);
                    break;
                case "step-finish":
                    End(call, part);
                    call = new OpenCodeCall(message.Info);
                    break;
                case "text" or "reasoning" or "tool":
                    call.Take(part);
                    break;
                default:
                    CountPart(part);
                    break;
            }
        }

        End(call, null);
        var error = message.Info.Get("error"u8);
        if (_builder.Current is { } run && (error.Text("name"u8) ?? error.Text("type"u8))?.Contains("abort", StringComparison.OrdinalIgnoreCase) == true)
        {
            run.IsInterrupted = true;
        }
    }

    private void End(OpenCodeCall call, JsonElement? finish)
    {
        if (call.IsEmpty)
        {
            return;
        }

        if (_builder.Current is null)
        {
            Open("", new OpenCodeMessage(session.Id, default, []), default);
        }

        var facts = call.Facts(finish, _inputAt);
        _builder.Reply(TranscriptRecord.Message("assistant", call.Blocks), facts);
        // The server's name, where the model's does not say whose it is.
        _builder.Current!.Provider = call.Provider ?? _builder.Current.Provider;
        _replyCalls = call.HasCalls;
        _inputAt = call.ResultsAt ?? facts.EndedAt;
        if (call.Results.Count > 0)
        {
            _builder.Add(TranscriptRecord.Message("user", call.Results));
        }

        foreach (var started in call.Sessions)
        {
            sessions.AddStart(session.Id, _builder.Current.Id, started);
        }
    }

    private void CountPart(JsonElement part)
    {
        var type = part.Text("type"u8) ?? "(no type)";
        ImportReport.Count(SilentParts.Contains(type) ? report.Ignored : report.Unknown, "part/" + type);
    }

    private static DateTimeOffset? TimeOf(JsonElement info, ReadOnlySpan<byte> name) => ImportedJson.Time(info.Get("time"u8).Get(name));

    private static ReadOnlyMemory<byte> TextBlock(string text) => StrictJson.Bytes(writer => writer.WriteObject(("type", "text"), ("text", StrictJson.Clean(text))));

    private static ReadOnlyMemory<byte> FileBlock(JsonElement part)
    {
        var (url, mime) = (part.Text("url"u8) ?? "", part.Text("mime"u8) ?? "");
        var comma = url.IndexOf(";base64,", StringComparison.Ordinal);
        return !mime.StartsWith("image/", StringComparison.Ordinal) || comma < 0
            ? TextBlock($"[{part.Text("filename"u8) ?? mime}]")
            : StrictJson.Bytes(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("type", "image");
                writer.WriteObject("source", ("type", "base64"), ("media_type", StrictJson.Clean(mime)), ("data", StrictJson.Clean(url[(comma + 8)..])));
                writer.WriteEndObject();
            });
    }
}
