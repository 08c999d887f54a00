using System.Buffers;
using System.Text;

namespace LlmProxy.Core.Retrieval;

/// <summary>A text and its words, in one of the spellings that <see cref="Spellings"/> tries.</summary>
/// <param name="Source">The text in that spelling.</param>
/// <param name="Words">Where its words are.</param>
internal sealed record WordList(FoldedText Source, List<(int Start, int End)> Words)
{
    /// <summary>Whether it is spelled by <see cref="Spellings.Canonical(char)"/>.</summary>
    public bool IsCanonical { get; init; }

    /// <summary>A word.</summary>
    public ReadOnlySpan<char> this[int word] => Source.Text.AsSpan(Words[word].Start, Words[word].End - Words[word].Start);

    /// <summary>Characters between a word and the one before it.</summary>
    public int Between(int word) => Words[word].Start - Words[word - 1].End;

    /// <summary>What follows a word.</summary>
    public ReadOnlySpan<char> After(int word) => Source.Text.AsSpan(Words[word].End);

    /// <summary>The part of the original text from one word to another.</summary>
    public (int Start, int End) Span(int first, int last)
    {
        var (start, end) = (Source.PlaceOf(Words[first].Start), Source.PlaceOf(Words[last].End));
        return start <= end ? (start, end) : (end, start);
    }

    /// <summary>The words of a text: letters, digits, marks on them, and apostrophes between them.</summary>
    public static WordList Of(FoldedText source)
    {
        var text = source.Text;
        var words = new List<(int Start, int End)>(text.Length / 5);
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && (char.IsLetterOrDigit(text[i]) || (i > start && IsInner(text, i))))
            {
                i++;
            }

            if (i > start)
            {
                words.Add((start, i));
            }
        }

        return new WordList(source, words);
    }

    private static bool IsInner(string text, int i) =>
        (text[i] is '\'' && i + 1 < text.Length && char.IsLetter(text[i + 1])) || (text[i] >= 0x300 && ConfusableLetters.IsMark(text[i]));
}

/// <summary>Whether a word is one that phrases have.</summary>
internal delegate bool IsTelling(ReadOnlySpan<char> word);

/// <summary>
/// The spellings in which a phrase may hide in a text: unchanged, with look-alikes of other scripts, with digits for
/// letters, with its letters set apart, and backwards. A spelling is tried only where the text has what it undoes.
/// </summary>
internal static class Spellings
{
    // Fewer single letters in a row are initials or a list.
    private const int MinSpaced = 4;
    private const int MinReversed = 6;
    private const int MaxWord = 16;
    private static readonly SearchValues<char> Separators = SearchValues.Create(" .-_*·,/|");

    /// <summary>The text's spellings, the plain one first.</summary>
    /// <param name="text">The text.</param>
    /// <param name="isTelling">Whether a word is one that phrases have.</param>
    public static IEnumerable<WordList> Of(string text, IsTelling isTelling)
    {
        text = text.Replace('’', '\'');
        var plain = WordList.Of(new FoldedText(text, null));
        yield return plain;
        var folded = plain;
        if (!Ascii.IsValid(text))
        {
            folded = WordList.Of(ConfusableLetters.Fold(text));
            yield return folded;
        }

        if (Digits(folded, isTelling) is { } digits)
        {
            yield return digits;
        }

        if (Joined(folded, isTelling) is { } joined)
        {
            yield return joined;
        }

        if (Reversed(folded, isTelling) is { } reversed)
        {
            yield return reversed;
        }
    }

    /// <summary>A letter in the spelling with digits for letters, where 1 is as often an l as an i.</summary>
    public static char Canonical(char c) => c switch
    {
        '0' => 'o',
        '1' or '!' or '|' or 'l' or 'L' or 'I' => 'i',
        '3' => 'e',
        '4' or '@' => 'a',
        '5' or '$' => 's',
        '7' => 't',
        _ => char.ToLowerInvariant(c),
    };

