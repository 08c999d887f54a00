using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace LlmProxy.Wire.Json;

/// <summary>
/// Strings of JSON, between literal and text. The platform's readers throw for half a surrogate pair
/// (<c>"\ud83d"</c>, which JavaScript clients send when they cut a text in the middle of an emoji) and for broken
/// UTF-8; these do not.
/// </summary>
internal static class JsonText
{
    /// <summary>Deeper nesting than any real body; the readers grow their stack only as far as a body goes.</summary>
    public const int MaxDepth = 10_064;

    /// <summary>A name (or a short word) from what is between its quotes: the same bytes, but where it holds escapes.</summary>
    public static ReadOnlySpan<byte> Name(ReadOnlySpan<byte> raw)
    {
        if (!raw.Contains((byte)'\\'))
        {
            return raw;
        }

        using var buffer = new ByteBuffer(raw.Length);
        AppendUnescaped(buffer, raw);
        return buffer.ToArray();
    }

    /// <summary>The text of what is between the quotes of a literal; half surrogate pairs are kept.</summary>
    public static string Decode(ReadOnlySpan<byte> raw)
    {
        var escape = raw.IndexOf((byte)'\\');
        if (escape < 0)
        {
            return Encoding.UTF8.GetString(raw);
        }

        var text = new StringBuilder(raw.Length);
        while (escape >= 0)
        {
            text.Append(Encoding.UTF8.GetString(raw[..escape]));
            raw = raw[escape..];
            var (value, length) = ReadEscape(raw);
            text.Append((char)value);
            raw = raw[length..];
            escape = raw.IndexOf((byte)'\\');
        }

        return text.Append(Encoding.UTF8.GetString(raw)).ToString();
    }

    /// <summary>The text of a literal with its quotes; empty where the bytes are no literal.</summary>
    public static string DecodeLiteral(ReadOnlySpan<byte> literal)
        => literal.Length >= 2 && literal[0] == '"' ? Decode(literal[1..^1]) : "";

    /// <summary>Appends the UTF-8 of what is between the quotes of a literal.</summary>
    public static void AppendUnescaped(ByteBuffer to, ReadOnlySpan<byte> raw)
    {
        for (var escape = raw.IndexOf((byte)'\\'); escape >= 0; escape = raw.IndexOf((byte)'\\'))
        {
            to.Append(raw[..escape]);
            raw = raw[escape..];
            raw = raw[ReadRune(raw, out var rune)..];
            to.AppendRune(rune);
        }

        to.Append(raw);
    }

    /// <summary>
    /// Appends what is between the quotes of a literal with its escapes in one form: the short ones, and only
    /// where JSON needs them. One pass; runs without escapes are copied.
    /// </summary>
    public static void AppendCanonical(ByteBuffer to, ReadOnlySpan<byte> raw)
    {
        for (var escape = raw.IndexOf((byte)'\\'); escape >= 0; escape = raw.IndexOf((byte)'\\'))
        {
            to.Append(raw[..escape]);
            raw = raw[escape..];
            raw = raw[ReadRune(raw, out var rune)..];
            if (rune is < 0x20 or '"' or '\\')
            {
                AppendEscape(to, rune);
            }
            else
            {
                to.AppendRune(rune);
            }
        }

        to.Append(raw);
    }

    /// <summary>Appends a text as a literal: escapes only where JSON needs them, half surrogate pairs as <c>\uXXXX</c>.</summary>
    public static void AppendLiteral(ByteBuffer to, string text)
    {
        to.Append((byte)'"');
        var rest = text.AsSpan();
        Span<byte> utf8 = stackalloc byte[512];
        while (rest.Length > 0)
        {
            var plain = 0;
            while (plain < rest.Length && plain < 128 && rest[plain] is >= ' ' and not ('"' or '\\') && !char.IsSurrogate(rest[plain]))
            {
                plain++;
            }

            if (plain > 0)
            {
                var run = rest[..plain];
                to.Append(utf8[..Encoding.UTF8.GetBytes(run, utf8)]);
                rest = rest[run.Length..];
            }
            else if (rest.Length > 1 && char.IsSurrogatePair(rest[0], rest[1]))
            {
                to.AppendRune(char.ConvertToUtf32(rest[0], rest[1]));
                rest = rest[2..];
            }
            else
            {
                AppendEscape(to, rest[0]);
                rest = rest[1..];
            }
        }

        to.Append((byte)'"');
    }

