using System.Text;
using System.Text.Json;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>
/// Reads files of the format <c>anthropic</c>. With the origins file next to it each reply goes back to its step, and the
/// lines of a run whose history was rewritten become one run again; without it each line is a run and each reply a step.
/// </summary>
internal sealed class AnthropicExports(ImportReport report) : IAgentHistories
{
    /// <inheritdoc />
    public IEnumerable<string> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*.jsonl", SearchOption.AllDirectories)
        .Where(f => !f.EndsWith(".origins.jsonl", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    /// <inheritdoc />
    public IAsyncEnumerable<ListedConversation> ListAsync(string file, CancellationToken cancellationToken) =>
        new[] { new ListedConversation(null, ListedConversation.LastWrite(file)) }.ToAsyncEnumerable();

    /// <summary>The runs of a file, one at a time.</summary>
    public async IAsyncEnumerable<ImportedTrajectory> ReadAsync(string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var originsPath = ExportFiles.OriginsOf(path);
        var origins = File.Exists(originsPath) ? ImportLines.ReadAsync(originsPath, report, cancellationToken).GetAsyncEnumerator(cancellationToken) : null;
        try
        {
            ImportedTrajectory? run = null;
            await foreach (var (_, bytes) in ImportLines.ReadAsync(path, report, cancellationToken))
            {
                var origin = origins is not null && await origins.MoveNextAsync() ? OriginOf(originsPath, origins.Current) : null;
                if (bytes is not { } line)
                {
                    continue;
                }

                using var document = LenientJson.Parse(line);
                if (document?.RootElement.Get("messages"u8).ValueKind != JsonValueKind.Array)
                {
                    ImportReport.Count(report.Unknown, document is null ? "broken JSON" : "line without messages");
                    continue;
                }

                if (run is null || origin is null || run.Origin?.TrajectoryId != origin.TrajectoryId)
                {
                    if (run is not null)
                    {
                        yield return run;
                    }

                    run = Start(line, origin, document.RootElement);
                }

                AddLine(run, document.RootElement, origin);
            }

            if (run is not null)
            {
                yield return run;
            }
        }
        finally
        {
            if (origins is not null)
            {
                await origins.DisposeAsync();
            }
        }
    }

    private ExportOrigin? OriginOf(string path, ImportLine line)
    {
        if (line.Bytes is not { } bytes)
        {
            return null;
        }

        var origin = Read(bytes.Span);
        if (origin is null)
        {
            report.Skip(path, line.Number, "is no origin of an export");
        }

        return origin;
    }

    /// <summary>Reads an origin; null if it is broken. A serializer gives null for what a file leaves out or sets to null, whatever the type says.</summary>
    private static ExportOrigin? Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ExportJson.Default.ExportOrigin) is { TrajectoryId: not null, TaskId: not null, ConversationId: not null, Provider: not null } origin
                ? origin with
                {
                    TaskDescription = origin.TaskDescription ?? "",
                    Client = origin.Client ?? "",
                    Preset = origin.Preset ?? "",
                    Replies = origin.Replies ?? [],
                    Times = origin.Times ?? [],
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ImportedTrajectory Start(ReadOnlyMemory<byte> line, ExportOrigin? origin, JsonElement root)
    {
        var id = origin is null ? ImportedTrajectory.IdOf("anthropic\n" + Encoding.UTF8.GetString(line.Span)) : Core.Trajectories.TaskId.From(origin.TrajectoryId).Value;
        return new ImportedTrajectory
        {
            Id = id,
            TaskId = origin is null ? id : Core.Trajectories.TaskId.From(origin.TaskId).Value,
            ConversationId = origin?.ConversationId ?? id,
            Provider = origin?.Provider ?? "anthropic",
            Client = origin?.Client ?? "",
            Preset = origin is { Preset.Length: > 0 } ? origin.Preset : "generic",
            TaskDescription = origin?.TaskDescription ?? Core.Retrieval.TaskText.Describe(FirstText(root), []),
            Origin = origin,
        };
    }

    private static void AddLine(ImportedTrajectory run, JsonElement root, ExportOrigin? origin)
    {
        var system = root.Get("system"u8);
        var prompt = system.Text() ?? string.Join("\n\n", system.Items().Select(b => b.Text("text"u8)).Where(t => !string.IsNullOrEmpty(t)));
        ReadOnlyMemory<byte>? tools = root.Get("tools"u8).Exists() ? root.Get("tools"u8).Raw().ToArray() : null;
        var pending = new List<ImportedMessage>();
        var (reply, kept) = (0, 0);
        foreach (var message in root.Get("messages"u8).Items())
        {
            var json = message.Raw().ToArray();
            if (message.Text("role"u8) != "assistant")
            {
                pending.Add(new ImportedMessage(json));
                continue;
            }

            var step = origin is null ? run.Steps.Count + 1 : reply < origin.Replies.Count ? origin.Replies[reply] : 0;
            var at = origin is not null && reply < origin.Times.Count && origin.Times[reply] > DateTimeOffset.UnixEpoch ? origin.Times[reply] : origin?.StartedAt ?? default;
            reply++;
            if (step == 0)
            {
                // Context: a reply of an earlier segment, or of another run of the conversation.
                pending.Add(new ImportedMessage(json, IsForeign: !run.Steps.Exists(s => s.Reply.Span.SequenceEqual(json))));
                continue;
            }

            run.Steps.Add(new ImportedStep
            {
                Index = step,
                Messages = [.. pending],
                HistoryKept = kept,
                Reply = json,
                Model = root.Text("model"u8) ?? "",
                System = prompt.Length > 0 ? prompt : null,
                Tools = tools,
                StopReason = message.Get("content"u8).Items().Any(b => b.Get("type"u8).Is("tool_use"u8)) ? "tool_use" : "end_turn",
                StartedAt = at,
                EndedAt = at,
            });
            kept += pending.Count + 1;
            pending.Clear();
        }
    }

    private static string FirstText(JsonElement root)
    {
        var first = root.Get("messages"u8).Items().FirstOrDefault(m => m.Text("role"u8) == "user");
        var content = first.Get("content"u8);
        return content.Text() ?? string.Join('\n', content.Items().Select(b => b.Text("text"u8)).Where(t => !string.IsNullOrEmpty(t)));
    }
}
