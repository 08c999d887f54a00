using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LlmProxy.Core.Dialects;
using LlmProxy.Core.Recording;

namespace LlmProxy.Core.Export.Conversations;

/// <summary>How a format wants conversations.</summary>
/// <param name="KeepForeign">Whether foreign assistant turns stay, to be written with weight 0.</param>
/// <param name="MaxImages">Images that stay, the last ones.</param>
/// <param name="TakesImage">Whether an image can be written at all.</param>
internal sealed record ShapeRules(bool KeepForeign, int MaxImages, Func<ImageSource, bool> TakesImage)
{
    /// <summary>Whether blocks of Anthropic's own stay.</summary>
    public bool KeepsBlocks { get; init; }

    /// <summary>Whether names of tools must begin with a letter or _.</summary>
    public bool NamesBeginWithLetter { get; init; }
}

/// <summary>Counts what was changed or left out, by what it was.</summary>
internal sealed class ExportNotes
{
    public SortedDictionary<string, int> Counts { get; } = new(StringComparer.Ordinal);

    public void Add(string what, int count = 1)
    {
        if (count > 0)
        {
            Counts[what] = Counts.GetValueOrDefault(what) + count;
        }
    }
}

/// <summary>
/// Makes a conversation of a segment: foreign turns out, each call answered once and in order, images in their window,
/// names that every consumer takes, from the first client turn to the last reply.
/// </summary>
internal sealed partial class ConversationShaper(ShapeRules rules, Redactor? redactor, ExportNotes notes)
{
    private const string NoResult = "No result was recorded.";
    private readonly ToolNames _names = new(rules.NamesBeginWithLetter);

