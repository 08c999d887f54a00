namespace LlmProxy.Core.Configuration;

/// <summary>Model names with <c>*</c>, as <c>LlmProxy:Models</c> and <c>LlmProxy:Prices</c> hold them.</summary>
public static class ModelPatterns
{
    /// <summary>Whether all of the name matches: <c>*</c> matches any characters (none, too), letter case does not count.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> model)
    {
        // The last star is the only one that ever has to be tried again, so this is linear in practice and never recursive.
        int p = 0, m = 0, star = -1, resume = 0;
        while (m < model.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = m;
            }
            else if (p < pattern.Length && char.ToUpperInvariant(pattern[p]) == char.ToUpperInvariant(model[m]))
            {
                p++;
                m++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                m = ++resume;
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].TrimStart('*').IsEmpty;
    }
}
