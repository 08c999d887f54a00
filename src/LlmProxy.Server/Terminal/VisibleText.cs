using System.Buffers;
using System.Globalization;
using System.Text;

namespace LlmProxy.Server.Terminal;

/// <summary>
/// Makes characters visible that a terminal obeys or hides: recorded text comes from pages, files and models, and must
/// not move the cursor, set the clipboard, or pose as other text (CWE-150). Each becomes <c>\u001B</c>, in JSON's notation.
/// </summary>
internal static class VisibleText
{
    private static readonly SearchValues<char> Plain = SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\t', '\n']);

    /// <summary>The text with its line ends and tabs; a carriage return stays only as a part of a line end.</summary>
    public static string Lines(string text) => Escape(text, keepsLines: true, '{');

    /// <summary>The text as one line: its line ends become visible too.</summary>
    public static string Line(string text) => Escape(text, keepsLines: false, '{');

    /// <summary>JSON with the same meaning: such characters occur only in its strings, where they can be written as escapes.</summary>
    public static string Json(string json) => Escape(json, keepsLines: true, '\0');

    /// <summary>Whether a terminal obeys or hides a character, or a font shows it as nothing.</summary>
    public static bool IsHidden(int point) => point switch
    {
        '\t' or '\n' => false,
        < ' ' or (>= 0x7F and <= 0x9F) => true,
        < 0x80 => false,
        // Fillers and marks that fonts show as nothing; variation selector 16 belongs to everyday emoji.
        0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or (>= 0x180B and <= 0x180F) or 0x3164 or 0xFFA0 or (>= 0xFE00 and <= 0xFE0E) or (>= 0xE0000 and <= 0xE0FFF) => true,
        _ => CharUnicodeInfo.GetUnicodeCategory(point) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate,
    };

    private static string Escape(string text, bool keepsLines, char brace)
    {
        var first = text.AsSpan().IndexOfAnyExcept(Plain);
        if (first < 0 && (keepsLines || !text.Contains('\n', StringComparison.Ordinal)))
        {
            return text;
        }

        var result = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\r' && keepsLines && i + 1 < text.Length && text[i + 1] == '\n')
            {
                continue;
            }

            if (c == '\n' && !keepsLines)
            {
                result.Append("\\u000A");
                continue;
            }

            var isPair = char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]);
            var point = isPair ? char.ConvertToUtf32(c, text[i + 1]) : c;
            if (!IsHidden(point))
            {
                result.Append(c);
            }
            else if (!isPair)
            {
                result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            }
            else if (brace == '{')
            {
                result.Append(CultureInfo.InvariantCulture, $"\\u{{{point:X}}}");
            }
            else
            {
                result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}\\u{(int)text[i + 1]:X4}");
            }

            if (isPair)
            {
                i++;
                if (!IsHidden(point))
                {
                    result.Append(text[i]);
                }
            }
        }

        return result.ToString();
    }
}
