using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LlmProxy.Core.Redaction;

/// <summary>A pattern that three characters of a text may belong to.</summary>
/// <param name="Pattern">The pattern.</param>
/// <param name="Offset">How far after the pattern's start they are.</param>
/// <param name="Start">The start.</param>
internal readonly record struct StartCandidate(SecretPattern Pattern, int Offset, string Start)
{
    private readonly StringComparison _comparison = Pattern.IgnoresCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    /// <summary>Whether the start is where three of its characters are.</summary>
    public bool IsAt(ReadOnlySpan<char> text, int at) => at >= Offset && text[(at - Offset)..].StartsWith(Start, _comparison);

    /// <summary>Whether each text with another start here has this one too.</summary>
    public bool Covers(StartCandidate other) => Pattern == other.Pattern && Offset == other.Offset && other.Start.StartsWith(Start, _comparison);
}

/// <summary>
/// Finds the starts of patterns, however many there are, in one pass. Of each start it looks for the three characters that
/// are least frequent in texts. It samples every second pair of characters: of three in a row, one pair lies in a sample and
/// the third character in the sample before or after it.
/// </summary>
internal sealed class StartTable
{
    private const int Size = 3;
    private const int CharacterBits = 7;
    private const int PairBits = 2 * CharacterBits;
    private const int TripleBits = 15;
    private const int Step = 8;

    // Without the bit that tells the cases of a letter apart.
    private const int Fold = 0x5F;
    private const ulong FoldFour = 0x005F_005F_005F_005F;
    private const int Ascii = 0x7F;

    // Letters by their frequency in English text and code, the most frequent one first.
    public const string ByFrequency = "etaionsrlhdcumpfgybwvkxjqz";

    // By two characters: the groups of those that are the first two, begin with the last one, end with the first one, are the last two.
    private readonly uint[] _pairs = new uint[1 << PairBits];

    // By a hash of three characters: whether they are to be looked for.
    private readonly uint[] _triples = new uint[1 << (TripleBits - 5)];
    private readonly FrozenDictionary<int, StartCandidate[]> _candidates;

    /// <summary>A table of patterns.</summary>
    public StartTable(IEnumerable<SecretPattern> patterns)
    {
        var byTriple = new Dictionary<int, List<StartCandidate>>();
        var groups = new StartGroups();
        foreach (var pattern in patterns)
        {
            foreach (var start in pattern.Starts)
            {
                var offset = Enumerable.Range(0, start.Length - Size + 1).MinBy(at => Frequency(start.AsSpan(at, Size), pattern.IgnoresCase));
                foreach (var triple in pattern.IgnoresCase ? Cases(start.Substring(offset, Size)) : [start.Substring(offset, Size)])
                {
                    groups.Add((triple[0] & Fold, triple[1] & Fold, triple[2] & Fold));
                    var hash = Hash(triple, 0);
                    _triples[hash >> 5] |= 1u << hash;
                    var key = Exact(triple, 0);
                    var list = byTriple.TryGetValue(key, out var known) ? known : byTriple[key] = [];
                    var candidate = new StartCandidate(pattern, offset, start);
                    if (!list.Exists(other => other.Covers(candidate)))
                    {
                        list.Add(candidate);
                    }
                }
            }
        }

        groups.Write(_pairs, CharacterBits);
        _candidates = byTriple.ToFrozenDictionary(entry => entry.Key, entry => entry.Value.ToArray());
    }

    /// <summary>The next place at or after one that has candidates; the text's length if there is none.</summary>
    public int Next(ReadOnlySpan<char> text, int from)
    {
        var at = from;
        if (text.Length - at >= Step + 2)
        {
            // Eight places at a time, none of which waits for another.
            ref var characters = ref Unsafe.As<char, byte>(ref MemoryMarshal.GetReference(text));
            ref var pairs = ref MemoryMarshal.GetArrayDataReference(_pairs);
            var pair = _pairs[Pair(text[at], text[at + 1])];
            for (var end = text.Length - Step - 2; at <= end; at += Step)
            {
                var four = Indices(ref characters, at + 2);
                var (second, third) = (Unsafe.Add(ref pairs, (nint)(four & ((1 << PairBits) - 1))), Unsafe.Add(ref pairs, (nint)((four >> 32) & ((1 << PairBits) - 1))));
                four = Indices(ref characters, at + 6);
                var (fourth, next) = (Unsafe.Add(ref pairs, (nint)(four & ((1 << PairBits) - 1))), Unsafe.Add(ref pairs, (nint)((four >> 32) & ((1 << PairBits) - 1))));
                var (a, b, c, d) = (StartGroups.Common(pair, second), StartGroups.Common(second, third), StartGroups.Common(third, fourth), StartGroups.Common(fourth, next));
                pair = next;
                if ((a | b | c | d) != 0)
                {
                    if (a != 0 && Find(text, at, at + 2) is var first && first < at + 2)
                    {
                        return first;
                    }

                    if (b != 0 && Find(text, at + 2, at + 4) is var found && found < at + 4)
                    {
                        return found;
                    }

                    if ((c | d) != 0 && Find(text, at + 4, at + Step) is var last && last < at + Step)
                    {
                        return last;
                    }
                }
            }
        }

        return Find(text, at, text.Length);
    }

    /// <summary>The first of some places where three characters are to be looked for; the end if there is none.</summary>
    private int Find(ReadOnlySpan<char> text, int at, int end)
    {
        for (; at < end && at + Size <= text.Length; at++)
        {
            if ((byte)_pairs[Pair(text[at], text[at + 1])] == 0)
            {
                continue;
            }

            var hash = Hash(text, at);
            if ((_triples[hash >> 5] & (1u << hash)) != 0)
            {
                return at;
            }
        }

        return end;
    }

    /// <summary>The indices of two pairs, in the lower bits of either half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Indices(ref byte characters, int at)
    {
        var four = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref characters, (nint)at * sizeof(char))) & FoldFour;
        return four | (four >> (16 - CharacterBits));
    }

    /// <summary>The patterns that may be at a place.</summary>
    public ReadOnlySpan<StartCandidate> At(ReadOnlySpan<char> text, int at) =>
        at + Size <= text.Length && (text[at] | text[at + 1] | text[at + 2]) <= Ascii && _candidates.TryGetValue(Exact(text, at), out var candidates) ? candidates : default;

    private static int Pair(char first, char second) => (first & Fold) | ((second & Fold) << CharacterBits);

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
