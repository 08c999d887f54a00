namespace LlmProxy.Core.Redaction;

/// <summary>
/// Finds payment card numbers: a known issuer's first digits with that issuer's length, whole or in the groups
/// printed on cards, and a right check digit. Timestamps, ids and phone numbers hold as many digits; few hold all that.
/// </summary>
internal static class CardNumbers
{
    private const int Least = 14;
    private const int Most = 19;

    /// <summary>The length of the number that begins with a run of digits; 0 if it is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">Where the digits begin.</param>
    /// <param name="firstGroup">How many there are.</param>
    public static int Match(ReadOnlySpan<char> text, int start, int firstGroup)
    {
        if (!MayBegin(text, start))
        {
            return 0;
        }

        Span<char> digits = stackalloc char[Most];
        int length;
        if (firstGroup >= Least)
        {
            length = firstGroup;
            if (firstGroup > Most)
            {
                return 0;
            }

            text.Slice(start, firstGroup).CopyTo(digits);
            return MayEnd(text, start + length) && IsCard(digits[..firstGroup]) ? length : 0;
        }

        if (firstGroup != 4 || start + 4 >= text.Length || text[start + 4] is not (' ' or '-' or '.'))
        {
            return 0;
        }

        var separator = text[start + 4];
        var count = 0;
        foreach (var group in (ReadOnlySpan<int[]>)[[4, 4, 4, 4, 3], [4, 4, 4, 4], [4, 6, 5], [4, 6, 4]])
        {
            if (ReadGroups(text[start..], separator, group, digits, out count) is > 0 and var end && MayEnd(text, start + end) && IsCard(digits[..count]))
            {
                return end;
            }
        }

        return 0;
    }

    private static int ReadGroups(ReadOnlySpan<char> text, char separator, int[] groups, Span<char> digits, out int count)
    {
        count = 0;
        var at = 0;
        foreach (var group in groups)
        {
            if (count > 0 && (at >= text.Length || text[at++] != separator))
            {
                return 0;
            }

            for (var i = 0; i < group; i++, at++)
            {
                if (at >= text.Length || !char.IsAsciiDigit(text[at]))
                {
                    return 0;
                }

                digits[count++] = text[at];
            }
        }

        return at;
    }

    /// <summary>Whether a number can begin here: it is no part of a longer one, of an id or of a fraction.</summary>
    public static bool MayBegin(ReadOnlySpan<char> text, int at)
    {
        if (at == 0)
        {
            return true;
        }

        var before = text[at - 1];
        if (char.IsAsciiLetterOrDigit(before))
        {
            return WordBoundary.IsBefore(text, at);
        }

        // A fraction, a phone number, a piece of an id or of a longer group.
        return before is not ('.' or '_' or '+' or '-') && !(before == ' ' && at >= 2 && char.IsAsciiDigit(text[at - 2]));
    }

    /// <summary>Whether a number can end here.</summary>
    public static bool MayEnd(ReadOnlySpan<char> text, int at)
    {
        if (at >= text.Length)
        {
            return true;
        }

        var after = text[at];
        return !(char.IsAsciiLetterOrDigit(after) || after is '_' or '+')
            && !(after is '.' or '-' or ' ' && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]));
    }

    private static bool IsCard(ReadOnlySpan<char> digits) => IsIssued(digits) && HasCheckDigit(digits);

    private static bool IsIssued(ReadOnlySpan<char> digits)
    {
        var two = Number(digits[..2]);
        var three = Number(digits[..3]);
        var four = Number(digits[..4]);
        return digits.Length switch
        {
            14 => two is 36 or 38 or 39 || three is >= 300 and <= 305,
            15 => two is 34 or 37,
            16 => digits[0] == '4' || two is (>= 51 and <= 55) or 62 or 65 || four is (>= 2221 and <= 2720) or 6011 or (>= 3528 and <= 3589) || three is >= 644 and <= 649,
            17 or 18 => two == 62,
            _ => digits[0] == '4' || two == 62 || four == 6011 || two == 65,
        };
    }

    private static int Number(ReadOnlySpan<char> digits)
    {
        var number = 0;
        foreach (var digit in digits)
        {
            number = (number * 10) + (digit - '0');
        }

        return number;
    }

    private static bool HasCheckDigit(ReadOnlySpan<char> digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[^(i + 1)] - '0';
            sum += i % 2 == 0 ? digit : digit > 4 ? (digit * 2) - 9 : digit * 2;
        }

        return sum % 10 == 0;
    }
}
