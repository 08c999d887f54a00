using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>Shortens the texts of a step by what they mean: why, with what, and what came back. All results are one safe line.</summary>
internal static partial class StepText
{
    /// <summary>A reply's sentences, cleaned, without lists' marks, openings and phrases of politeness.</summary>
    public static List<string> Sentences(string text, RemovedText removed) => text.Length == 0 ? [] :
    [
        // Lines end sentences, so they are split before they are joined.
        .. Retrieval.Sentences.Split(RecordedText.Clean(Retrieval.Sentences.Shorten(text, 4_000), removed))
            .Select(s => WithoutOpening(ListMark().Replace(s, "")))
            .Where(s => s.Length >= 3 && !Filler().IsMatch(s)),
    ];

    /// <summary>A result's lines, cleaned, without those that hold only signs.</summary>
    public static List<string> Lines(string content, RemovedText removed) =>
    [
        .. RecordedText.CleanResult(WithoutImages(content), removed).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(l => l.Any(char.IsLetterOrDigit)),
    ];

    /// <summary>
    /// The sentence that states the intent, with what gives its reason; openings such as "Great!" go.
    /// </summary>
    public static string Reasoning(List<string> sentences, int maxLength, RemovedText removed)
    {
        if (sentences.Count == 0)
        {
            return "";
        }

        var intent = Math.Max(0, sentences.FindIndex(s => Intent().IsMatch(s)));
        var chosen = new SortedSet<int> { intent };
        var length = sentences[intent].Length;

        // A finding before the intent ("The total is in cell B7.") or a reason after it is worth more than further plans.
        foreach (var i in Enumerable.Range(0, sentences.Count).Where(i => i != intent).OrderByDescending(i => Reason().IsMatch(sentences[i])).ThenBy(i => Math.Abs(i - intent)))
        {
            if (length + 1 + sentences[i].Length <= maxLength && chosen.Count < 3)
            {
                chosen.Add(i);
                length += 1 + sentences[i].Length;
            }
        }

        var result = string.Join(' ', chosen.Select(i => sentences[i]));
        return Safe(result.Length <= maxLength ? result : Retrieval.Sentences.Cut(sentences[intent], maxLength), maxLength, removed);
    }

    /// <summary>Arguments as compact JSON, or free text with both ends kept.</summary>
    public static string Arguments(string arguments, int maxLength, RemovedText removed)
    {
        var text = ShortJson.TryShorten(arguments, maxLength, removed);
        text = text is "{}" or "[]" ? "" : text ?? Retrieval.Sentences.CutMiddle(RecordedText.CleanLine(Retrieval.Sentences.CutMiddle(arguments, maxLength * 4), removed), maxLength);
        return Safe(text, maxLength, removed);
    }

    /// <summary>What came back: short JSON, or the first lines that say something, for a failure the line that names it. Images are a word.</summary>
    public static string Result(string content, Func<RemovedText, List<string>> linesOf, bool hasImage, bool isFailure, int maxLength, RemovedText removed)
    {
        var json = ShortJson.TryShorten(WithoutImages(content), maxLength, removed, isResult: true);
        if (json is null)
        {
            var lines = linesOf(removed);
            var telling = lines.Where(l => !Empty().IsMatch(l)).ToList();
            lines = telling.Count > 0 ? telling : lines;

            // A traceback names the error at its end, a log somewhere; the line says more than those above it.
            var error = isFailure ? lines.FindLastIndex(l => Error().IsMatch(l)) : -1;
            lines = error > 0 ? lines[error..] : lines;
            json = Join(lines, maxLength);
        }

        if (hasImage || content.Contains("[image]", StringComparison.Ordinal))
        {
            const string Picture = "[screenshot]";
            json = json.Length == 0 ? Picture : Retrieval.Sentences.Cut(json, Math.Max(1, maxLength - Picture.Length - 1)) + " " + Picture;
        }

        return Safe(json, maxLength, removed, isResult: true);
    }

