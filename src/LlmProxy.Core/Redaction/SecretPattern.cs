using System.Buffers;

namespace LlmProxy.Core.Redaction;

/// <summary>The characters that a part of a secret is made of.</summary>
internal enum Alphabet
{
    /// <summary>ASCII letters and digits.</summary>
    Alphanumeric,
    /// <summary>Letters, digits and <c>_</c>.</summary>
    Word,
    /// <summary>Letters, digits, <c>_</c> and <c>-</c>: base64url.</summary>
    Token,
    /// <summary>Letters, digits, <c>_</c>, <c>-</c> and <c>/</c>.</summary>
    Path,
    /// <summary>Letters, digits and <c>_-.=+/~</c>: what an Authorization header holds.</summary>
    Credential,
    /// <summary>Capitals and digits.</summary>
    Upper,
    /// <summary>Hexadecimal digits.</summary>
    Hex,
    /// <summary>What a path of a URL holds.</summary>
    Url,
    /// <summary>What a hash of a password holds: <c>crypt</c>'s base64 and its separators.</summary>
    Crypt,
}

/// <summary>One kind of secret: a row of <see cref="SecretPatterns.All"/>.</summary>
/// <param name="name">What it is, for people.</param>
/// <param name="starts">Texts of three or more ASCII characters, one of which begins every match.</param>
/// <param name="before">Beginning of the example, which stays.</param>
/// <param name="secret">The example's secret. In pieces, so that no scanner takes the table for a leak.</param>
/// <param name="after">End of the example, which stays.</param>
internal abstract class SecretPattern(string name, string[] starts, string before, string secret, string after = "")
{
    public string Name => name;

    /// <summary>What a placeholder calls it. Secrets that only their context gives away share a kind, so that one secret has one placeholder everywhere.</summary>
    public virtual string Kind => "credential";

    /// <summary>Whether the secret tells by its own form what it is.</summary>
    public virtual bool IsTelling => false;

    public IReadOnlyList<string> Starts => starts;

    /// <summary>Whether a match begins with a start in any case.</summary>
    public virtual bool IgnoresCase => false;

    /// <summary>A text with a secret of this kind.</summary>
    public string Example => before + secret + after;

    /// <summary>A secret of each form.</summary>
    public virtual IEnumerable<string> ExampleSecrets => [secret];

    /// <summary>The example with a mark in place of its secret.</summary>
    public string ExampleWithout(string mark) => before + mark + after;

    /// <summary>What must go from the example.</summary>
    public string ExampleSecret => secret;

    /// <summary>The secret that a start leads to; an empty range if it is none.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">Where one of the <see cref="Starts"/> is.</param>
    /// <param name="runs">Lengths that were measured before.</param>
    public abstract (int Start, int End) Match(ReadOnlySpan<char> text, int at, CharacterRuns runs);

    /// <summary>Whether the text can hold a match here once its JSON escapes are decoded. Wrong only on the safe side.</summary>
    public virtual bool MayMatch(ReadOnlySpan<char> json, int at, CharacterRuns runs) => Match(json, at, runs) is var (start, end) && end > start;
}

/// <summary>
/// Where runs of an alphabet end. Each run is measured once, however many candidates begin in it, so that a hostile text
/// takes linear time. Parts of one token have places of their own.
/// </summary>
internal sealed class CharacterRuns
{
    private const string AlphanumericCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private const int Parts = 4;

    private static readonly SearchValues<char>[] Alphabets =
    [
        SearchValues.Create(AlphanumericCharacters),
        SearchValues.Create(AlphanumericCharacters + "_"),
        SearchValues.Create(AlphanumericCharacters + "_-"),
        SearchValues.Create(AlphanumericCharacters + "_-/"),
        SearchValues.Create(AlphanumericCharacters + "_-.=+/~"),
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
        SearchValues.Create("0123456789abcdefABCDEF"),
        SearchValues.Create(AlphanumericCharacters + "_-/@.%~=+$"),
        SearchValues.Create(AlphanumericCharacters + "./$="),
    ];

    // Most texts need none.
    private (int Start, int End)[]? _known;

    /// <summary>The end of the run that holds a place.</summary>
    public int End(ReadOnlySpan<char> text, int at, Alphabet alphabet, int part = 0)
    {
        _known ??= new (int, int)[Alphabets.Length * Parts];
        ref var known = ref _known[((int)alphabet * Parts) + Math.Min(part, Parts - 1)];
        if (at < known.Start || at >= known.End)
        {
            known = (at, at + Length(text[at..], Alphabets[(int)alphabet]));
        }

        return known.End;
    }

    /// <summary>How long the run is that a text begins with.</summary>
    public static int Length(ReadOnlySpan<char> text, Alphabet alphabet) => Length(text, Alphabets[(int)alphabet]);

    private static int Length(ReadOnlySpan<char> text, SearchValues<char> alphabet) => text.IndexOfAnyExcept(alphabet) is >= 0 and var end ? end : text.Length;
}