    private static WordList? Digits(WordList list, IsTelling isTelling)
    {
        var isUsed = false;
        for (var w = 0; w < list.Words.Count && !isUsed; w++)
        {
            var word = list[w];
            isUsed = word.Length is >= 3 and <= 20 && word.ContainsAnyInRange('0', '9') && word.ContainsAnyExceptInRange('0', '9') && isTelling(Canonical(word));
        }

        return isUsed ? new WordList(new FoldedText(Canonical(list.Source.Text), list.Source.Places), list.Words) { IsCanonical = true } : null;
    }

    private static string Canonical(ReadOnlySpan<char> text)
    {
        var result = new char[text.Length];
        for (var i = 0; i < text.Length; i++)
        {
            result[i] = Canonical(text[i]);
        }

        return new string(result);
    }

    /// <summary>Letters that stand alone in a row are one text again, cut into the words of phrases.</summary>
    private static WordList? Joined(WordList list, IsTelling isTelling)
    {
        var words = new List<(int Start, int End)>();
        var text = new StringBuilder();
        var places = new List<int>();
        var isUsed = false;
        for (var w = 0; w < list.Words.Count;)
        {
            var last = w;
            while (last + 1 < list.Words.Count && IsSingle(list, last) && IsSingle(list, last + 1) && list.Between(last + 1) <= 3
                && list.Source.Text.AsSpan(list.Words[last].End, list.Between(last + 1)).IndexOfAnyExcept(Separators) < 0)
            {
                last++;
            }

            var begin = text.Length;
            for (var i = w; i <= last; i++)
            {
                places.AddRange(Enumerable.Range(list.Words[i].Start, list.Words[i].End - list.Words[i].Start));
                text.Append(list[i]);
            }

            if (last - w + 1 >= MinSpaced)
            {
                isUsed |= AddWords(text.ToString(begin, text.Length - begin), begin, words, isTelling);
            }
            else
            {
                // One word, or a few single ones that are words of their own.
                for (int i = w, at = begin; i <= last; i++)
                {
                    words.Add((at, at += list.Words[i].End - list.Words[i].Start));
                }
            }

            places.Add(list.Words[last].End);
            text.Append(' ');
            w = last + 1;
        }

        if (!isUsed)
        {
            return null;
        }

        places.Add(list.Source.Text.Length);
        return new WordList(new FoldedText(text.ToString(), [.. places.Select(list.Source.PlaceOf)]), words);
    }

    private static bool IsSingle(WordList list, int word) => list.Words[word].End - list.Words[word].Start == 1;

    /// <summary>Cuts letters into the longest words that phrases have; what lies between two of them is one word.</summary>
    private static bool AddWords(string letters, int begin, List<(int Start, int End)> words, IsTelling isTelling)
    {
        var (position, rest, count) = (0, 0, 0);
        while (position < letters.Length)
        {
            var length = Math.Min(MaxWord, letters.Length - position);
            while (length >= 2 && !isTelling(letters.AsSpan(position, length)))
            {
                length--;
            }

            if (length < 2)
            {
                position++;
                continue;
            }

            if (position > rest)
            {
                words.Add((begin + rest, begin + position));
            }

            words.Add((begin + position, begin + position + length));
            position += length;
            rest = position;
            count++;
        }

        if (position > rest)
        {
            words.Add((begin + rest, begin + position));
        }

        return count > 0;
    }

    private static WordList? Reversed(WordList list, IsTelling isTelling)
    {
        var isUsed = false;
        Span<char> backwards = stackalloc char[MaxWord];
        for (var w = 0; w < list.Words.Count && !isUsed; w++)
        {
            var word = list[w];
            if (word.Length is >= MinReversed and <= MaxWord)
            {
                word.CopyTo(backwards);
                backwards[..word.Length].Reverse();
                isUsed = isTelling(backwards[..word.Length]);
            }
        }

        if (!isUsed)
        {
            return null;
        }

        var text = list.Source.Text;
        var places = new int[text.Length + 1];
        for (var i = 0; i <= text.Length; i++)
        {
            places[i] = list.Source.PlaceOf(text.Length - i);
        }

        var reversed = text.ToCharArray();
        Array.Reverse(reversed);
        return WordList.Of(new FoldedText(new string(reversed), places));
    }
}
