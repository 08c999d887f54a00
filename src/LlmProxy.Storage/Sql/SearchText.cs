using System.Globalization;
using System.Text;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// Words for full-text search, cut in one place for both databases so that both find the same runs. A word is a run
/// of letters, digits and marks in lower case; each character of the scripts written without blanks is one word.
/// Words hold no character that a query language could take for its own.
/// </summary>
internal static class SearchText
{
    /// <summary>Longer words (keys, base64) are cut: they are not searched for, and an index entry has a limit.</summary>
    public const int MaxWordLength = 64;

    /// <summary>How many words of a text are indexed, from its beginning.</summary>
    public const int MaxWords = 4000;

    /// <summary>How many different words a search looks for.</summary>
    public const int MaxQueryWords = 64;

    // Words that nearly every English task holds: searching for them finds everything and costs the most.
    private static readonly HashSet<string> CommonWords = new(
        "a an and are as at be by can do for from has have how i if in into is it its me my no not of on or our please so that the their them then there this to up us was we what when which will with would you your".Split(' '),
        StringComparer.Ordinal);

    /// <summary>The words of a text in order.</summary>
    public static List<string> Words(string text, int limit = MaxWords)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (words.Count >= limit)
            {
                return words;
            }

            if (IsWrittenWithoutBlanks(rune.Value))
            {
                Flush(words, word);
                words.Add(rune.ToString());
            }
            else if (IsPartOfWord(rune))
            {
                if (word.Length < MaxWordLength)
                {
                    word.Append(Rune.ToLowerInvariant(rune).ToString());
                }
            }
            else
            {
                Flush(words, word);
            }
        }

        Flush(words, word);
        return words;
    }

    /// <summary>The different words of a text that are worth searching for: without common ones, unless there are no others.</summary>
    public static List<string> QueryWords(string text)
    {
        var words = Words(text).Distinct(StringComparer.Ordinal).ToList();
        var telling = words.Where(w => !CommonWords.Contains(w)).ToList();
        return (telling.Count == 0 ? words : telling).Take(MaxQueryWords).ToList();
    }

    private static void Flush(List<string> words, StringBuilder word)
    {
        if (word.Length > 0)
        {
            words.Add(word.ToString());
            word.Clear();
        }
    }

    private static bool IsPartOfWord(Rune rune) =>
        Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.OtherNumber or UnicodeCategory.LetterNumber;

    // Hiragana, Katakana, CJK ideographs with their extensions, Thai, Lao, Khmer, Myanmar.
    private static bool IsWrittenWithoutBlanks(int c) =>
        c is >= 0x3040 and <= 0x30FF or >= 0x3400 and <= 0x4DBF or >= 0x4E00 and <= 0x9FFF or >= 0xF900 and <= 0xFAFF
            or >= 0x20000 and <= 0x3134F or >= 0x0E01 and <= 0x0EDF or >= 0x1000 and <= 0x109F or >= 0x1780 and <= 0x17FF;
}
