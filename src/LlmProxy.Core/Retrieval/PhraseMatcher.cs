using System.Collections.Frozen;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// Finds phrases by their words, in every spelling of <see cref="Spellings"/>. A phrase is written <c>a|b ~3 c|d</c>: one of
/// a and b, then within at most 3 words in between one of c and d. <c>+</c> allows none in between, and <c>:</c> wants a
/// colon or an exclamation mark after the last word.
/// </summary>
internal sealed class PhraseMatcher
{
    // Words that are further apart belong to different cells or lines.
    private const int MaxSigns = 8;

    private static readonly FrozenSet<string> NoWords = new[] { "" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly Index _words;
    private readonly Index _canonical;
    private readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> _vocabulary;

    /// <summary>A matcher of some phrases.</summary>
    public PhraseMatcher(IReadOnlyList<string> phrases)
    {
        // In a folded spelling the words of other languages have lost their marks.
        _words = new Index([.. phrases.Concat(phrases.Select(p => ConfusableLetters.Fold(p).Text).Except(phrases, StringComparer.Ordinal)).Select(Parse)]);
        _canonical = new Index([.. phrases.Select(p => Parse(p, w => string.Create(w.Length, w, static (to, from) =>
        {
            for (var i = 0; i < from.Length; i++)
            {
                to[i] = Spellings.Canonical(from[i]);
            }
        })))]);
        _vocabulary = _words.Vocabulary.Concat(_canonical.Vocabulary).ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Where phrases are in a text.</summary>
    public List<(int Start, int End)> Find(string text)
    {
        var spans = new List<(int Start, int End)>();
        foreach (var list in Spellings.Of(text, _vocabulary.Contains))
        {
            var index = list.IsCanonical ? _canonical : _words;
            for (var w = 0; w < list.Words.Count; w++)
            {
                if (index.TryGet(list[w], out var phrases))
                {
                    foreach (var phrase in phrases)
                    {
                        if (Match(list, w, phrase, 1) is { } last)
                        {
                            spans.Add(list.Span(w, last));
                            break;
                        }
                    }
                }
            }
        }

        return spans;
    }

    private static int? Match(WordList list, int at, Element[] phrase, int next)
    {
        if (next == phrase.Length)
        {
            return at;
        }

        var element = phrase[next];
        if (!element.HasWords)
        {
            return list.After(at).TrimStart("*_ ") is [':' or '!' or '：', ..] ? at : null;
        }

        for (var i = at + 1; i < list.Words.Count && i <= at + 1 + element.Gap && list.Between(i) <= MaxSigns; i++)
        {
            if (element.Words.Contains(list[i]) && Match(list, i, phrase, next + 1) is { } last)
            {
                return last;
            }
        }

        return null;
    }

    private static Element[] Parse(string phrase) => Parse(phrase, static word => word);

    private static Element[] Parse(string phrase, Func<string, string> spell)
    {
        var elements = new List<Element>();
        var gap = 0;
        foreach (var part in phrase.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (part[0])
            {
                case '+':
                    gap = 0;
                    break;
                case '~':
                    gap = part[1] - '0';
                    break;
                case ':':
                    elements.Add(new Element(0, FrozenSet<string>.Empty));
                    break;
                default:
                    elements.Add(new Element(gap, part.Split('|').Select(spell).ToFrozenSet(StringComparer.OrdinalIgnoreCase)));
                    break;
            }
        }

        return [.. elements];
    }

    /// <summary>Phrases by their first words.</summary>
    private sealed class Index
    {
        private readonly FrozenDictionary<string, Element[][]>.AlternateLookup<ReadOnlySpan<char>> _byFirstWord;

        public Index(IReadOnlyList<Element[]> phrases)
        {
            Vocabulary = [.. phrases.SelectMany(p => p).SelectMany(e => e.All).Distinct(StringComparer.OrdinalIgnoreCase)];
            _byFirstWord = phrases.SelectMany(phrase => phrase[0].All.Select(word => (word, phrase))).GroupBy(p => p.word, p => p.phrase, StringComparer.OrdinalIgnoreCase)
                .ToFrozenDictionary(g => g.Key, g => g.ToArray(), StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();
        }

        public IReadOnlyList<string> Vocabulary { get; }

        public bool TryGet(ReadOnlySpan<char> word, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Element[][]? phrases) => _byFirstWord.TryGetValue(word, out phrases);
    }

    /// <summary>One of some words, within a distance from the one before; without words a sign after that one.</summary>
    private sealed record Element(int Gap, FrozenSet<string> All)
    {
        public bool HasWords { get; } = All.Count > 0;

        public FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Words { get; } =
            (All.Count > 0 ? All : NoWords).GetAlternateLookup<ReadOnlySpan<char>>();
    }
}
