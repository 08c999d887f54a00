using System.Text;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Pairs;

/// <summary>Two replies to one input.</summary>
/// <param name="System">The agent's own system prompt, or null.</param>
/// <param name="Tools">The tools.</param>
/// <param name="Input">What both replies answer.</param>
/// <param name="Preferred">The better run's reply.</param>
/// <param name="Other">The worse run's reply.</param>
/// <param name="Compared">Which replies they are.</param>
internal sealed record Comparison(
    string? System, IReadOnlyList<OfferedTool> Tools, IReadOnlyList<Turn> Input, Turn Preferred, Turn Other, string Compared)
{
    /// <summary>
    /// The first replies in which two runs part: until then both did and saw the same, so both answer one input. Where
    /// the tools' results part them, or a format cannot hold those replies, the final answers are compared, if each run
    /// had one request and ended in words.
    /// </summary>
    /// <returns>The comparison, or null with the reason.</returns>
    public static (Comparison? Comparison, string? Reason) Find(Conversation better, Conversation worse, Func<Comparison, bool> takes)
    {
        var (at, reason) = FirstDifference(better.Turns, worse.Turns);
        if (at > 0)
        {
            var parting = Make(better, worse, better.Turns[..at], better.Turns[at], worse.Turns[at], Invariant($"turn {better.Turns[..at].Count(t => t.IsAssistant) + 1}"));
            if (takes(parting))
            {
                return (parting, null);
            }

            reason = "the replies in which the runs part cannot be said in this format";
        }

        if (HasOneRequest(better) && HasOneRequest(worse) && better.Turns[^1].Text is { Length: > 0 } answer && worse.Turns[^1].Text is { Length: > 0 } other
            && !better.Turns[^1].Calls.Any() && !worse.Turns[^1].Calls.Any() && !string.Equals(answer.Trim(), other.Trim(), StringComparison.Ordinal))
        {
            var first = better.Turns.FindIndex(t => t.IsAssistant);
            var final = Make(better, worse, better.Turns[..first], better.Turns[^1], worse.Turns[^1], "final answer");
            if (takes(final))
            {
                return (final, null);
            }
        }

        return (null, reason);
    }

    /// <summary>Each reply calls tools of its own run, so both runs' tools are declared.</summary>
    private static Comparison Make(Conversation better, Conversation worse, List<Turn> input, Turn preferred, Turn other, string compared) =>
        new(better.System, [.. better.Tools, .. worse.Tools.Where(t => !better.Tools.Any(known => known.Name == t.Name))], input, preferred, other, compared);

    /// <summary>Index of the first replies that differ; 0 with the reason if there are none.</summary>
    private static (int At, string? Reason) FirstDifference(List<Turn> better, List<Turn> worse)
    {
        var hasReply = false;
        for (var i = 0; i < Math.Min(better.Count, worse.Count); i++)
        {
            if (better[i].IsAssistant != worse[i].IsAssistant)
            {
                return (0, "the runs part at what came from outside");
            }

            if (better[i].IsAssistant)
            {
                if (!SameReply(better[i], worse[i]))
                {
                    return (i, null);
                }

                hasReply = true;
            }
            else if (hasReply && !SameInput(better[i], worse[i]))
            {
                return (0, "the runs part at what came from outside");
            }
        }

        return (0, "the runs hold the same replies");
    }

    /// <summary>Calls of the same tools with the same arguments are the same step, whatever text came with them.</summary>
    private static bool SameReply(Turn a, Turn b)
    {
        var (ours, theirs) = (a.Calls.ToList(), b.Calls.ToList());
        if (ours.Count == 0 && theirs.Count == 0)
        {
            return string.Equals(a.Text.Trim(), b.Text.Trim(), StringComparison.Ordinal);
        }

        return ours.Count == theirs.Count && ours.Zip(theirs).All(p => p.First.Name == p.Second.Name && SameJson(p.First.Arguments, p.Second.Arguments));
    }

    private static bool SameInput(Turn a, Turn b)
    {
        var (ours, theirs) = (a.Parts.OfType<ToolResult>().ToList(), b.Parts.OfType<ToolResult>().ToList());
        return ours.Count == theirs.Count
            && ours.Zip(theirs).All(p => string.Equals(p.First.Content.Trim(), p.Second.Content.Trim(), StringComparison.Ordinal))
            && string.Equals(a.Text.Trim(), b.Text.Trim(), StringComparison.Ordinal);
    }

    private static bool SameJson(string a, string b)
    {
        if (a == b)
        {
            return true;
        }

        using var ours = LenientJson.Parse(Encoding.UTF8.GetBytes(a));
        using var theirs = LenientJson.Parse(Encoding.UTF8.GetBytes(b));
        return ours is not null && theirs is not null && ours.RootElement.IsSameAs(theirs.RootElement);
    }

    private static bool HasOneRequest(Conversation conversation) =>
        conversation.Turns.Skip(1).All(t => t.IsAssistant || t.Text.Length == 0);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
