using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>The credential of an <c>Authorization</c> header of any scheme.</summary>
internal sealed class AuthorizationPattern(string example) : SecretPattern("Authorization header", [Header], "Authorization: Token ", example)
{
    private const string Header = "authorization";
    private const int Longest = 4_000;
    private const int LongestScheme = 24;

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Header, StringComparison.OrdinalIgnoreCase) || Separators.After(text, at + Header.Length) is not { } start || start >= text.Length)
        {
            return default;
        }

        var scheme = CharacterRuns.Length(text[start..Math.Min(text.Length, start + LongestScheme)], Alphabet.Token);
        if (scheme > 0 && start + scheme + 1 < text.Length && text[start + scheme] == ' ')
        {
            start += scheme + 1;
        }

        var length = CharacterRuns.Length(text[start..Math.Min(text.Length, start + Longest)], Alphabet.Credential);
        return SchemePattern.IsCredential(text.Slice(start, length)) ? (start, start + length) : default;
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => json[at..].StartsWith(Header, StringComparison.OrdinalIgnoreCase);
}

/// <summary>The values of cookies: of a <c>Cookie</c> header to its end, of <c>Set-Cookie</c> to its first attribute.</summary>
internal sealed class CookiePattern(string example) : SecretPattern("cookie", ["cookie:", "cookie=", "cookie =", "cookie\"", "cookie'", "cookie\\"], "Cookie: sessionid=", example, "\nHost: x")
{
    private const string Header = "cookie";
    private const int Longest = 4_000;
    private const int Least = 16;

    private static readonly SearchValues<char> Ends = SearchValues.Create("\"'`\r\n\\<>");
    private static readonly SearchValues<char> ValueEnds = SearchValues.Create(";, ");

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Header, StringComparison.OrdinalIgnoreCase) || Separators.After(text, at + Header.Length) is not { } start || start >= text.Length)
        {
            return default;
        }

        var line = text.Slice(start, Math.Min(Longest, text.Length - start));
        line = line.IndexOfAny(Ends) is >= 0 and var end ? line[..end] : line;
        var isSet = at >= 4 && text[(at - 4)..at].Equals("set-", StringComparison.OrdinalIgnoreCase);
        for (var pair = 0; pair < line.Length;)
        {
            var length = line[pair..].IndexOf(';') is >= 0 and var semicolon ? semicolon : line.Length - pair;
            var sign = line.Slice(pair, length).IndexOf('=');
            if (sign > 0 && line.Slice(pair + sign + 1, length - sign - 1) is var value && value.Length >= Least && !value.ContainsAny(ValueEnds) && Randomness.IsRandom(value))
            {
                return (start + pair + sign + 1, isSet ? start + pair + length : start + line.TrimEnd().Length);
            }

            if (isSet)
            {
                break;
            }

            pair += length + 1;
        }

        return default;
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => Separators.After(json, at + Header.Length) is not null;
}

/// <summary>A password among the arguments of a command: <c>mysql -u root -pPASSWORD</c>, <c>curl -u user:PASSWORD</c>.</summary>
/// <param name="command">The command, which is earlier in the line.</param>
/// <param name="flags">What is before the password, with the blanks around it.</param>
/// <param name="hasUser">Whether a user and a colon are before the password.</param>
/// <param name="before">The beginning of the example.</param>
/// <param name="example">The example's secret.</param>
internal sealed class CommandPattern(string command, string[] flags, bool hasUser, string before, string example) : SecretPattern("password of " + command.Trim(), flags, before, example)
{
    private const int LongestCommand = 300;
    private const int LongestPassword = 200;
    private const int Least = 6;

    private static readonly SearchValues<char> ValueEnds = SearchValues.Create(" \t\r\n\"'`\\;|&<>");

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        foreach (var flag in Starts)
        {
            if (!text[at..].StartsWith(flag, StringComparison.Ordinal) || !IsOfCommand(text, at))
            {
                continue;
            }

            var start = Separators.SkipQuote(text, at + flag.Length);
            var quote = text[start - 1] is '"' or '\'' ? text[start - 1] : '\0';
            var value = text[start..Math.Min(text.Length, start + LongestPassword)];
            value = (quote == '\0' ? value.IndexOfAny(ValueEnds) : value.IndexOfAny(quote, '\\')) is >= 0 and var end ? value[..end] : value;
            if (hasUser)
            {
                var colon = value.IndexOf(':');
                start += colon + 1;
                value = colon < 0 ? [] : value[(colon + 1)..];
            }

            if (value.Length >= Least && value.ContainsAnyExceptInRange('0', '9') && !SecretValue.IsPlaceholder(value) && value[0] is not ('/' or '-' or '.'))
            {
                return (start, start + value.Length);
            }
        }

