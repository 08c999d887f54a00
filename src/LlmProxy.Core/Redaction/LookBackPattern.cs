namespace LlmProxy.Core.Redaction;

/// <summary>A token that is known by a text within it: <c>…-us12</c>, <c>….atlasv1.…</c>.</summary>
/// <param name="name">What it is.</param>
/// <param name="mark">The text.</param>
/// <param name="before">What is before it.</param>
/// <param name="after">What is after it.</param>
/// <param name="exampleBefore">The example's part before the text.</param>
/// <param name="exampleAfter">The example's part after it.</param>
internal sealed class LookBackPattern(string name, string mark, TokenPart before, TokenPart after, string exampleBefore, string exampleAfter)
    : SecretPattern(name, mark.Split('|'), "It: ", exampleBefore + mark.Split('|')[0] + exampleAfter)
{
    private const int LongestBefore = 64;
    private const int LongestAfter = 256;

    /// <inheritdoc />
    public override string Kind { get; } = name.ToLowerInvariant().Replace(' ', '-');

    /// <inheritdoc />
    public override bool IsTelling => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        foreach (var start in Starts)
        {
            if (!text[at..].StartsWith(start, StringComparison.Ordinal))
            {
                continue;
            }

            var first = at;
            while (first > 0 && at - first < LongestBefore && CharacterRuns.Length(text.Slice(first - 1, 1), before.Alphabet) == 1)
            {
                first--;
            }

            var end = at + start.Length;
            end += CharacterRuns.Length(text[end..Math.Min(text.Length, end + LongestAfter)], after.Alphabet);
            var (countBefore, countAfter) = (at - first, end - at - start.Length);
            if (countBefore >= before.Least && countBefore <= before.Most && countAfter >= after.Least && countAfter <= after.Most && WordBoundary.IsBefore(text, first))
            {
                return (first, end);
            }
        }

        return default;
    }
}