    /// <summary>The conversation; null where nothing of it can be learned from, or it does not begin with the client.</summary>
    public Conversation? Shape(Segment segment)
    {
        // 1. Every message in parts.
        var turns = segment.Entries.Select(Read).ToList();
        if (!rules.KeepForeign)
        {
            DropForeign(turns);
        }

        turns.RemoveAll(IsEmpty);

        // 2. From the client's first turn to the last reply.
        while (turns is [{ IsAssistant: true, IsTrained: false }, ..])
        {
            notes.Add("assistant turns before the first user message left out");
            turns.RemoveAt(0);
        }

        turns.RemoveRange(turns.FindLastIndex(t => t.IsTrained) + 1, turns.Count - turns.FindLastIndex(t => t.IsTrained) - 1);
        if (turns.Count == 0 || turns[0].IsAssistant)
        {
            return null;
        }

        // 3. Calls and results side by side.
        turns = MergeAssistants(turns);
        new CallMatcher(_names, notes).Match(turns);
        turns.RemoveAll(IsEmpty);
        turns = MergeAssistants(turns);

        // 4. Images, the last ones first.
        new ImageWindow(rules, notes).Apply(turns);

        var first = segment.Steps[0];
        var models = segment.Steps.Where(s => s.Reply is not null).Select(s => s.Step.Model).Where(m => m.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        return new Conversation
        {
            System = first.SystemPrompt is { Length: > 0 } prompt ? StrictJson.Clean(redactor is null ? prompt : redactor.Redact(prompt)) : null,
            Model = segment.Steps[^1].Step.Model,
            Models = models,
            Tools = OfferedTools.Collect(segment.Steps, turns, _names),
            Turns = turns,
        };
    }

    private Turn Read(HistoryEntry entry)
    {
        var json = redactor is null ? entry.Message.Json : redactor.RedactJson(entry.Message.Json);
        var parts = PartReader.Read(entry.Dialect, json);
        if (!rules.KeepsBlocks)
        {
            parts.RemoveAll(p => p is OtherPart { Mark: null });
        }

        if (parts.OfType<TextPart>().All(p => string.IsNullOrWhiteSpace(p.Text)))
        {
            parts.RemoveAll(p => p is TextPart);
        }

        return new Turn
        {
            IsAssistant = entry.Message.IsAssistant,
            IsForeign = entry.IsForeign,
            IsTrained = entry.IsTrained,
            Step = entry.Step,
            At = entry.At,
            Parts = parts,
        };
    }

    private static bool IsEmpty(Turn turn) => turn.Parts.Count == 0;

    /// <summary>Takes foreign turns out, with the results of their calls.</summary>
    private void DropForeign(List<Turn> turns)
    {
        var foreign = turns.Where(t => t.IsForeign).ToList();
        if (foreign.Count == 0)
        {
            return;
        }

        notes.Add("foreign assistant turns left out", foreign.Count);
        var own = turns.Where(t => !t.IsForeign).SelectMany(t => t.Calls).Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        var gone = foreign.SelectMany(t => t.Calls).Select(c => c.Id).Where(id => id.Length > 0 && !own.Contains(id)).ToHashSet(StringComparer.Ordinal);
        turns.RemoveAll(t => t.IsForeign);
        foreach (var turn in turns)
        {
            turn.Parts.RemoveAll(p => p is ResultPart result && gone.Contains(result.CallId));
        }
    }

    /// <summary>Assistant turns without a client turn between them are one turn; a foreign note among them makes it one not to learn from, so it goes.</summary>
    private List<Turn> MergeAssistants(List<Turn> turns)
    {
        var merged = new List<Turn>();
        foreach (var turn in turns)
        {
            // Anthropic's API joins such turns by itself; there each stays the reply of its step.
            if (!turn.IsAssistant || merged.Count == 0 || !merged[^1].IsAssistant || (rules.KeepsBlocks && turn.IsTrained && merged[^1].IsTrained && !merged[^1].Calls.Any()))
            {
                merged.Add(turn);
            }
            else if (merged[^1].IsTrained == turn.IsTrained)
            {
                merged[^1].Parts.AddRange(turn.Parts);
                if (turn.Step > 0)
                {
                    merged[^1] = new Turn { IsAssistant = true, IsForeign = turn.IsForeign, IsTrained = turn.IsTrained, Step = turn.Step, At = turn.At, Parts = merged[^1].Parts };
                }
            }
            else
            {
                notes.Add("foreign assistant turns beside a reply left out");
                if (turn.IsTrained)
                {
                    merged[^1] = turn;
                }
            }
        }

        return merged;
    }

    /// <summary>Names that a consumer takes: letters, digits, _ and -, at most 64.</summary>
    internal sealed partial class ToolNames(bool beginWithLetter)
    {
        private readonly Dictionary<string, string> _given = new(StringComparer.Ordinal);

        public string Of(string name)
        {
            if (_given.TryGetValue(name, out var given))
            {
                return given;
            }

            var clean = Unwanted().Replace(name, "_");
            clean = clean.Length == 0 ? "tool" : !beginWithLetter || char.IsAsciiLetter(clean[0]) || clean[0] == '_' ? clean : "_" + clean;
            clean = clean.Length > 64 ? clean[..64] : clean;
            for (var i = 2; _given.ContainsValue(clean); i++)
            {
                var end = i.ToString(CultureInfo.InvariantCulture);
                clean = clean[..Math.Min(clean.Length, 63 - end.Length)] + "_" + end;
            }

            return _given[name] = clean;
        }

        [GeneratedRegex("[^a-zA-Z0-9_-]", RegexOptions.CultureInvariant)]
        private static partial Regex Unwanted();
    }

    /// <summary>Gives each call its results, once and right behind its turn.</summary>
    private sealed partial class CallMatcher(ToolNames names, ExportNotes notes)
    {
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
            var results = new ResultPart?[calls.Count];
            foreach (var turn in clients)
            {
                for (var p = 0; p < turn.Parts.Count; p++)
                {
                    if (turn.Parts[p] is not ResultPart result)
                    {
                        continue;
                    }

                    // Gemini's calls have no ids: its results answer the calls of their name in order. Some clients give
                    // calls ids of their own: what answers nothing else answers the first call that is open.
                    var at = original.FindIndex(c => c.Id.Length > 0 && c.Id == result.CallId);
                    at = at >= 0 ? at : FirstOpen(k => original[k].Id.Length == 0 && original[k].Name == result.CallId);
                    at = at >= 0 || _answered.Contains(result.CallId) || turn.Parts.Exists(o => o is ResultPart other && original.Exists(c => c.Id == other.CallId)) ? at : FirstOpen(_ => true);
                    if (at >= 0)
                    {
                        var block = calls[at].Id == result.CallId ? result.AnthropicBlock : default;
                        results[at] = results[at] is { } before ? Join(before, result) : result with { CallId = calls[at].Id, Name = calls[at].Name, AnthropicBlock = block };
                        turn.Parts.RemoveAt(p--);
                    }
                    else if (result.CallId.Length > 0 && _answered.Contains(result.CallId))
                    {
                        turn.Parts.RemoveAt(p--);
                    }
                    else
                    {
                        notes.Add("tool results without their call kept as text");
                        turn.Parts[p] = new TextPart("Result of an earlier tool call:\n" + result.Text);
                    }
                }
            }

            _answered.UnionWith(original.Select(c => c.Id));
            for (var k = 0; k < calls.Count; k++)
            {
                if (results[k] is null)
                {
                    notes.Add("tool calls without a recorded result");
                    results[k] = new ResultPart(calls[k].Id, calls[k].Name, NoResult, [], false);
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
        private List<CallPart> Rename(Turn turn)
        {
            var calls = new List<CallPart>();
            for (var p = 0; p < turn.Parts.Count; p++)
            {
                if (turn.Parts[p] is CallPart call)
                {
                    var id = call.Id;
                    for (var n = _ids.Count + 1; !Id().IsMatch(id) || _ids.Contains(id); n++)
                    {
                        id = string.Create(CultureInfo.InvariantCulture, $"call_{n}");
                    }

                    _ids.Add(id);
                    var name = names.Of(call.Name);
                    turn.Parts[p] = id == call.Id && name == call.Name ? call : new CallPart(id, name, call.Arguments);
                    calls.Add((CallPart)turn.Parts[p]);
                }
            }

            return calls;
        }

        private static ResultPart Join(ResultPart before, ResultPart more)
        {
            var text = new StringBuilder(before.Text);
            return before with
            {
                Text = text.Append(text.Length > 0 && more.Text.Length > 0 ? "\n" : "").Append(more.Text).ToString(),
                Images = [.. before.Images, .. more.Images],
                IsError = before.IsError || more.IsError,
                AnthropicBlock = default,
            };
        }

        [GeneratedRegex("^[a-zA-Z0-9_-]{1,64}$", RegexOptions.CultureInvariant)]
        private static partial Regex Id();
    }

    /// <summary>Keeps the last images and puts a mark where the others stood.</summary>
    private sealed class ImageWindow(ShapeRules rules, ExportNotes notes)
    {
        private int _left = rules.MaxImages;

        public void Apply(List<Turn> turns)
        {
            for (var t = turns.Count - 1; t >= 0; t--)
            {
                var parts = turns[t].Parts;
                for (var p = parts.Count - 1; p >= 0; p--)
                {
                    if (parts[p] is ImagePart image && (turns[t].IsAssistant || !Keep(image.Image)))
                    {
                        parts[p] = new TextPart(ImageSource.Mark);
                    }
                    else if (parts[p] is ResultPart { Images.Count: > 0 } result)
                    {
                        var kept = result.Images.Reverse().Where(Keep).Reverse().ToList();
                        if (kept.Count < result.Images.Count)
                        {
                            parts[p] = result with { Images = kept, AnthropicBlock = default };
                        }
                    }
                }
            }
        }

        private bool Keep(ImageSource image)
        {
            if (!rules.TakesImage(image))
            {
                notes.Add(image.Url is null && rules.MaxImages > 0 ? "images of a kind that the format does not take replaced by a mark" : "images replaced by a mark");
                return false;
            }

            if (_left == 0)
            {
                notes.Add("images outside of the window replaced by a mark");
                return false;
            }

            _left--;
            return true;
        }
    }
}
