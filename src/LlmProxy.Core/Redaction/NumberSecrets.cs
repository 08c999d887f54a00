namespace LlmProxy.Core.Redaction;

/// <summary>Finds what has no prefix but four digits in a row: payment cards, bank accounts, social security numbers, Telegram's bot tokens.</summary>
internal static class NumberSecrets
{
    private const int TelegramSecret = 35;
    private const int LongestContext = 40;

    private static readonly System.Buffers.SearchValues<string> SocialSecurity = System.Buffers.SearchValues.Create(["ssn", "social security"], StringComparison.OrdinalIgnoreCase);

    /// <summary>The next one at or after a place; a kind of null if there is none.</summary>
    public static (int Start, int End, string? Kind) FindNext(ReadOnlySpan<char> text, int from)
    {
        var floor = from;
        for (var at = DigitRuns.NextFour(text, from); at < text.Length; at = DigitRuns.NextFour(text, floor))
        {
            var start = at;
            while (start > floor && char.IsAsciiDigit(text[start - 1]))
            {
                start--;
            }

            var end = at + 4;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
            {
                end++;
            }

            var found = Match(text, start, end, floor);
            if (found.Kind is not null)
            {
                return found;
            }

            floor = end;
        }

        return default;
    }

    private static (int Start, int End, string? Kind) Match(ReadOnlySpan<char> text, int start, int end, int floor)
    {
        // The digits of an escape (JSON inside of a JSON string).
        var number = start >= 2 && text[start - 1] == 'u' && text[start - 2] == '\\' && end - start > 4 ? start + 4 : start;
        if (CardNumbers.Match(text, number, end - number) is > 0 and var length)
        {
            return (number, number + length, "card");
        }

        if (BankAccounts.Match(text, start, floor) is { End: > 0 } account)
        {
            return (account.Start, account.End, "iban");
        }

        if (end - start is >= 8 and <= 10 && text[end..].StartsWith(":AA", StringComparison.Ordinal) && CardNumbers.MayBegin(text, start)
            && CharacterRuns.Length(text[(end + 1)..], Alphabet.Token) == TelegramSecret)
        {
            return (start, end + 1 + TelegramSecret, "telegram-token");
        }

        return IsSocialSecurity(text, start, end, floor) ? (start - 7, end, "social-security-number") : default;
    }

    private static bool IsSocialSecurity(ReadOnlySpan<char> text, int start, int end, int floor)
    {
        if (end - start != 4 || start - 7 < floor || text[start - 1] is not ('-' or ' ') || text[start - 4] != text[start - 1] || !CardNumbers.MayEnd(text, end))
        {
            return false;
        }

        var first = start - 7;
        return !text.Slice(first, 3).ContainsAnyExceptInRange('0', '9') && !text.Slice(first + 4, 2).ContainsAnyExceptInRange('0', '9')
            && WordBoundary.IsBefore(text, first) && text[Math.Max(0, first - LongestContext)..first].ContainsAny(SocialSecurity);
    }
}
