using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmProxy.Core.Redaction;

/// <summary>A pattern that three characters of a text may belong to.</summary>
/// <param name="Pattern">The pattern.</param>
/// <param name="Offset">How far after the pattern's start they are.</param>
internal readonly record struct StartCandidate(SecretPattern Pattern, int Offset);

/// <summary>
/// Finds the starts of patterns, however many there are, in one pass. Of each start it looks for the three characters that
/// are least frequent in texts, by a table of pairs of characters.
/// </summary>
internal sealed class StartTable
{
    private const int Size = 3;
    private const int CharacterBits = 7;
    private const int Letter = 0x20;
    private const int Ascii = 0x7F;
    private const int TripleBits = 15;
    private const int Groups = 4;
    private const int Step = 4;

    // Letters by their frequency in English text and code, the most frequent one first.
    private const string ByFrequency = "etaionsrlhdcumpfgybwvkxjqz";

    // By two characters, letters of either case alike: the groups of those that begin with them, and above those that end so.
    private readonly byte[] _pairs = new byte[1 << (2 * CharacterBits)];

    // By a hash of three characters: whether they are to be looked for.
    private readonly byte[] _triples = new byte[1 << TripleBits];
    private readonly FrozenDictionary<int, StartCandidate[]> _candidates;

    /// <summary>A table of patterns.</summary>
    public StartTable(IEnumerable<SecretPattern> patterns)
    {
        var byTriple = new Dictionary<int, List<StartCandidate>>();
        foreach (var pattern in patterns)
        {
            foreach (var start in pattern.Starts)
            {
                var offset = Enumerable.Range(0, start.Length - Size + 1).MinBy(at => Frequency(start.AsSpan(at, Size), pattern.IgnoresCase));
                foreach (var triple in pattern.IgnoresCase ? Cases(start.Substring(offset, Size)) : [start.Substring(offset, Size)])
                {
                    Add(triple);
                    var key = Exact(triple, 0);
                    var list = byTriple.TryGetValue(key, out var known) ? known : byTriple[key] = [];
                    if (!list.Contains(new StartCandidate(pattern, offset)))
                    {
                        list.Add(new StartCandidate(pattern, offset));
                    }
                }
            }
        }

        _candidates = byTriple.ToFrozenDictionary(entry => entry.Key, entry => entry.Value.ToArray());
    }

    /// <summary>The next place at or after one that has candidates; the text's length if there is none.</summary>
    public int Next(ReadOnlySpan<char> text, int from)
    {
        // Four places at a time, none of which waits for another.
        var at = from;
        ref var characters = ref MemoryMarshal.GetReference(text);
        for (var end = text.Length - Step - Size; at <= end; at += Step)
        {
            ref var c = ref Unsafe.Add(ref characters, at);
            int first = Group(ref c), second = Group(ref Unsafe.Add(ref c, 1)), third = Group(ref Unsafe.Add(ref c, 2)), fourth = Group(ref Unsafe.Add(ref c, 3)), fifth = Group(ref Unsafe.Add(ref c, 4));
            if ((((first & (second >> Groups)) | (second & (third >> Groups)) | (third & (fourth >> Groups)) | (fourth & (fifth >> Groups))) & ((1 << Groups) - 1)) != 0
                && Find(text, at, at + Step) is var found && found < at + Step)
            {
                return found;
            }
        }

        return Find(text, at, text.Length) is var last && last < text.Length ? last : text.Length;
    }

    private int Find(ReadOnlySpan<char> text, int at, int end)
    {
        for (; at < end && at + Size <= text.Length; at++)
        {
            if (_triples[Hash(text, at)] != 0)
            {
                return at;
            }
        }

        return end;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Group(ref char c) => Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_pairs), Pair(c, Unsafe.Add(ref c, 1)));

    /// <summary>The patterns that may be at a place.</summary>
    public ReadOnlySpan<StartCandidate> At(ReadOnlySpan<char> text, int at) =>
        at + Size <= text.Length && (text[at] | text[at + 1] | text[at + 2]) <= Ascii && _candidates.TryGetValue(Exact(text, at), out var candidates) ? candidates : default;

    private void Add(string triple)
    {
        var group = 1 << ((((triple[0] | Letter) * 5) + (triple[2] | Letter)) % Groups);
        _pairs[Pair(triple[0], triple[1])] |= (byte)group;
        _pairs[Pair(triple[1], triple[2])] |= (byte)(group << Groups);
        _triples[Hash(triple, 0)] = 1;
    }

    private static int Pair(char first, char second) => (((first | Letter) & Ascii) << CharacterBits) | ((second | Letter) & Ascii);

    private static int Exact(ReadOnlySpan<char> text, int at) => (text[at] << 14) | (text[at + 1] << 7) | text[at + 2];

    private static int Hash(ReadOnlySpan<char> text, int at) => (int)(((text[at] * 0x9E3779B1u) + (text[at + 1] * 0x85EBCA77u) + (text[at + 2] * 0xC2B2AE3Du)) >> (32 - TripleBits));

    private static double Frequency(ReadOnlySpan<char> triple, bool ignoresCase)
    {
        var product = 1.0;
        foreach (var c in triple)
        {
            var rank = ByFrequency.IndexOf(char.ToLowerInvariant(c), StringComparison.Ordinal);
            product *= c == ' ' ? 8 : rank < 0 ? 0.7 : (ignoresCase || char.IsAsciiLetterLower(c) ? 12 : 2) * Math.Pow(0.9, rank);
        }

        return product;
    }

    private static IEnumerable<string> Cases(string text)
    {
        IEnumerable<string> cases = [""];
        foreach (var c in text)
        {
            cases = [.. cases.SelectMany(beginning => new[] { beginning + char.ToLowerInvariant(c), beginning + char.ToUpperInvariant(c) }).Distinct(StringComparer.Ordinal)];
        }

        return cases;
    }
}
