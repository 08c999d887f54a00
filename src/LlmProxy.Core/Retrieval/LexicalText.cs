using System.Buffers;
using System.Collections.Frozen;

namespace LlmProxy.Core.Retrieval;

/// <summary>Words as <see cref="LexicalEmbedder"/> sees them: lower-cased, lightly stemmed, with a mark for those that say little.</summary>
internal static class LexicalText
{
    /// <summary>
    /// Words that carry grammar or politeness. They keep a part of their weight, because among short requests that
    /// differ in little else ("I was hoping to …") wording tells one task from another.
    /// </summary>
    private static readonly FrozenSet<string> CommonWords = (
        "a an the and or but if then than so of to in on at by for from with without into onto out over under up down off as is am are was were be been being " +
        "do does did done have has had having i you he she it we they me him her us them my your his its our their mine yours this that these those there here " +
        "what which who whom whose when where why how can could may might must shall should will would not no nor only just also too very more most some any all " +
        "each both few other another such same own please hi hello hey thanks thank help need want like let lets get got make made go going able assist assistance " +
        "regarding about again now while because after before during until between through ll ve re s t d m don doesn didn isn wasn aren couldn wouldn won one")
        .Split(' ').ToFrozenSet(StringComparer.Ordinal);

    private static readonly SearchValues<char> Vowels = SearchValues.Create("aeiouy");

    /// <summary>Splits a text into words: runs of letters and digits; each ideograph, kana or syllable of a script without blanks is a word of its own.</summary>
    public static List<(string Word, bool IsCommon)> Words(string text)
    {
        var words = new List<(string, bool)>(text.Length / 5);
        var lower = text.ToLowerInvariant();
        var start = -1;
        for (var i = 0; i <= lower.Length; i++)
        {
            var c = i < lower.Length ? lower[i] : ' ';
            var isPart = char.IsLetterOrDigit(c);
            var standsAlone = isPart && IsUnspaced(c);
            if (start >= 0 && (!isPart || standsAlone))
            {
                Add(words, lower[start..i]);
                start = -1;
            }

            if (standsAlone)
            {
                words.Add((lower[i..(i + 1)], false));
            }
            else if (isPart && start < 0)
            {
                start = i;
            }
        }

        return words;
    }

    /// <summary>
    /// A few suffix rules for English inflections; a full Porter stemmer conflates more than it helps on texts of one or
    /// two sentences. Words with digits or letters beyond ASCII stay as they are.
    /// </summary>
    public static string Stem(string word)
    {
        if (word.Length < 4 || !IsPlain(word))
        {
            return word;
        }

        var w = word;
        if (w.EndsWith("sses", StringComparison.Ordinal))
        {
            w = w[..^2];
        }
        else if (w.EndsWith("ies", StringComparison.Ordinal) && w.Length > 4)
        {
            w = w[..^3] + "y";
        }
        else if (w[^1] == 's' && w[^2] is not ('s' or 'u' or 'i'))
        {
            w = w[..^1];
        }

        var cut = w.EndsWith("ing", StringComparison.Ordinal) ? 3 : w.EndsWith("ed", StringComparison.Ordinal) ? 2 : 0;
        if (cut > 0 && w.Length - cut >= 3 && w.AsSpan(0, w.Length - cut).ContainsAny(Vowels))
        {
            w = w[..^cut];
            if (w.Length > 3 && w[^1] == w[^2] && w[^1] is not ('l' or 's' or 'z'))
            {
                w = w[..^1];
            }
        }

        if (w.Length > 7 && w.EndsWith("ation", StringComparison.Ordinal))
        {
            w = w[..^5];
        }

        if (w.Length > 4 && w[^1] == 'e')
        {
            w = w[..^1];
        }

        return w.Length > 3 && w[^1] == 'y' ? w[..^1] + "i" : w;
    }

    private static void Add(List<(string, bool)> words, string word) => words.Add((Stem(word), CommonWords.Contains(word)));

    private static bool IsPlain(string word)
    {
        foreach (var c in word)
        {
            if (c is < 'a' or > 'z')
            {
                return false;
            }
        }

        return true;
    }

    // Kana, CJK ideographs, Thai, Lao, Khmer and Burmese are written without blanks; Hangul has them.
    private static bool IsUnspaced(char c) => c is (>= '\u3040' and <= '\u30FF') or (>= '\u3400' and <= '\u9FFF') or (>= '\uF900' and <= '\uFAFF')
        or (>= '\u0E00' and <= '\u0EFF') or (>= '\u1000' and <= '\u109F') or (>= '\u1780' and <= '\u17FF');
}
