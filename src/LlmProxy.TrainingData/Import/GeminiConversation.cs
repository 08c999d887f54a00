using System.Text.Json;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Turns the messages of a Gemini CLI session into runs, one a turn. A record of the model holds its calls with their
/// results, in the form of Gemini's API; newer versions repeat the results in a record of their own.
/// </summary>
internal sealed class GeminiConversation(TaskRules rules, ImportReport report, string session, string? parent, string? project, string? projectName)
{
    private const string Directories = "Workspace Directories:**";

    private static readonly string[] Context = ["<session_context>", "<state_snapshot>", "This is the Gemini CLI. We are setting up the context for our chat.", "This is the Gemini CLI."];

    private readonly RunBuilder _builder = new();
    private readonly HashSet<string> _answered = new(StringComparer.Ordinal);
    private DateTimeOffset _inputAt;
    private bool _isStopped;

    /// <summary>The path of the project that a session's context names, or null.</summary>
    public static string? ProjectIn(string text)
    {
        var start = text.StartsWith(Context[0], StringComparison.Ordinal) ? text.IndexOf(Directories, StringComparison.Ordinal) : -1;
        var line = start < 0 ? null : text[(start + Directories.Length)..].TrimStart().Split('\n')[0];
        return line is not null && line.StartsWith("- ", StringComparison.Ordinal) ? ProjectPath.Normalize(line[2..]) : null;
    }

    /// <summary>The runs.</summary>
    public IReadOnlyList<ImportedTrajectory> Read(IEnumerable<GeminiRecord> records)
    {
        foreach (var (root, beginsHistory) in records)
        {
            if (beginsHistory)
            {
                _builder.Rewrite([]);
            }

            var at = ImportedJson.Time(root.Get("timestamp"u8)) ?? _inputAt;
            switch (root.Text("type"u8))
            {
                case "user":
                    TakeUser(root, at);
                    break;
                case "gemini" or "assistant" or "model":
                    TakeReply(root, at);
                    break;
                case "info" or "error" or "warning":
                    _isStopped = ImportedJson.TextOf(root.Get("content"u8)).StartsWith("Request cancelled", StringComparison.OrdinalIgnoreCase);
                    EndIfStopped();
                    ImportReport.Count(report.Ignored, root.Text("type"u8)!);
                    break;
                case var type:
                    ImportReport.Count(report.Unknown, type ?? "(no type)");
                    break;
            }
        }

        EndIfStopped();
        _builder.Close();
        return _builder.Runs;
    }

    private void EndIfStopped()
    {
        if (_isStopped && _builder.Current is { } run)
        {
            run.IsInterrupted = true;
        }

        _isStopped = false;
    }

    private void TakeUser(JsonElement root, DateTimeOffset at)
    {
        var content = root.Get("content"u8);
        var parts = content.ValueKind == JsonValueKind.Array ? content.Items().ToList() : [content];
        if (parts.Count > 0 && parts.TrueForAll(p => p.Get("functionResponse"u8).Exists()))
        {
            var fresh = parts.Where(p => p.Get("functionResponse"u8).Text("id"u8) is not { } id || _answered.Add(id)).Select(p => ImportedJson.Copy(p)).ToList();
            if (fresh.Count > 0)
            {
                _builder.Add(Content("user", fresh));
            }

            _inputAt = at;
            return;
        }

        var text = ImportedJson.TextOf(content);
        var task = Array.Exists(Context, c => text.TrimStart().StartsWith(c, StringComparison.Ordinal)) ? "" : TaskText.Describe(text, rules.Boilerplate);
        if (task.Length > 0)
        {
            EndIfStopped();
            Open(root, task);
        }

        _inputAt = at;
        _builder.Add(Content("user", parts.Select(p => p.ValueKind == JsonValueKind.String ? TextPart(p.Text(), isThought: false) : ImportedJson.Copy(p))));
    }

    private void Open(JsonElement root, string task)
    {
        var key = root.Text("id"u8) is { } id ? $"gemini-cli\n{id}" : FormattableString.Invariant($"gemini-cli\n{session}\n{_builder.Runs.Count}");
        var run = ImportedTrajectory.IdOf(key);
        _builder.Open(new ImportedTrajectory
        {
            Id = run,
            TaskId = run,
            ConversationId = parent is null ? session : parent + "/" + session,
            SessionId = session,
            Provider = "gemini",
            Dialect = DialectKind.Gemini,
            IsByProviders = true,
            Client = "gemini-cli" + ClaudeCodeTranscripts.ClientMark,
            Preset = rules.Name,
            TaskDescription = task,
            Project = project,
            ProjectName = projectName,
        });
    }

