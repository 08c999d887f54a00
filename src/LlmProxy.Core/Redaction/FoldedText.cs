using System.Buffers;
using System.Globalization;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// A text as a reader takes it: percent escapes, escapes of JSON and HTML are decoded, terminal codes and invisible
/// characters are gone, wide characters and odd blanks and hyphens are plain. Each character knows its place in the original.
/// </summary>
internal sealed class FoldedText : IDisposable
{
    private const int LongestCode = 200;
    private const char Escape = '\u001B';

    // Format characters, blanks and hyphens of Unicode that hide a secret's beginning or break it. Dashes of prose are not among them.
    private static readonly bool[] Odd =
        [.. Enumerable.Range(0, char.MaxValue + 1).Select(c => (char)c).Select(c => c > '~' && c is not ('\u2013' or '\u2014') && Plain(c) != c)];

    private static readonly SearchValues<char> Escapes = SearchValues.Create("%\\&\u001B");

    private static readonly (string Name, char Value)[] Entities = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\''), ("&nbsp;", ' '), ("&hyphen;", '-')];

    private static readonly SearchValues<char> PlainCharacters = SearchValues.Create(
        string.Concat(Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c).Where(c => c is not ('%' or '\\' or '&'))) + "\t\n\r");

    // Each piece is a row of characters as they are, or one character that the original writes longer.
    private readonly List<(int Folded, int Start, int End)> _pieces = [];
    private char[] _text;
    private int _length;

    private FoldedText(int capacity) => _text = ArrayPool<char>.Shared.Rent(capacity);

    /// <summary>The folded text.</summary>
    public ReadOnlySpan<char> Text => _text.AsSpan(0, _length);

    /// <summary>Whether a text differs from its folded form. Named entities alone do not count: they hide no secret.</summary>
    /// <param name="text">The text.</param>
    /// <param name="survey">What it may hold.</param>
    public static bool IsNeeded(ReadOnlySpan<char> text, TextSurvey survey) =>
        (survey.MayHaveEscapes && (text.ContainsAnyInRange('\0', '\b') || HasEscapes(text))) || (survey.MayHaveOdd && HasOdd(text));

    private static bool HasOdd(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOfAnyInRange('\u007F', char.MaxValue); at >= 0;)
        {
            // Characters beyond ASCII come in rows.
            for (; at < text.Length && text[at] > '~'; at++)
            {
                if (Odd[text[at]])
                {
                    return true;
                }
            }

            var next = text[at..].IndexOfAnyInRange('\u007F', char.MaxValue);
            at = next < 0 ? -1 : at + next;
        }

        return false;
    }

    private static bool HasEscapes(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOfAny(Escapes); at >= 0;)
        {
            if (Unit(text, at).Value is var value && value != text[at] && (text[at] != '&' || text[at + 1] == '#'))
            {
                return true;
            }

            // Backslashes in a row belong together.
            var next = at + 1;
            while (next < text.Length && text[next] == '\\' && text[at] == '\\')
            {
                next++;
            }

            var found = text[next..].IndexOfAny(Escapes);
            at = found < 0 ? -1 : next + found;
        }

        return false;
    }

    /// <summary>Folds a text. Takes linear time.</summary>
    public static FoldedText Of(ReadOnlySpan<char> text)
    {
        var folded = new FoldedText(Math.Max(1, text.Length));
        for (var at = 0; at < text.Length;)
        {
            var plain = text[at..].IndexOfAnyExcept(PlainCharacters) is >= 0 and var odd ? odd : text.Length - at;
            if (plain > 0)
            {
                folded.AddPlain(text.Slice(at, plain), at);
                at += plain;
                continue;
            }

            if (text[at] == '\\')
            {
                at = folded.AddBackslashes(text, at);
                continue;
            }

            var (value, length) = Unit(text, at);
            folded.Add(value, at, at + length);
            at += length;
        }

        return folded;
    }

    /// <summary>A range of the folded text as a range of the original.</summary>
    public (int Start, int End) Original(int start, int end) => (Original(start).Start, Original(end - 1).End);

    /// <inheritdoc />
    public void Dispose()
    {
        ArrayPool<char>.Shared.Return(_text);
        (_text, _length) = ([], 0);
    }

    /// <summary>The place of a character in the original.</summary>
    private (int Start, int End) Original(int at)
    {
        var (low, high) = (0, _pieces.Count - 1);
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = _pieces[middle].Folded <= at ? (middle, high) : (low, middle - 1);
        }

        var (folded, start, end) = _pieces[low];
        var length = (low + 1 < _pieces.Count ? _pieces[low + 1].Folded : _length) - folded;
        return length == end - start ? (start + at - folded, start + at - folded + 1) : (start, end);
    }

    /// <summary>Adds characters as they are.</summary>
    private void AddPlain(ReadOnlySpan<char> characters, int start)
    {
        characters.CopyTo(_text.AsSpan(_length));
        AddPiece(characters.Length, start, start + characters.Length);
    }

    private void Add(char? value, int start, int end)
    {
        if (value is { } c)
        {
            _text[_length] = c;
            AddPiece(1, start, end);
        }
    }

    private void AddPiece(int length, int start, int end)
    {
        if (length == end - start && _pieces.Count > 0 && _pieces[^1] is var last && last.End == start && last.End - last.Start == _length - last.Folded)
        {
            _pieces[^1] = last with { End = end };
        }
        else
        {
            _pieces.Add((_length, start, end));
        }

        _length += length;
    }

    /// <summary>Adds backslashes and what they escape: as they are, unless they write a character by its number.</summary>
    private int AddBackslashes(ReadOnlySpan<char> text, int at)
    {
        var (value, length) = Unit(text, at);
        if (length > 1)
        {
            Add(value, at, at + length);
            return at + length;
        }

        var rest = text[at..].IndexOfAnyExcept('\\') is >= 0 and var count ? count : text.Length - at;
        AddPlain(text.Slice(at, rest), at);
        return at + rest;
    }

    /// <summary>What is at a place: its character, or null for one that is not to be seen, and how much of the text it takes.</summary>
    private static (char? Value, int Length) Unit(ReadOnlySpan<char> text, int at)
    {
        var c = text[at];
        return c switch
        {
            '%' => Percent(text, at),
            '\\' => Backslash(text, at),
            '&' => Entity(text, at),
            Escape => (null, 1 + TerminalCode(text, at + 1)),
            >= ' ' and <= '~' or '\t' or '\n' or '\r' => (c, 1),
            '\uDB40' when at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]) => (null, 2),
            _ => (Plain(c), 1),
        };
    }

    private static (char? Value, int Length) Percent(ReadOnlySpan<char> text, int at)
    {
        // An escape may be escaped again: %2520.
        var digits = at + 1;
        while (digits + 1 < text.Length && text[digits] == '2' && text[digits + 1] == '5' && IsHex(text, digits + 2, 2))
        {
            digits += 2;
        }

        if (!IsHex(text, digits, 2))
        {
            return ('%', 1);
        }

        var value = Number(text, digits, 2);
        return value is (>= ' ' and <= '~') or '\t' or '\n' or '\r' ? (value, digits + 2 - at) : ('%', 1);
    }

    private static (char? Value, int Length) Backslash(ReadOnlySpan<char> text, int at)
    {
        var letter = at;
        while (letter < text.Length && text[letter] == '\\')
        {
            letter++;
        }

        var count = letter >= text.Length ? 0 : text[letter] switch { 'u' => 4, 'x' => 2, _ => 0 };
        if (count == 0 || !IsHex(text, letter + 1, count))
        {
            return ('\\', 1);
        }

        var value = Number(text, letter + 1, count);
        var length = letter + 1 + count - at;
        return value switch
        {
            Escape => (null, length + TerminalCode(text, at + length)),
            '&' when NumericEntity(text, at + length) is { Length: > 0 } entity => (entity.Value, length + entity.Length),
            _ => (char.IsSurrogate(value) ? '\uFFFD' : Plain(value), length),
        };
    }

    private static (char? Value, int Length) Entity(ReadOnlySpan<char> text, int at)
    {
        var rest = text[at..Math.Min(text.Length, at + 10)];
        if (rest.Length < 4)
        {
            return ('&', 1);
        }

        if (rest[1] != '#')
        {
            foreach (var (name, value) in Entities)
            {
                if (rest.StartsWith(name, StringComparison.Ordinal))
                {
                    return (value, name.Length);
                }
            }

            return ('&', 1);
        }

        return NumericEntity(text, at + 1) is { Length: > 0 } entity ? (entity.Value, entity.Length + 1) : ('&', 1);
    }

    /// <summary>A numeric entity from its <c>#</c> on; a length of 0 if there is none.</summary>
    private static (char? Value, int Length) NumericEntity(ReadOnlySpan<char> text, int at)
    {
        var rest = text[Math.Min(at, text.Length)..Math.Min(text.Length, at + 9)];
        var end = rest.IndexOf(';');
        if (end < 2 || rest[0] != '#')
        {
            return default;
        }

        var isHex = rest[1] is 'x' or 'X';
        return int.TryParse(rest[(isHex ? 2 : 1)..end], isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and < 0xD800
            ? (Plain((char)number), end + 1)
            : default;
    }

    /// <summary>How long a terminal's code is without its first character.</summary>
    private static int TerminalCode(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length || text[at] is not ('[' or ']'))
        {
            return 0;
        }

        var code = text[(at + 1)..Math.Min(text.Length, at + LongestCode)];
        if (text[at] == '[')
        {
            var last = code.IndexOfAnyExceptInRange(' ', '?');
            return last < 0 ? 1 + code.Length : last + 2;
        }

        var bell = code.IndexOfAny('\u0007', Escape);
        return bell < 0 ? 1 : bell + 2;
    }

    private static bool IsHex(ReadOnlySpan<char> text, int at, int count)
    {
        if (at + count > text.Length)
        {
            return false;
        }

        foreach (var c in text.Slice(at, count))
        {
            if (!char.IsAsciiHexDigit(c))
            {
                return false;
            }
        }

        return true;
    }

    private static char Number(ReadOnlySpan<char> text, int at, int count) => (char)int.Parse(text.Slice(at, count), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>The plain form of a character; null for one that is not to be seen.</summary>
    private static char? Plain(char c) => c switch
    {
        (>= ' ' and <= '~') or '\t' or '\n' or '\r' => c,
        >= '\uFF01' and <= '\uFF5E' => (char)(c - 0xFEE0),
        '\u00AD' or '\u034F' or '\u115F' or '\u1160' or '\u17B4' or '\u17B5' or (>= '\u180B' and <= '\u180F') or '\u2800' or '\u3164' or '\uFFA0' or (>= '\uFE00' and <= '\uFE0F') => null,
        (>= '\u2010' and <= '\u2015') or '\u2212' or '\uFE58' or '\uFE63' => '-',
        _ => char.GetUnicodeCategory(c) switch
        {
            UnicodeCategory.Control or UnicodeCategory.Format => null,
            UnicodeCategory.SpaceSeparator => ' ',
            _ => c,
        },
    };
}
