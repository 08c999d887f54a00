namespace LlmProxy.Core.Redaction;

/// <summary>What is between a name and the value that is assigned to it.</summary>
internal static class Separators
{
    private const int LongestGap = 3;

    /// <summary>What follows the quotes, blanks and the separator after a name; null if there is no separator.</summary>
    public static int? After(ReadOnlySpan<char> text, int at)
    {
        at = SkipQuote(text, at);
        at = SkipBlanks(text, at);
        if (at >= text.Length || text[at] is not ('=' or ':' or '>'))
        {
            return null;
        }

        if (text[at] == '>')
        {
            // An element of XML.
            return at + 1;
        }

        at++;
        if (at < text.Length && text[at] is '=' or '>')
        {
            // "==" compares, ":=" and "=>" assign.
            if (text[at - 1] == '=' && text[at] == '=')
            {
                return null;
            }

            at++;
        }

        at = SkipBlanks(text, at);
        return SkipQuote(text, at);
    }

    private static int SkipBlanks(ReadOnlySpan<char> text, int at)
    {
        var end = Math.Min(text.Length, at + LongestGap);
        while (at < end && text[at] is ' ' or '\t')
        {
            at++;
        }

        return at;
    }

    /// <summary>Skips a quote and the backslashes before it (JSON inside of a JSON string).</summary>
    public static int SkipQuote(ReadOnlySpan<char> text, int at)
    {
        var quote = at;
        while (quote < text.Length && text[quote] == '\\' && quote - at < 8)
        {
            quote++;
        }

        return quote < text.Length && text[quote] is '"' or '\'' or '`' ? quote + 1 : at;
    }

    /// <summary>What follows <c> is </c> or <c> was </c> after a name; null if neither does.</summary>
    public static int? AfterVerb(ReadOnlySpan<char> text, int at)
    {
        foreach (var verb in Verbs)
        {
            if (text[at..].StartsWith(verb, StringComparison.Ordinal))
            {
                return SkipQuote(text, SkipBlanks(text, at + verb.Length));
            }
        }

        return null;
    }

    private static readonly string[] Verbs = [" is:", " is ", " was "];
}
