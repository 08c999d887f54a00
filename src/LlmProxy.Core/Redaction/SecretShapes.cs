using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Redaction;

/// <summary>
/// Finds secrets by the shapes that their issuers document: keys of model providers, JSON web tokens, PEM private keys,
/// tokens of AWS, GitHub, GitLab, Slack, Stripe and Hugging Face, what stands behind <c>Bearer</c>, and card numbers.
/// One forward scan, linear in the text.
/// </summary>
internal static class SecretShapes
{
    private const string PrivateKeyBegin = "-----BEGIN ";
    private const int LongestPemLabel = 40;
    private const int LongestPrivateKey = 20_000;
    private const int LongestPath = 100;

    private static readonly Shape[] Shapes =
    [
        new("sk-", Alphabet.Token, 16, int.MaxValue, static (t, s) => IsKey(t[s..])),
        new("sk_live_", Alphabet.Word, 16, int.MaxValue),
        new("sk_test_", Alphabet.Word, 16, int.MaxValue),
        new("rk_live_", Alphabet.Word, 16, int.MaxValue),
        new("gsk_", Alphabet.Word, 40, int.MaxValue),
        new("xai-", Alphabet.Word, 40, int.MaxValue),
        new("pplx-", Alphabet.Word, 40, int.MaxValue),
        new("AIza", Alphabet.Token, 35, 35),
        new("AKIA", Alphabet.Upper, 16, 16),
        new("ASIA", Alphabet.Upper, 16, 16),
        new("ghp_", Alphabet.Word, 30, int.MaxValue),
        new("gho_", Alphabet.Word, 30, int.MaxValue),
        new("ghu_", Alphabet.Word, 30, int.MaxValue),
        new("ghs_", Alphabet.Word, 30, int.MaxValue),
        new("ghr_", Alphabet.Word, 30, int.MaxValue),
        new("github_pat_", Alphabet.Word, 30, int.MaxValue),
        new("glpat-", Alphabet.Token, 20, int.MaxValue),
        new("xoxa-", Alphabet.Token, 10, int.MaxValue),
        new("xoxb-", Alphabet.Token, 10, int.MaxValue),
        new("xoxe-", Alphabet.Token, 10, int.MaxValue),
        new("xoxp-", Alphabet.Token, 10, int.MaxValue),
        new("xoxr-", Alphabet.Token, 10, int.MaxValue),
        new("xoxs-", Alphabet.Token, 10, int.MaxValue),
        new("xapp-", Alphabet.Token, 10, int.MaxValue),
        new("hf_", Alphabet.Word, 30, int.MaxValue),
    ];

    private static readonly SearchValues<string> Starts = SearchValues.Create(
        [.. Shapes.Select(s => s.Prefix), "eyJ", PrivateKeyBegin, "Bearer ", "bearer ", "ecret_access_key", "ecretAccessKey", "ECRET_ACCESS_KEY"],
        StringComparison.Ordinal);

    private static readonly SearchValues<char> Token = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    private static readonly SearchValues<char> Word = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    private static readonly SearchValues<char> Upper = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    private static readonly SearchValues<char> Credential = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.=+/~");
    private static readonly SearchValues<char> Base64 = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");

    private static readonly SearchValues<char> Between = SearchValues.Create(" \t\"'\\=:>");

    private enum Alphabet
    {
        Token,
        Word,
        Upper,
    }

    /// <summary>Whether a text can hold any of the shapes at all. Quick, and wrong on the safe side.</summary>
    public static bool MayHold(ReadOnlySpan<char> text) => text.ContainsAny(Starts) || CardNumbers.MayHold(text);

    /// <summary>The text with a mark in place of each secret; the same object where there are none.</summary>
    public static string Replace(string text, string mark) => ReplaceCards(ReplaceTokens(text, mark), mark);

