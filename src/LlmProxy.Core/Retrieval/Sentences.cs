using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>Whole sentences, and texts shortened at them.</summary>
internal static partial class Sentences
{
    /// <summary>Splits at the ends of sentences and lines. Abbreviations, numbers, file names and addresses do not end one.</summary>
    public static List<string> Split(string text)
    {
        var result = new List<string>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            var isEnd = c == '\n' || c is '。' or '！' or '？' || (c is '.' or '!' or '?' && EndsHere(text, i));
            if (!isEnd)
            {
                continue;
            }

            // Further marks and closing quotes belong to the sentence.
            while (i + 1 < text.Length && text[i + 1] is '.' or '!' or '?' or '"' or ')' or '”' or '’')
            {
                i++;
            }

            Add(result, text.AsSpan(start, i + 1 - start));
            start = i + 1;
        }

        Add(result, text.AsSpan(start));
        return result;
    }

    /// <summary>As many of the first sentences as fit; a first sentence that is too long is cut at a clause or a word.</summary>
    public static string Shorten(string text, int maxLength)
    {
        if (text.Length <= maxLength)
        {
            return text;
        }

        var result = "";
        foreach (var sentence in Split(text))
        {
            var longer = result.Length == 0 ? sentence : result + " " + sentence;
            if (longer.Length > maxLength)
            {
                break;
            }

            result = longer;
        }

        return result.Length > 0 ? result : Cut(Split(text) is [var first, ..] ? first : text, maxLength);
    }

    /// <summary>Cuts one sentence at a clause where that leaves enough of it, else at a word, and marks the cut.</summary>
    public static string Cut(string sentence, int maxLength)
    {
        if (sentence.Length <= maxLength)
        {
            return sentence;
        }

        if (maxLength <= 1)
        {
            return maxLength == 1 ? "…" : "";
        }

        var limit = maxLength - 1;
        var end = -1;
        for (var i = limit - 1; i >= limit / 2 && end < 0; i--)
        {
            if (sentence[i] is ',' or ';' or ':' or '(' && i + 1 < sentence.Length && sentence[i + 1] == ' ')
            {
                end = i;
            }
        }

        if (end < 0)
        {
            end = sentence.LastIndexOf(' ', limit, limit / 2);
        }

        end = end <= 0 ? limit : end;
        if (char.IsHighSurrogate(sentence[end - 1]))
        {
            end--;
        }

        return sentence[..end].TrimEnd(' ', ',', ';', ':', '(') + "…";
    }

    /// <summary>Keeps both ends of a text, because paths, addresses and commands carry their meaning there.</summary>
    public static string CutMiddle(string text, int maxLength)
    {
        if (text.Length <= maxLength)
        {
            return text;
        }

        if (maxLength < 3)
        {
            return maxLength <= 0 ? "" : "…";
        }

        var head = (maxLength - 1) * 2 / 3;
        var tail = maxLength - 1 - head;
        if (char.IsHighSurrogate(text[head - 1]))
        {
            head--;
        }

        var tailStart = text.Length - tail;
        if (char.IsLowSurrogate(text[tailStart]))
        {
            tailStart++;
        }

        return string.Concat(text.AsSpan(0, head), "…", text.AsSpan(tailStart));
    }

    private static bool EndsHere(string text, int i)
    {
        if (i + 1 < text.Length && !char.IsWhiteSpace(text[i + 1]) && text[i + 1] is not ('"' or ')' or '”' or '’' or '.' or '!' or '?'))
        {
            return false;
        }

        if (text[i] != '.')
        {
            return true;
        }

        var word = i;
        while (word > 0 && !char.IsWhiteSpace(text[word - 1]))
        {
            word--;
        }

        // "e.g.", "Mr.", "1.": the sentence continues. A number ends one only as its last word.
        var token = text.AsSpan(word, i - word);
        return !Abbreviation().IsMatch(token) && !(IsNumber(token) && word == LineStart(text, word));
    }

    private static bool IsNumber(ReadOnlySpan<char> token) => token.Length is > 0 and <= 3 && token.IndexOfAnyExceptInRange('0', '9') < 0;

    private static int LineStart(string text, int position) => text.LastIndexOf('\n', Math.Max(0, position - 1)) + 1;

    private static void Add(List<string> sentences, ReadOnlySpan<char> sentence)
    {
        sentence = sentence.Trim();
        if (!sentence.IsEmpty)
        {
            sentences.Add(sentence.ToString());
        }
    }

    [GeneratedRegex("""^\(?(?:e\.g|i\.e|etc|vs|cf|approx|mr|mrs|ms|dr|prof|st|no|nr|vol|fig|inc|ltd|co|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|[a-z])$""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Abbreviation();
}
