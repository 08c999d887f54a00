using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace LlmProxy.Core.Redaction;

/// <summary>What takes the place of a secret: <c>[redacted:KIND:HASH]</c>, or <c>[redacted]</c> where no key is known.</summary>
internal static partial class Placeholder
{
    /// <summary>How each begins.</summary>
    public const string Start = "[redacted";

    private const int LongestKind = 40;
    private const int HashLength = 8;

    /// <summary>The placeholder of a secret. The hash is keyed, so that passwords cannot be guessed from it without the key.</summary>
    /// <param name="kind">What the secret is.</param>
    /// <param name="secret">The secret.</param>
    /// <param name="key">The key.</param>
    public static string Of(string kind, string secret, ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(secret), hash);
        return $"{Start}:{kind}:{Convert.ToHexStringLower(hash[..(HashLength / 2)])}]";
    }

    /// <summary>The key of a tenant's placeholders.</summary>
    public static byte[] KeyOf(byte[] secret, string tenant) => HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes("placeholders of " + tenant));

    /// <summary>The length of the placeholder at a place; 0 if there is none.</summary>
    public static int LengthAt(ReadOnlySpan<char> text, int at)
    {
        if (!text[at..].StartsWith(Start, StringComparison.Ordinal))
        {
            return 0;
        }

        var rest = text[(at + Start.Length)..];
        var end = rest[..Math.Min(rest.Length, LongestKind + HashLength + 3)].IndexOf(']');
        return end == 0 || (end > HashLength + 2 && IsLabel(rest[..end])) ? Start.Length + end + 1 : 0;
    }

    /// <summary>The text with the plain mark in place of each placeholder: what two texts have in common whose secrets differ.</summary>
    public static string Unify(string text) => text.Contains(Start, StringComparison.Ordinal) ? Labelled().Replace(text, Redactor.Mark) : text;

    /// <summary>How many placeholders of each kind a text holds; <c>other</c> are those without a kind.</summary>
    public static Dictionary<string, int> CountKinds(string text)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var at = text.IndexOf(Start, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Start, at + 1, StringComparison.Ordinal))
        {
            if (LengthAt(text, at) is > 0 and var length)
            {
                var label = text.AsSpan(at + Start.Length, length - Start.Length - 1);
                var kind = label.IsEmpty ? "other" : label[1..^(HashLength + 1)].ToString();
                counts[kind] = counts.GetValueOrDefault(kind) + 1;
            }
        }

        return counts;
    }

    private static bool IsLabel(ReadOnlySpan<char> label) =>
        label[0] == ':' && label[^(HashLength + 1)] == ':' && !label[1..^(HashLength + 1)].ContainsAnyExcept(KindCharacters) && !label[^HashLength..].ContainsAnyExcept(HashCharacters);

    private static readonly System.Buffers.SearchValues<char> KindCharacters = System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-.");
    private static readonly System.Buffers.SearchValues<char> HashCharacters = System.Buffers.SearchValues.Create("0123456789abcdef");

    [GeneratedRegex(@"\[redacted:[a-z0-9.-]{1,40}:[0-9a-f]{8}\]", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Labelled();
}

/// <summary>A placeholder, which is never looked into.</summary>
internal sealed class PlaceholderPattern() : SecretPattern("placeholder", [Placeholder.Start], "", "")
{
    /// <inheritdoc />
    public override (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs) => (at, at + Placeholder.LengthAt(text, at));

    /// <inheritdoc />
    public override bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => false;
}
