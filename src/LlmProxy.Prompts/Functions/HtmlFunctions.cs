using System.Net;
using System.Text;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>html</c>.</summary>
internal static class HtmlFunctions
{
    // Characters that mean something in an address and therefore stay in "url_escape".
    private const string Reserved = "-_.~!*'();:@&=+$,/?#[]%";

    public static readonly FunctionTable All = new()
    {
        { "strip", "text:string", a => a[0] is string text ? Strip(text) : null },
        { "escape", "text:string", a => a[0] is string text ? WebUtility.HtmlEncode(text) : null },
        { "url_encode", "text:string", a => a[0] is string text ? Uri.EscapeDataString(text) : null },
        { "url_escape", "text:string", a => a[0] is string text ? EscapeUrl(text) : null },
        { "newline_to_br", "text:string", a => a[0] is string text ? BreakLines(text) : null },
    };

    private static string Strip(string text)
    {
        var result = new StringBuilder(text.Length);
        var i = 0;
        while (i < text.Length)
        {
            // A "<" without a ">" is no tag.
            var end = text[i] == '<' ? text.IndexOf('>', i) : -1;
            if (text[i] == '<' && end < 0)
            {
                return result.Append(text, i, text.Length - i).ToString();
            }

            if (end < 0)
            {
                result.Append(text[i++]);
            }
            else
            {
                i = end + 1;
            }
        }

        return result.ToString();
    }

    private static string EscapeUrl(string text)
    {
        var result = new StringBuilder(text.Length);
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || Reserved.IndexOf(text[i]) >= 0)
            {
                result.Append(Uri.EscapeDataString(text.Substring(start, i - start)));
                if (i < text.Length)
                {
                    result.Append(text[i]);
                }

                start = i + 1;
            }
        }

        return result.ToString();
    }

    private static string BreakLines(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var isLineEnd = text[i] == '\n' ? i == 0 || text[i - 1] != '\r' : text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n';
            result.Append(isLineEnd ? "<br />" : string.Empty).Append(text[i]);
        }

        return result.ToString();
    }
}