    private static string ReplaceTokens(string text, string mark)
    {
        StringBuilder? result = null;
        var copied = 0;
        var at = 0;
        var runs = new Runs();
        while (at < text.Length)
        {
            var hit = text.AsSpan(at).IndexOfAny(Starts);
            if (hit < 0)
            {
                break;
            }

            at += hit;
            var (start, end) = Match(text, at, ref runs);
            if (end > start)
            {
                result ??= new StringBuilder(text.Length);
                result.Append(text, copied, start - copied).Append(mark);
                copied = end;
                at = end;
            }
            else
            {
                at++;
            }
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    private static string ReplaceCards(string text, string mark)
    {
        StringBuilder? result = null;
        var copied = 0;
        for (var card = CardNumbers.FindNext(text, 0); card.Length > 0; card = CardNumbers.FindNext(text, copied))
        {
            result ??= new StringBuilder(text.Length);
            result.Append(text, copied, card.Start - copied).Append(mark);
            copied = card.Start + card.Length;
        }

        return result is null ? text : result.Append(text, copied, text.Length - copied).ToString();
    }

    private static (int Start, int End) Match(string text, int at, ref Runs runs)
    {
        var rest = text.AsSpan(at);
        if (rest.StartsWith(PrivateKeyBegin))
        {
            return (at, PrivateKeyEnd(text, at));
        }

        if (rest.StartsWith("Bearer ") || rest.StartsWith("bearer "))
        {
            var start = at + "Bearer ".Length;
            var length = RunLength(text.AsSpan(start), Credential);
            return length >= 20 ? (start, start + length) : default;
        }

        if (rest[0] is 'e' or 'E' && (rest.StartsWith("ecret_access_key") || rest.StartsWith("ecretAccessKey") || rest.StartsWith("ECRET_ACCESS_KEY")))
        {
            // An AWS secret is 40 characters that look like nothing; only its name tells it.
            var start = at + (rest[5] is '_' ? "ecret_access_key".Length : "ecretAccessKey".Length);
            var gap = text.AsSpan(start).IndexOfAnyExcept(Between);
            if (gap is < 0 or > 10)
            {
                return default;
            }

            start += gap;
            return RunLength(text.AsSpan(start, Math.Min(41, text.Length - start)), Base64) == 40 ? (start, start + 40) : default;
        }

        if (!IsBoundary(text, at))
        {
            return default;
        }

        if (rest.StartsWith("eyJ"))
        {
            return (at, WebTokenEnd(text, at, ref runs));
        }

        foreach (var shape in Shapes)
        {
            if (rest.StartsWith(shape.Prefix))
            {
                var start = at + shape.Prefix.Length;
                var end = runs.End(text, start, shape.Alphabet);
                return end - start >= shape.Least && end - start <= shape.Most && shape.Accepts(text, start, end) && !(shape.IsBase64 && IsInBase64(text, at, end))
                    ? (at, end)
                    : default;
            }
        }

        return default;
    }

    /// <summary>Three base64url parts with dots between.</summary>
    private static int WebTokenEnd(string text, int at, ref Runs runs)
    {
        var end = at;
        for (var part = 0; part < 3; part++)
        {
            var start = end;
            end = runs.End(text, start, Alphabet.Token, part);
            if (end - start < 8 || (part < 2 && (end >= text.Length || text[end++] != '.')))
            {
                return at;
            }
        }

        return end;
    }

    /// <summary>From the first line to the last, or as far as it goes where the last is missing. Never ends between a backslash and what it escapes.</summary>
    private static int PrivateKeyEnd(string text, int at)
    {
        var label = text.AsSpan(at + PrivateKeyBegin.Length);
        var labelEnd = label[..Math.Min(label.Length, LongestPemLabel)].IndexOf("-----");
        if (labelEnd < 0 || !label[..labelEnd].EndsWith("PRIVATE KEY"))
        {
            return at;
        }

        var start = at + PrivateKeyBegin.Length + labelEnd + 5;
        var body = text.AsSpan(start, Math.Min(LongestPrivateKey, text.Length - start));
        if (body.IndexOf('"') is >= 0 and var quote)
        {
            body = body[..quote];
        }

        // The next line of dashes is its end, or another key's beginning.
        var dashes = body.IndexOf("-----");
        if (dashes >= 0 && body[dashes..].StartsWith("-----END "))
        {
            var close = body[(dashes + 9)..];
            var length = close[..Math.Min(close.Length, LongestPemLabel)].IndexOf("-----");
            if (length >= 0)
            {
                return start + dashes + 9 + length + 5;
            }
        }

        var end = 0;
        while (end < body.Length)
        {
            if (char.IsAsciiLetterOrDigit(body[end]) || body[end] is '+' or '/' or '=' or ' ' or '\t' or '\r' or '\n')
            {
                end++;
            }
            else if (body[end] == '\\' && body[end..].IndexOfAnyExcept('\\') is > 0 and var slashes && body[end + slashes] is 'n' or 'r' or 't' or 'u' or '/')
            {
                end += slashes + 1;
            }
            else
            {
                break;
            }
        }

        return start + end;
    }

    /// <summary>Whether a word can begin here: nothing of a word stands before it but the letter of an escape (JSON inside of a JSON string).</summary>
    internal static bool IsBoundary(ReadOnlySpan<char> text, int at)
    {
        if (at == 0 || !(char.IsAsciiLetterOrDigit(text[at - 1]) || text[at - 1] == '_'))
        {
            return true;
        }

        return (at >= 2 && text[at - 2] == '\\' && text[at - 1] is 'n' or 'r' or 't' or 'b' or 'f')
            || (at >= 6 && text[at - 6] == '\\' && text[at - 5] == 'u' && char.IsAsciiHexDigit(text[at - 4]) && char.IsAsciiHexDigit(text[at - 3]) && char.IsAsciiHexDigit(text[at - 2]) && char.IsAsciiHexDigit(text[at - 1]));
    }

    /// <summary>Words with hyphens begin so too (<c>sk-fading-circle-item</c>); a key holds a digit, a capital, or a long run of letters.</summary>
    private static bool IsKey(ReadOnlySpan<char> token)
    {
        var run = 0;
        foreach (var c in token)
        {
            run = char.IsAsciiLetterLower(c) ? run + 1 : 0;
            if (run >= 16 || char.IsAsciiDigit(c) || char.IsAsciiLetterUpper(c))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Letters and digits alone stand in images too, where a slash before and behind them makes a word of them.</summary>
    private static bool IsInBase64(ReadOnlySpan<char> text, int start, int end)
    {
        var before = text[Math.Max(0, start - LongestPath)..start];
        var after = text[end..Math.Min(text.Length, end + LongestPath)];
        return (before.Length == LongestPath && !before.ContainsAnyExcept(Base64)) || (after.Length == LongestPath && !after.ContainsAnyExcept(Base64));
    }

    private static int RunLength(ReadOnlySpan<char> text, SearchValues<char> alphabet)
    {
        var end = text.IndexOfAnyExcept(alphabet);
        return end < 0 ? text.Length : end;
    }

    /// <summary>
    /// Where runs of an alphabet end. Each run is measured once, however many candidates begin in it; those behind it,
    /// a token's second and third part, have places of their own, or a hostile text would have them measured again and again.
    /// </summary>
    private struct Runs
    {
        private (int Start, int End) _word;
        private (int Start, int End) _token;
        private (int Start, int End) _second;
        private (int Start, int End) _third;

        public int End(string text, int at, Alphabet alphabet, int part = 0)
        {
            if (alphabet == Alphabet.Upper)
            {
                // All of this alphabet are short: 17 characters tell.
                return at + RunLength(text.AsSpan(at, Math.Min(17, text.Length - at)), Upper);
            }

            return alphabet == Alphabet.Word ? Measure(ref _word, text, at, Word)
                : part == 0 ? Measure(ref _token, text, at, Token)
                : part == 1 ? Measure(ref _second, text, at, Token)
                : Measure(ref _third, text, at, Token);
        }

        private static int Measure(ref (int Start, int End) known, string text, int at, SearchValues<char> alphabet)
        {
            if (at < known.Start || at >= known.End)
            {
                known = (at, at + RunLength(text.AsSpan(at), alphabet));
            }

            return known.End;
        }
    }

    private delegate bool Check(ReadOnlySpan<char> text, int start);

    private sealed class Shape(string prefix, Alphabet alphabet, int least, int most, Check? check = null)
    {
        public string Prefix { get; } = prefix;

        public Alphabet Alphabet { get; } = alphabet;

        /// <summary>Whether base64 can hold it.</summary>
        public bool IsBase64 { get; } = !prefix.AsSpan().ContainsAny('-', '_');

        public int Least { get; } = least;

        public int Most { get; } = most;

        // The start of a token tells; a whole one may be as long as the text.
        public bool Accepts(string text, int start, int end) => check is null || check(text.AsSpan(0, Math.Min(end, start + 200)), start);
    }
}
