using System.Globalization;
using System.Text;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>Gives each call its results, once and right after its turn.</summary>
internal sealed class CallMatcher(ConsumerNames names, ExportNotes notes)
{
    private const string NoResult = "No result was recorded.";
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly HashSet<string> _answered = new(StringComparer.Ordinal);

    public void Match(List<Turn> turns)
    {
        for (var i = 0; i < turns.Count; i++)
        {
            if (turns[i].IsAssistant)
            {
                continue;
            }

            // All client turns up to the next reply.
            var end = i;
            while (end + 1 < turns.Count && !turns[end + 1].IsAssistant)
            {
                end++;
            }

            Match(i == 0 ? null : turns[i - 1], turns[i..(end + 1)]);
            i = end;
        }

        if (turns[^1].IsAssistant)
        {
            Rename(turns[^1]);
        }
    }

    private void Match(Turn? caller, List<Turn> clients)
    {
        var original = caller?.Calls.Select(c => (c.Id, c.Name)).ToList() ?? [];
        var calls = caller is null ? [] : Rename(caller);
        var results = new ToolResult?[calls.Count];
        foreach (var turn in clients)
        {
            for (var p = 0; p < turn.Parts.Count; p++)
            {
                if (turn.Parts[p] is not ToolResult result)
                {
                    continue;
                }

                // Gemini's calls have no ids: its results answer the calls of their name in order. Some clients give
                // calls ids of their own: what answers nothing else answers the first call that is open.
                var at = original.FindIndex(c => c.Id.Length > 0 && c.Id == result.Id);
                at = at >= 0 ? at : FirstOpen(k => original[k].Id.Length == 0 && original[k].Name == result.Id);
                at = at >= 0 || _answered.Contains(result.Id) || turn.Parts.Exists(o => o is ToolResult other && original.Exists(c => c.Id == other.Id)) ? at : FirstOpen(_ => true);
                if (at >= 0)
                {
                    var block = calls[at].Id == result.Id ? result.NativeJson : default;
                    results[at] = results[at] is { } before ? Join(before, result) : result with { Id = calls[at].Id, Name = calls[at].Name, NativeJson = block };
                    turn.Parts.RemoveAt(p--);
                }
                else if (result.Id.Length > 0 && _answered.Contains(result.Id))
                {
                    turn.Parts.RemoveAt(p--);
                }
                else
                {
                    notes.Add("tool results without their call kept as text");
                    turn.Parts[p] = new TextPart("Result of an earlier tool call:\n" + result.Content);
                }
            }
        }

        _answered.UnionWith(original.Select(c => c.Id));
        for (var k = 0; k < calls.Count; k++)
        {
            if (results[k] is null)
            {
                notes.Add("tool calls without a recorded result");
                results[k] = new ToolResult(calls[k].Id, NoResult, false, false) { Name = calls[k].Name };
            }
        }

        clients[0].Parts.InsertRange(0, results!);

        int FirstOpen(Func<int, bool> fits)
        {
            for (var k = 0; k < results.Length; k++)
            {
                if (results[k] is null && fits(k))
                {
                    return k;
                }
            }

            return -1;
        }
    }

    /// <summary>Ids of their own for calls that have none, or one that came before, or one that consumers refuse.</summary>
    private List<ToolCall> Rename(Turn turn)
    {
        var calls = new List<ToolCall>();
        for (var p = 0; p < turn.Parts.Count; p++)
        {
            if (turn.Parts[p] is ToolCall call)
            {
                var id = call.Id;
                for (var n = _ids.Count + 1; !ConsumerNames.Takes(id) || _ids.Contains(id); n++)
                {
                    id = string.Create(CultureInfo.InvariantCulture, $"call_{n}");
                }

                _ids.Add(id);
                var name = names.Of(call.Name);
                turn.Parts[p] = id == call.Id && name == call.Name ? call : new ToolCall(id, name, call.Arguments);
                calls.Add((ToolCall)turn.Parts[p]);
            }
        }

        return calls;
    }

    private static ToolResult Join(ToolResult before, ToolResult more)
    {
        var text = new StringBuilder(before.Content);
        return before with
        {
            Content = text.Append(text.Length > 0 && more.Content.Length > 0 ? "\n" : "").Append(more.Content).ToString(),
            Images = [.. before.Images, .. more.Images],
            IsError = before.IsError == true || more.IsError == true,
            NativeJson = default,
        };
    }
}
