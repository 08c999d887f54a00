using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Redaction;

/// <summary>Base64 of text in which a known token begins. Its first characters depend on where the token is in the text, so each prefix has three forms.</summary>
/// <param name="plain">The token.</param>
/// <param name="prefix">How it begins.</param>
internal sealed class Base64Pattern(SecretPattern plain, string prefix)
    : SecretPattern("base64 of " + plain.Name + " " + prefix, [.. Enumerable.Range(0, 3).Select(before => Form(prefix, before))], "It: ", Convert.ToBase64String(Encoding.ASCII.GetBytes(Secret(plain, prefix))).TrimEnd('='))
{
    private const int Longest = 1_024;
    private const int LongestKey = 20_000;

    private static readonly SearchValues<char> Characters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");

    /// <inheritdoc />
    public override string Kind => plain.Kind;

    /// <inheritdoc />
    public override bool IsTelling => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        for (var before = 0; before < 3; before++)
        {
            var group = at - Known(before);
            if (group >= 0 && text[at..].StartsWith(Starts[before], StringComparison.Ordinal) && MatchFrom(text, at, group, before) is var found && found.End > 0)
            {
                return found;
            }
        }

        return default;
    }

    private (int Start, int End) MatchFrom(ReadOnlySpan<char> text, int at, int group, int before)
    {
        Span<char> base64 = stackalloc char[Longest];
        Span<byte> bytes = stackalloc byte[Longest];
        Span<char> decoded = stackalloc char[Longest];
        var run = text[group..Math.Min(text.Length, group + Longest)];
        run = run.IndexOfAnyExcept(Characters) is >= 0 and var end ? run[..end] : run;
        run.CopyTo(base64);
        base64[..run.Length].Replace('-', '+');
        base64[..run.Length].Replace('_', '/');
        var length = run.Length;
        while (length % 4 is 2 or 3)
        {
            base64[length++] = '=';
        }

        if (!Convert.TryFromBase64Chars(base64[..(length / 4 * 4)], bytes, out var count))
        {
            return default;
        }

        Encoding.Latin1.GetChars(bytes[..count], decoded);
        var (start, last) = plain.Match(decoded[..count], before, new CharacterRuns());
        if (last <= start)
        {
            return default;
        }

        // What follows a key in the same text may still be of it.
        var rest = group + Math.Min(run.Length, ((last * 4) + 2) / 3);
        if (plain is PrivateKeyPattern || last == count)
        {
            var all = text[rest..Math.Min(text.Length, group + LongestKey)];
            rest += all.IndexOfAnyExcept(Characters) is >= 0 and var more ? more : all.Length;
        }

        while (rest < text.Length && text[rest] == '=')
        {
            rest++;
        }

        return (at, rest);
    }

    /// <summary>The encoded characters that depend on the prefix alone, for a number of bytes before it in its group of three.</summary>
    private static string Form(string prefix, int before)
    {
        var all = Convert.ToBase64String(Encoding.ASCII.GetBytes(new string('?', before) + prefix)).TrimEnd('=');
        return all[Known(before)..((before + prefix.Length) * 8 / 6)];
    }

    private static int Known(int before) => before == 0 ? 0 : before + 1;

    private static string Secret(SecretPattern plain, string prefix) => plain.ExampleSecrets.First(secret => secret.StartsWith(prefix, StringComparison.Ordinal));
}

/// <summary>Hexadecimal digits of text in which a known token begins.</summary>
/// <param name="plain">The token.</param>
/// <param name="prefix">How it begins.</param>
internal sealed class HexPattern(SecretPattern plain, string prefix)
    : SecretPattern("hexadecimal " + plain.Name + " " + prefix, [Hex(prefix)], "It: ", Hex(plain.ExampleSecrets.First(secret => secret.StartsWith(prefix, StringComparison.Ordinal))))
{
    private const int Longest = 1_024;

    /// <inheritdoc />
    public override string Kind => plain.Kind;

    /// <inheritdoc />
    public override bool IgnoresCase => true;

    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs)
    {
        var run = text[at..Math.Min(text.Length, at + Longest)];
        run = run[..(CharacterRuns.Length(run, Alphabet.Hex) / 2 * 2)];
        if (!run.StartsWith(Starts[0], StringComparison.OrdinalIgnoreCase))
        {
            return default;
        }

        Span<byte> bytes = stackalloc byte[Longest / 2];
        Span<char> decoded = stackalloc char[Longest / 2];
        Convert.FromHexString(run, bytes, out _, out var count);
        Encoding.Latin1.GetChars(bytes[..count], decoded);
        var (start, end) = plain.Match(decoded[..count], 0, new CharacterRuns());
        return end > start ? (at, at + (end * 2)) : default;
    }

    private static string Hex(string text) => Convert.ToHexStringLower(Encoding.ASCII.GetBytes(text));
}