    /// <summary>A text as a literal, with its quotes.</summary>
    public static byte[] EncodeLiteral(string text)
    {
        using var buffer = new ByteBuffer(text.Length + 2);
        AppendLiteral(buffer, text);
        return buffer.ToArray();
    }

    /// <summary>Without white space at both ends, as <see cref="string.Trim()"/> understands it.</summary>
    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> utf8)
    {
        while (utf8.Length > 0)
        {
            Rune.DecodeFromUtf8(utf8, out var rune, out var length);
            if (!Rune.IsWhiteSpace(rune))
            {
                break;
            }

            utf8 = utf8[length..];
        }

        while (utf8.Length > 0)
        {
            Rune.DecodeLastFromUtf8(utf8, out var rune, out var length);
            if (!Rune.IsWhiteSpace(rune))
            {
                break;
            }

            utf8 = utf8[..^length];
        }

        return utf8;
    }

    /// <summary>The bytes as they would be after a way through a string: broken UTF-8 becomes U+FFFD.</summary>
    public static ReadOnlySpan<byte> Repair(ReadOnlySpan<byte> utf8)
        => Utf8.IsValid(utf8) ? utf8 : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(utf8));

    /// <summary>Whether JSON holds an escape of half a surrogate pair, which writers refuse.</summary>
    public static bool HasHalfPair(ReadOnlySpan<byte> json)
    {
        while (json.IndexOf((byte)'\\') is >= 0 and var at)
        {
            json = json[at..];
            var length = ReadRune(json, out var rune);
            if (rune is >= 0xD800 and < 0xE000)
            {
                return true;
            }

            json = json[Math.Min(length, json.Length)..];
        }

        return false;
    }

    private static int ReadRune(ReadOnlySpan<byte> raw, out int rune)
    {
        (rune, var length) = ReadEscape(raw);
        if (rune is >= 0xD800 and < 0xDC00 && raw.Length >= length + 6 && raw[length] == '\\')
        {
            var (low, lowLength) = ReadEscape(raw[length..]);
            if (low is >= 0xDC00 and < 0xE000)
            {
                rune = char.ConvertToUtf32((char)rune, (char)low);
                length += lowLength;
            }
        }

        return length;
    }

    /// <summary>Reads one escape. What is no escape (the bytes may come from anywhere) is a backslash.</summary>
    private static (int Value, int Length) ReadEscape(ReadOnlySpan<byte> raw)
    {
        return raw.Length < 2 ? ('\\', 1) : raw[1] switch
        {
            (byte)'n' => ('\n', 2),
            (byte)'t' => ('\t', 2),
            (byte)'r' => ('\r', 2),
            (byte)'b' => ('\b', 2),
            (byte)'f' => ('\f', 2),
            (byte)'"' or (byte)'\\' or (byte)'/' => (raw[1], 2),
            (byte)'u' when raw.Length >= 6 && ushort.TryParse(raw[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit) => (unit, 6),
            _ => ('\\', 1),
        };
    }

    private static void AppendEscape(ByteBuffer to, int unit)
    {
        to.Append((byte)'\\');
        var letter = unit switch { '\n' => 'n', '\t' => 't', '\r' => 'r', '\b' => 'b', '\f' => 'f', '"' or '\\' => (char)unit, _ => 'u' };
        to.Append((byte)letter);
        if (letter == 'u')
        {
            to.Append(Encoding.ASCII.GetBytes(unit.ToString("x4", CultureInfo.InvariantCulture)));
        }
    }
}
