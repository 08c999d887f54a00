using System.Buffers;
using System.Text;

namespace LlmProxy.Storage.Sql;

/// <summary>Makes any string one that both databases keep.</summary>
internal static class TextSanitizer
{
    private static readonly SearchValues<char> Suspicious = SearchValues.Create(['\0', .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    /// <summary>PostgreSQL knows no NUL, and neither knows half a surrogate pair: the first is left out, the second replaced.</summary>
    public static string Clean(string text)
    {
        if (text.AsSpan().IndexOfAny(Suspicious) < 0)
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value != 0)
            {
                clean.Append(rune.ToString());
            }
        }

        return clean.ToString();
    }
}