    private void TakeReply(JsonElement root, DateTimeOffset at)
    {
        _isStopped = false;
        var calls = root.Get("toolCalls"u8).Items().ToList();
        var parts = new List<ReadOnlyMemory<byte>>();
        foreach (var thought in root.Get("thoughts"u8).Items())
        {
            var subject = thought.Text("subject"u8);
            parts.Add(TextPart((subject is { Length: > 0 } ? $"**{subject}**\n" : "") + thought.Text("description"u8), isThought: true));
        }

        // A resumed session holds the parts of the reply as its content.
        var content = root.Get("content"u8);
        parts.AddRange(content.Items().Where(p => p.Text("text"u8) is { Length: > 0 } || (p.Get("functionCall"u8).Exists() && calls.Count == 0)).Select(p => ImportedJson.Copy(p)));
        if (content.ValueKind != JsonValueKind.Array && ImportedJson.TextOf(content) is { Length: > 0 } text)
        {
            parts.Add(TextPart(text, isThought: false));
        }

        parts.AddRange(calls.Select(CallPart));
        if (parts.Count == 0)
        {
            ImportReport.Count(report.Ignored, "gemini (empty)");
            return;
        }

        if (_builder.Current is null)
        {
            Open(root, "");
        }

        _builder.Reply(Content("model", parts), new CallFacts
        {
            Model = root.Text("model"u8) ?? "",
            StopReason = "STOP",
            Usage = UsageOf(root.Get("tokens"u8)),
            StartedAt = _inputAt == default ? at : _inputAt,
            EndedAt = at,
        });
        _inputAt = at;
        TakeResults(calls);
    }

    private void TakeResults(List<JsonElement> calls)
    {
        var results = new List<ReadOnlyMemory<byte>>();
        foreach (var call in calls)
        {
            var at = ImportedJson.Time(call.Get("timestamp"u8)) ?? _inputAt;
            _inputAt = at > _inputAt ? at : _inputAt;
            _isStopped |= call.Get("status"u8).Is("cancelled"u8);
            var result = call.Get("result"u8);
            var given = result.Items().Where(p => p.ValueKind == JsonValueKind.Object).ToList();
            if (given.Count > 0)
            {
                results.AddRange(given.Select(p => ImportedJson.Copy(p)));
            }
            else if (result.Exists() || call.Get("status"u8).Exists())
            {
                results.Add(ResultPart(call, result));
            }

            if (call.Text("id"u8) is { } id)
            {
                _answered.Add(id);
            }
        }

        if (results.Count > 0)
        {
            _builder.Add(Content("user", results));
        }
    }

    private static TokenUsage? UsageOf(JsonElement tokens)
    {
        if (tokens.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var thoughts = tokens.Number("thoughts"u8) ?? 0;
        return new TokenUsage((tokens.Number("input"u8) ?? 0) + (tokens.Number("tool"u8) ?? 0), (tokens.Number("output"u8) ?? 0) + thoughts, tokens.Number("cached"u8) ?? 0, 0, thoughts);
    }

    private static ReadOnlyMemory<byte> TextPart(string? text, bool isThought) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartObject();
        if (isThought)
        {
            writer.WriteBoolean("thought", true);
        }

        writer.WriteString("text", StrictJson.Clean(text));
        writer.WriteEndObject();
    });

    private static ReadOnlyMemory<byte> CallPart(JsonElement call) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartObject();
        writer.WriteStartObject("functionCall");
        writer.WriteString("name", StrictJson.Clean(call.Text("name"u8)));
        writer.WritePropertyName("args");
        if (call.Get("args"u8).ValueKind == JsonValueKind.Object)
        {
            StrictJson.Write(writer, call.Get("args"u8));
        }
        else
        {
            writer.WriteStartObject();
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    /// <summary>The result of a call whose record holds no response of its function: a text, or none.</summary>
    private static ReadOnlyMemory<byte> ResultPart(JsonElement call, JsonElement result) => StrictJson.Bytes(writer =>
    {
        var text = ImportedJson.TextOf(result) is { Length: > 0 } given ? given : ImportedJson.TextOf(call.Get("resultDisplay"u8));
        var isError = call.Get("status"u8).Is("error"u8) || call.Get("status"u8).Is("cancelled"u8);
        writer.WriteStartObject();
        writer.WriteStartObject("functionResponse");
        writer.WriteString("name", StrictJson.Clean(call.Text("name"u8)));
        writer.WriteStartObject("response");
        writer.WriteString(isError ? "error" : "output", StrictJson.Clean(text.Length > 0 ? text : call.Text("status"u8)));
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    });

    private static ReadOnlyMemory<byte> Content(string role, IEnumerable<ReadOnlyMemory<byte>> parts) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartObject();
        writer.WriteString("role", role);
        writer.WriteArray("parts", parts, part => StrictJson.Write(writer, part));
        writer.WriteEndObject();
    });
}