    /// <summary>The task in whole sentences.</summary>
    public static string Task(string text, int maxLength, RemovedText removed)
    {
        var clean = RecordedText.Clean(text, removed);
        return Safe(Retrieval.Sentences.Shorten(clean, maxLength), maxLength, removed);
    }

    private static string WithoutImages(string content) => content.Replace("[image]", "", StringComparison.Ordinal);

    // Cutting and joining can make marks that were not there, so the finished text is looked at once more.
    private static string Safe(string text, int maxLength, RemovedText removed, bool isResult = false)
    {
        var safe = Line(text);
        return safe.Length <= maxLength ? safe : Line(Retrieval.Sentences.Cut(safe, maxLength));

        string Line(string line) => isResult ? RecordedText.CleanResultLine(line, removed) : RecordedText.CleanLine(line, removed);
    }

    private static string Join(List<string> lines, int maxLength)
    {
        if (lines.Count == 0)
        {
            return "";
        }

        // A short result is kept whole: its conclusion is often at the end.
        const string Between = " / ";
        var whole = string.Join(Between, lines);
        if (whole.Length <= maxLength)
        {
            return whole;
        }

        var result = Retrieval.Sentences.Shorten(lines[0], maxLength);
        var n = 1;
        for (; n < lines.Count && n < 3 && result.Length + Between.Length + lines[n].Length <= maxLength; n++)
        {
            result += Between + lines[n];
        }

        return n < lines.Count && result.Length + 2 <= maxLength ? result + " …" : result;
    }

    private static string WithoutOpening(string sentence)
    {
        var rest = Opening().Replace(sentence, "");
        return rest.Length == sentence.Length || rest.Length == 0 ? sentence : char.ToUpperInvariant(rest[0]) + rest[1..];
    }

    [GeneratedRegex("""^(?:[-*•]\s+|\d{1,2}[.)]\s+)+""", RegexOptions.CultureInvariant, 250)]
    private static partial Regex ListMark();

    [GeneratedRegex("""^(?:(?:great|perfect|excellent|okay|ok|alright|sure|certainly|of course|got it|good|nice|absolutely|awesome|wonderful|understood|now|so|well|yes|right)\b[,!.\s—–-]*)+""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Opening();

    [GeneratedRegex("""^(?:(?:i(?:['’]d| would)? be|i(?:['’]m| am)) (?:happy|glad|here) to (?:help|assist)[^.!?]{0,60}|(?:that|this) (?:worked|looks good|is great)|thank(?:s| you)[^.!?]{0,60}|(?:great|perfect|excellent|okay|ok|sure|done|good)(?: (?:work|job|news|question))?|let me know[^.!?]{0,80}|(?:is there )?anything else[^.!?]{0,60}|i understand[^.!?]{0,40}|hi|hello)[.!?]*$""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Filler();

    [GeneratedRegex("""\b(?:i(?:['’]ll| will|['’]m going to| am going to| need to| should| must| can| want to)|let me|let['’]s|need to|going to|next|first|then|in order to|so that|instead|to (?:find|get|check|open|see|make|create|verify|confirm|fix|save|read|write))\b""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Intent();

    [GeneratedRegex("""\b(?:because|since|so that|so i|therefore|instead|must|only|not|found|failed|means|shows?|already|contains?|missing)\b""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Reason();

    // Lines without information.
    [GeneratedRegex("""^(?:tool executed successfully|ok|done|success|true|null|none|screenshot|screenshot captured\b.*|output:?|result:?|stdout:?|wall time:.*|exit code:? 0|traceback \(most recent call last\):?)[.!]?$""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Empty();

    [GeneratedRegex("""\b(?:error|exception|failed|failure|fatal|denied|rejected|invalid|cannot|can't|unable|not found|no such|timed? ?out|unexpected)\b|Error:|Exception:""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex Error();
}
