using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>A message of a Gemini CLI session.</summary>
/// <param name="Root">The record, of its own memory.</param>
/// <param name="BeginsHistory">Whether all that was said before it was condensed.</param>
internal readonly record struct GeminiRecord(JsonElement Root, bool BeginsHistory);

/// <summary>
/// The messages of a Gemini CLI session, as its records leave them: the same id again is a newer version, <c>$set</c> may
/// replace all of them, <c>$rewindTo</c> takes one and all after it back.
/// </summary>
internal sealed class GeminiChat(ImportReport report)
{
    private readonly List<string> _order = [];
    private readonly Dictionary<string, JsonElement> _all = new(StringComparer.Ordinal);
    private HashSet<string> _active = new(StringComparer.Ordinal);

    /// <summary>The session's id, or null.</summary>
    public string? SessionId { get; private set; }

    /// <summary>Hash of the project's path, or null.</summary>
    public string? ProjectHash { get; private set; }

    /// <summary>The project's path if the session's context names it.</summary>
    public string? Project => _order.Select(id => GeminiConversation.ProjectIn(ImportedJson.TextOf(_all[id].Get("content"u8)))).FirstOrDefault(p => p is not null);

    /// <summary>The messages in order; those that a later history left out come before it.</summary>
    public IEnumerable<GeminiRecord> Messages
    {
        get
        {
            var isDropped = false;
            foreach (var id in _order)
            {
                var isActive = _active.Contains(id);
                yield return new GeminiRecord(_all[id], isActive && isDropped);
                isDropped = !isActive;
            }
        }
    }

    /// <summary>Takes a whole session.</summary>
    /// <returns>Whether it is one.</returns>
    public bool TakeWhole(JsonElement root)
    {
        if (root.Get("messages"u8).ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        TakeHead(root);
        foreach (var message in root.Get("messages"u8).Items())
        {
            TakeMessage(message);
        }

        return true;
    }

    /// <summary>Takes a line.</summary>
    public void Take(JsonElement root)
    {
        var set = root.Get("$set"u8);
        if (root.Text("$rewindTo"u8) is { } target)
        {
            Rewind(target);
        }
        else if (set.ValueKind == JsonValueKind.Object)
        {
            TakeHead(set);
            if (set.Get("messages"u8).ValueKind == JsonValueKind.Array)
            {
                _active = new HashSet<string>(StringComparer.Ordinal);
                foreach (var message in set.Get("messages"u8).Items())
                {
                    // A resumed session writes its messages again, with less of each.
                    if (message.Text("id"u8) is { } id && _all.ContainsKey(id))
                    {
                        _active.Add(id);
                    }
                    else
                    {
                        TakeMessage(message);
                    }
                }
            }
        }
        else if (root.Text("type"u8) is not null)
        {
            TakeMessage(root);
        }
        else if (root.Text("sessionId"u8) is not null)
        {
            TakeHead(root);
        }
        else
        {
            ImportReport.Count(report.Unknown, "(no type)");
        }
    }

    private void TakeHead(JsonElement root)
    {
        SessionId = root.Text("sessionId"u8) ?? SessionId;
        ProjectHash = root.Text("projectHash"u8) ?? ProjectHash;
    }

    private void TakeMessage(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            ImportReport.Count(report.Unknown, "(no type)");
            return;
        }

        var id = message.Text("id"u8) ?? FormattableString.Invariant($"{SessionId}-{_order.Count}");
        if (!_all.ContainsKey(id))
        {
            _order.Add(id);
        }

        _all[id] = message.Clone();
        _active.Add(id);
    }

    private void Rewind(string target)
    {
        // An id that is not there takes everything back.
        var first = Math.Max(0, _order.FindIndex(id => id == target && _active.Contains(id)));
        foreach (var id in _order.Skip(first).Where(_active.Contains).ToList())
        {
            ImportReport.Count(report.LeftOut, ImportReport.Abandoned);
            _order.Remove(id);
            _all.Remove(id);
            _active.Remove(id);
        }
    }
}