        return default;
    }

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => IsOfCommand(json, at);

    private bool IsOfCommand(ReadOnlySpan<char> text, int at)
    {
        var line = text[Math.Max(0, at - LongestCommand)..at];
        line = line[(line.LastIndexOf('\n') + 1)..];
        return line.LastIndexOf(command, StringComparison.Ordinal) is >= 0 and var found && !line[found..].ContainsAny('|', ';');
    }
}

/// <summary>The words of a wallet (BIP 39) after a word that announces them.</summary>
internal sealed class SeedPhrasePattern() : SecretPattern("seed phrase", ["seed:", "seed=", "seed phrase", "mnemonic", "phrase"], "seed: ", "abandon ability able about above " + "absent absorb abstract absurd abuse access accident")
{
    private const int LeastWords = 12;
    private const int MostWords = 24;

    // Words of sentences that are in no such list.
    private static readonly string[] Prose = ["the", "and", "for", "are", "not", "from", "was", "has", "its", "which", "these", "were", "does", "should", "than", "them", "their", "been", "but", "our"];

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        foreach (var name in Starts)
        {
            if (!text[at..].StartsWith(name, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            var after = at + name.IndexOfAny([':', '=', ' ']) is var cut && cut >= at ? cut : at + name.Length;
            after += text[after..].StartsWith(" phrase", StringComparison.Ordinal) ? " phrase".Length : 0;
            if ((Separators.After(text, after) ?? Separators.AfterVerb(text, after)) is { } start && EndOfWords(text, start) is > 0 and var end)
            {
                return (start, end);
            }
        }

        return default;
    }

    private static int EndOfWords(ReadOnlySpan<char> text, int start)
    {
        var (at, end) = (start, 0);
        for (var words = 1; words <= MostWords; words++)
        {
            var length = 0;
            while (at + length < text.Length && char.IsAsciiLetterLower(text[at + length]) && length <= 8)
            {
                length++;
            }

            if (length is < 3 or > 8 || IsProse(text.Slice(at, length)))
            {
                break;
            }

            at += length;
            end = words >= LeastWords ? at : 0;
            if (at >= text.Length || text[at] is not (' ' or '\n'))
            {
                break;
            }

            at++;
        }

        return end;
    }

    private static bool IsProse(ReadOnlySpan<char> word)
    {
        foreach (var one in Prose)
        {
            if (word.SequenceEqual(one))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The lines of a PuTTY private key.</summary>
internal sealed class PuttyKeyPattern() : SecretPattern("PuTTY private key", [Start], Start + " 1\n", "MIIEpAIBAAKCAQEA0" + "/xyAAAAgQD3k", "\nPrivate-MAC: x")
{
    private const string Start = "Private-Lines:";
    private const int LongestKey = 20_000;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        if (!text[at..].StartsWith(Start, StringComparison.Ordinal))
        {
            return default;
        }

        var start = at + Start.Length;
        while (start < text.Length && (char.IsAsciiDigit(text[start]) || text[start] is ' ' or '\r' or '\n' or '\\' || (text[start] is 'n' or 'r' && text[start - 1] == '\\')))
        {
            start++;
        }

        var body = text.Slice(start, Math.Min(LongestKey, text.Length - start));
        body = body[..PrivateKeyPattern.BodyEnd(body)];
        if (body.LastIndexOf("Private", StringComparison.Ordinal) is > 0 and var mac)
        {
            body = body[..mac].TrimEnd("\\nr \r\n");
        }

        return body.IsEmpty ? default : (start, start + body.Length);
    }
}

/// <summary>A private key of a Bitcoin wallet (WIF) after the name of its format.</summary>
internal sealed class WalletKeyPattern() : SecretPattern("wallet key", ["wif"], "wif: ", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4" + "dZ1jvhTVqvbTLvyTJ")
{
    private static readonly SearchValues<char> Base58 = SearchValues.Create("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        var start = at + Starts[0].Length;
        var limit = Math.Min(text.Length, start + 4);
        while (start < limit && text[start] is ' ' or ':' or '=' or '"' or '\'')
        {
            start++;
        }

        if (start == at + Starts[0].Length || start >= text.Length || text[start] is not ('5' or 'K' or 'L'))
        {
            return default;
        }

        var run = text[start..Math.Min(text.Length, start + 60)];
        var length = run.IndexOfAnyExcept(Base58) is >= 0 and var end ? end : run.Length;
        return length is 51 or 52 && Randomness.IsRandom(run[..length]) ? (start, start + length) : default;
    }
}
