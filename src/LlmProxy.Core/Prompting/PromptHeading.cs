namespace LlmProxy.Core.Prompting;

/// <summary>Finds the heading before which the proxy's part of a system prompt is inserted.</summary>
public static class PromptHeading
{
    /// <summary>
    /// Finds the first line that holds only the heading, with marks (<c>#*=-─═</c>) and blanks around it allowed, and
    /// takes an ornament line directly before it along.
    /// </summary>
    /// <param name="systemText">The agent's system prompt.</param>
    /// <param name="heading">The heading's text. Compared with case.</param>
    /// <returns>
    /// Where the text is split: the start of the ornament line, else of the heading's own line. What is before and what
    /// is from there on make up the whole text again. -1 where there is no such line.
    /// </returns>
    public static int Find(string systemText, string heading)
    {
        ArgumentNullException.ThrowIfNull(systemText);
        ArgumentNullException.ThrowIfNull(heading);
        var wanted = heading.Trim();
        if (wanted.Length == 0)
        {
            return -1;
        }

        for (var at = 0; at < systemText.Length;)
        {
            var found = systemText.IndexOf(wanted, at, StringComparison.Ordinal);
            if (found < 0)
            {
                return -1;
            }

            var start = LineStart(systemText, found);
            var end = LineEnd(systemText, found + wanted.Length);
            if (IsOrnament(systemText.AsSpan(start, found - start)) && IsOrnament(systemText.AsSpan(found + wanted.Length, end - found - wanted.Length)))
            {
                return IncludeOrnamentLine(systemText, start);
            }

            // A line can hold the heading only once and alone, so the rest of this one needs no look.
            at = end + 1;
        }

        return -1;
    }

    private static int IncludeOrnamentLine(string text, int lineStart)
    {
        if (lineStart == 0)
        {
            return 0;
        }

        var start = LineStart(text, lineStart - 1);
        var line = text.AsSpan(start, lineStart - 1 - start);
        return IsOrnament(line) && !line.IsWhiteSpace() ? start : lineStart;
    }

    private static int LineStart(string text, int position) => text.AsSpan(0, position).LastIndexOf('\n') + 1;

    private static int LineEnd(string text, int position)
    {
        var end = text.IndexOf('\n', position);
        return end < 0 ? text.Length : end;
    }

    /// <summary>Whether there is nothing but marks and blanks. The carriage return of a CRLF line end counts as a blank.</summary>
    private static bool IsOrnament(ReadOnlySpan<char> text)
    {
        foreach (var character in text)
        {
            if (!char.IsWhiteSpace(character) && character is not ('#' or '*' or '=' or '-' or '─' or '═'))
            {
                return false;
            }
        }

        return true;
    }
}
