using System.Globalization;
using System.Numerics;

using LlmProxy.Prompts.Runtime;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts;

/// <summary>Numbers as they are written in code.</summary>
internal static class NumberText
{
    // A literal that is longer than this is a mistake or an attack; big integers take square time to read.
    private const int MaxDigits = 4096;

    public static bool TryParse(TokenType type, string code, out object? value, out string error)
    {
        var digits = code.Replace("_", string.Empty);
        error = string.Empty;
        value = null;
        var isRead = digits.Length <= MaxDigits && type switch
        {
            TokenType.Integer => TryParseInteger(digits, out value),
            TokenType.Float => TryParseFloat(digits, out value),
            TokenType.HexaInteger => TryParseBits(digits, 16, 4, out value),
            _ => TryParseBits(digits, 2, 1, out value),
        };
        if (!isRead)
        {
            error = type switch
            {
                TokenType.Float => $"Unable to parse the float {code}",
                TokenType.HexaInteger => $"Unable to parse the hexadecimal integer {code}",
                TokenType.BinaryInteger => $"Unable to parse the binary integer {code}",
                _ => $"Unable to parse the integer {code}",
            };
        }

        return isRead;
    }

    private static bool TryParseInteger(string digits, out object? value)
    {
        value = null;
        var exponentAt = digits.IndexOfAny(['e', 'E']);
        var mantissa = exponentAt < 0 ? digits : digits.Substring(0, exponentAt);
        if (exponentAt < 0 && long.TryParse(mantissa, NumberStyles.None, CultureInfo.InvariantCulture, out var small))
        {
            value = small is >= int.MinValue and <= int.MaxValue ? Values.Box((int)small) : small;
            return true;
        }

        var exponent = 0;
        if (exponentAt >= 0
            && (!int.TryParse(digits.Substring(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)
                || exponent is < 0 or > MaxDigits))
        {
            return false;
        }

        if (!BigInteger.TryParse(mantissa, NumberStyles.None, CultureInfo.InvariantCulture, out var big))
        {
            return false;
        }

        value = Values.Shrink(big * BigInteger.Pow(10, exponent));
        return true;
    }

    private static bool TryParseFloat(string digits, out object? value)
    {
        value = null;
        var postfix = char.ToLowerInvariant(digits[digits.Length - 1]);
        var number = postfix is 'f' or 'd' or 'm' ? digits.Substring(0, digits.Length - 1) : digits;
        switch (postfix)
        {
            case 'f' when float.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var single):
                value = single;
                return true;
            case 'm' when decimal.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var exact):
                value = exact;
                return true;
            case not ('f' or 'm') when double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var wide):
                value = wide;
                return true;
            default:
                return false;
        }
    }

    private static bool TryParseBits(string digits, int radix, int bitsPerDigit, out object? value)
    {
        var isUnsigned = digits[digits.Length - 1] is 'u' or 'U';
        var bits = digits.Substring(2, digits.Length - 2 - (isUnsigned ? 1 : 0));
        value = null;
        if (bits.Length * bitsPerDigit > 64 && bits.TrimStart('0').Length * bitsPerDigit > 64)
        {
            return false;
        }

        ulong number = 0;
        foreach (var digit in bits)
        {
            number = (number * (ulong)radix) + (ulong)(Uri.IsHexDigit(digit) ? Uri.FromHex(digit) : 0);
        }

        if (isUnsigned)
        {
            value = Values.Shrink(number);
        }
        else
        {
            value = number <= uint.MaxValue ? Values.Box(unchecked((int)number)) : unchecked((long)number);
        }

        return true;
    }
}

/// <summary>Escape sequences in strings.</summary>
internal static class StringEscapes
{
    /// <summary>Reads what stands after a backslash at <paramref name="i"/>, and leaves it on the last character read.</summary>
    public static bool TryRead(string code, ref int i, int to, System.Text.StringBuilder text)
    {
        switch (code[i])
        {
            case '\n':
                return true;
            case '\r':
                if (i + 1 < to && code[i + 1] == '\n')
                {
                    i++;
                }

                return true;
            case '0':
                text.Append('\0');
                return true;
            case '\'' or '\\' or '"' or '{':
                text.Append(code[i]);
                return true;
            case 'b':
                text.Append('\b');
                return true;
            case 'f':
                text.Append('\f');
                return true;
            case 'n':
                text.Append('\n');
                return true;
            case 'r':
                text.Append('\r');
                return true;
            case 't':
                text.Append('\t');
                return true;
            case 'v':
                text.Append('\v');
                return true;
            case 'u':
                return TryReadHex(code, ref i, to, 4, text);
            case 'x':
                return TryReadHex(code, ref i, to, 2, text);
            default:
                return false;
        }
    }

    private static bool TryReadHex(string code, ref int i, int to, int count, System.Text.StringBuilder text)
    {
        if (i + count >= to)
        {
            // The lexer has reported it already.
            return true;
        }

        var value = 0;
        for (var k = 1; k <= count; k++)
        {
            if (!Uri.IsHexDigit(code[i + k]))
            {
                return true;
            }

            value = (value * 16) + Uri.FromHex(code[i + k]);
        }

        text.Append((char)value);
        i += count;
        return true;
    }
}
