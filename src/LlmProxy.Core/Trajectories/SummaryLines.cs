namespace LlmProxy.Core.Trajectories;

/// <summary>The lines by which the summary of a compaction is recognised inside another text.</summary>
internal static class SummaryLines
{
    // Headings such as "## Next steps" are in every summary.
    private const int ShortestLine = 24;
    private const int MostOfReply = 40;

    /// <summary>The telling lines of a text, without blanks at their ends.</summary>
    public static IEnumerable<string> Of(string text)
    {
        foreach (var line in text.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (line.Length >= ShortestLine)
            {
                yield return line;
            }
        }
    }

    /// <summary>The keys of a reply's lines. An analysis at its beginning is not kept by clients: the last lines count.</summary>
    public static IEnumerable<TurnKey> KeysOf(TurnKeys keys, string reply) =>
        Of(reply).Distinct(StringComparer.Ordinal).TakeLast(MostOfReply).Select(line => KeyOf(keys, line));

    /// <summary>The key of a line.</summary>
    public static TurnKey KeyOf(TurnKeys keys, string line) => keys.Identifier("summary-line", line);
}
