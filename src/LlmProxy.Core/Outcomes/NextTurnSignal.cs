using System.Text.RegularExpressions;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Outcomes;

/// <summary>The user's next message: a correction, the same request again, an interruption, thanks, or a new request.</summary>
public sealed partial class NextTurnSignal : IOutcomeSignal
{
    private const int MaxQuote = 120;
    private const float SameRequest = 0.85f;

    /// <summary>What clients write if a person stops the agent.</summary>
    public const string Interrupted = "[Request interrupted by user]";

    /// <inheritdoc />
    public string Name => "next_turn";

    /// <inheritdoc />
    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        ArgumentNullException.ThrowIfNull(facts);
        if (facts.NextUserText is not { Length: > 0 } next)
        {
            return null;
        }

        var begin = next.Length <= 400 ? next : next[..400];
        var quote = begin.Length <= MaxQuote ? begin : string.Concat(begin.AsSpan(0, MaxQuote - 1), "…");
        // A correction in another language looks like a new request, so that one counts nothing.
        return Interruption().IsMatch(begin) ? (-1, $"The user interrupted: “{quote}”")
            : Correction().IsMatch(begin) ? (-1.5, $"The user corrected it: “{quote}”")
            : IsRepeated(facts.Task, next) ? (-1.5, $"The user asked again: “{quote}”")
            : Thanks().IsMatch(begin) ? (1, $"The user thanked: “{quote}”")
            : (0, $"The user went on to something else: “{quote}”");
    }

    private static bool IsRepeated(string task, string next) =>
        task.Length > 0 && (string.Equals(task, next, StringComparison.OrdinalIgnoreCase)
            || System.Numerics.Tensors.TensorPrimitives.Dot<float>(LexicalEmbedder.Embed(task), LexicalEmbedder.Embed(next)) >= SameRequest);

    [GeneratedRegex("""^\W*\[?Request interrupted by user|^\W*(?:stop|cancel|abort)\b""", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 250)]
    private static partial Regex Interruption();

    [GeneratedRegex(
        """^\W*(?:no\b(?! (?:problem|worries|thanks))|nope\b|wrong\b|undo\b|revert\b|that'?s (?:wrong|not|incorrect)|this is (?:wrong|not)|not what i|you (?:missed|forgot|broke|didn'?t|did not|should(?:n'?t)? have)|i (?:said|asked|meant)\b|why did you)|\b(?:still|again) (?:fails?|failing|broken|not working|the same|doesn'?t|does not|get)|\b(?:doesn'?t|does not|didn'?t|did not|isn'?t|is not) (?:work|compile|build|pass|run|fixed|correct|right)|\bit'?s (?:still|broken|wrong)""",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 250)]
    private static partial Regex Correction();

    [GeneratedRegex("""^\W*(?:thanks?\b|thank you|perfect\b|great\b|awesome\b|nice\b|excellent\b|works\b|it works|lgtm\b|well done|good job|looks good)""", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 250)]
    private static partial Regex Thanks();
}
