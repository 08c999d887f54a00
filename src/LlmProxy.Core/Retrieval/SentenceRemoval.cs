using System.Text;

namespace LlmProxy.Core.Retrieval;

/// <summary>Takes whole sentences out of a text.</summary>
internal static class SentenceRemoval
{
    /// <summary>Takes the sentences out that hold one of some parts. Returns their number.</summary>
    public static (string Text, int Removed) Remove(string text, List<(int Start, int End)> spans)
    {
        if (spans.Count == 0)
        {
            return (text, 0);
        }

        spans.Sort();
        var result = new StringBuilder(text.Length);
        var (position, removed) = (0, 0);
        foreach (var (start, end) in spans)
        {
            if (start < position && end <= position)
            {
                continue;
            }

            var from = Math.Max(position, SentenceStart(text, start));
            result.Append(text, position, from - position);
            position = Math.Max(position, SentenceEnd(text, end));
            removed++;
        }

        result.Append(text, position, text.Length - position);
        return (result.ToString(), removed);
    }

    private static int SentenceStart(string text, int position)
    {
        while (position > 0 && !IsEnd(text, position - 1))
        {
            position--;
        }

        return position;
    }

    private static int SentenceEnd(string text, int position)
    {
        while (position < text.Length && !IsEnd(text, position))
        {
            position++;
        }

        return position < text.Length && text[position] != '\n' ? position + 1 : position;
    }

    private static bool IsEnd(string text, int i) =>
        text[i] is '\n' or '。' or '！' or '？' || (text[i] is '.' or '!' or '?' && (i + 1 == text.Length || char.IsWhiteSpace(text[i + 1])));
}
