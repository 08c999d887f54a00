namespace LlmProxy.Core.Redaction;

/// <summary>Finds IBANs (ISO 13616): a country, its length, and right check digits; whole or in groups of four.</summary>
internal static class BankAccounts
{
    private const int Longest = 34;
    private const int LongestPrinted = Longest + (Longest / 4);

    private const string Lengths =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27" +
        "JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20";

    /// <summary>The account that holds a run of digits; an empty range if there is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="digits">Where the digits begin.</param>
    /// <param name="floor">Where the account may begin at the earliest.</param>
    public static (int Start, int End) Match(ReadOnlySpan<char> text, int digits, int floor)
    {
        var least = Math.Max(floor, digits - LongestPrinted);
        for (var at = digits - 1; at >= least && (char.IsAsciiLetterUpper(text[at]) || char.IsAsciiDigit(text[at]) || text[at] == ' '); at--)
        {
            if (at + 3 < text.Length && char.IsAsciiLetterUpper(text[at]) && char.IsAsciiLetterUpper(text[at + 1]) && char.IsAsciiDigit(text[at + 2]) && char.IsAsciiDigit(text[at + 3])
                && WordBoundary.IsBefore(text, at) && LengthOf(text.Slice(at, 2)) is > 0 and var length && Read(text, at, length) is > 0 and var end)
            {
                return (at, end);
            }
        }

        return default;
    }

    private static int LengthOf(ReadOnlySpan<char> country)
    {
        for (var at = 0; at < Lengths.Length; at += 4)
        {
            if (country[0] == Lengths[at] && country[1] == Lengths[at + 1])
            {
                return ((Lengths[at + 2] - '0') * 10) + Lengths[at + 3] - '0';
            }
        }

        return 0;
    }

    /// <summary>Where an account of a length ends; 0 if it is none.</summary>
    private static int Read(ReadOnlySpan<char> text, int start, int length)
    {
        Span<char> account = stackalloc char[Longest];
        var isGrouped = start + 4 < text.Length && text[start + 4] == ' ';
        var at = start;
        for (var i = 0; i < length; i++, at++)
        {
            if (isGrouped && i > 0 && i % 4 == 0 && (at >= text.Length || text[at++] != ' '))
            {
                return 0;
            }

            if (at >= text.Length || !(char.IsAsciiLetterUpper(text[at]) || char.IsAsciiDigit(text[at])))
            {
                return 0;
            }

            account[i] = text[at];
        }

        return (at >= text.Length || !(char.IsAsciiLetterOrDigit(text[at]) || text[at] == '_')) && HasCheckDigits(account[..length]) ? at : 0;
    }

    private static bool HasCheckDigits(ReadOnlySpan<char> account)
    {
        var rest = 0;
        for (var i = 0; i < account.Length; i++)
        {
            var c = account[(i + 4) % account.Length];
            rest = char.IsAsciiDigit(c) ? ((rest * 10) + c - '0') % 97 : ((rest * 100) + c - 'A' + 10) % 97;
        }

        return rest == 1;
    }
}
