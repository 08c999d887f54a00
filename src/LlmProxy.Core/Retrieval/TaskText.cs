using System.Text;
using System.Text.RegularExpressions;
using BitFaster.Caching.Lru;

namespace LlmProxy.Core.Retrieval;

/// <summary>Makes a task's description from the first user message of a run.</summary>
public static class TaskText
{
    /// <summary>Longest description in characters: what embedders take well, and enough to tell tasks apart.</summary>
    public const int DefaultMaxLength = 2_000;

    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly ConcurrentLru<string, Regex?> Patterns = new(256);

    /// <summary>
    /// The description: boilerplate cut, blanks collapsed, at most <paramref name="maxLength"/> characters. A long text
    /// keeps its head and its tail, because agents put the request itself at either end of pasted material. Empty where
    /// the message was nothing but boilerplate.
    /// </summary>
    /// <param name="message">The message's text.</param>
    /// <param name="boilerplate">Regular expressions of what to cut (<see cref="Configuration.TaskPreset.Boilerplate"/>). One that is broken or takes too long is passed over.</param>
    /// <param name="maxLength">Longest result, at least 20.</param>
    public static string Describe(string message, IReadOnlyList<string> boilerplate, int maxLength = DefaultMaxLength)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(boilerplate);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 20);

        var text = message;
        foreach (var pattern in boilerplate)
        {
            if (Patterns.GetOrAdd(pattern, Compile) is { } regex)
            {
                try
                {
                    text = regex.Replace(text, "\n");
                }
                catch (RegexMatchTimeoutException)
                {
                    // The description stays longer than wanted; recording and retrieval continue.
                }
            }
        }

        return Limit(Collapse(text), maxLength);
    }

    private static Regex? Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    // At most one blank in a row, at most one empty line in a row, none at either end.
    private static string Collapse(string text)
    {
        var result = new StringBuilder(text.Length);
        var lineEnds = 0;
        var isBlank = false;
        foreach (var c in text)
        {
            if (c == '\n')
            {
                lineEnds++;
            }
            else if (char.IsWhiteSpace(c))
            {
                isBlank = true;
            }
            else
            {
                if (result.Length > 0 && lineEnds > 0)
                {
                    result.Append('\n', Math.Min(lineEnds, 2));
                }
                else if (result.Length > 0 && isBlank)
                {
                    result.Append(' ');
                }

                (lineEnds, isBlank) = (0, false);
                result.Append(c);
            }
        }

        return result.ToString();
    }

    private static string Limit(string text, int maxLength)
    {
        const string Gap = "\n…\n";
        if (text.Length <= maxLength)
        {
            return text;
        }

        var head = (maxLength - Gap.Length) * 7 / 10;
        var tail = maxLength - Gap.Length - head;

        // At a blank where one is near, and never inside a surrogate pair.
        var headEnd = text.LastIndexOfAny([' ', '\n'], head, Math.Min(40, head));
        headEnd = headEnd < 0 ? head : headEnd;
        if (char.IsHighSurrogate(text[headEnd - 1]))
        {
            headEnd--;
        }

        var tailStart = text.Length - tail;
        var blank = text.IndexOfAny([' ', '\n'], tailStart, Math.Min(40, tail));
        tailStart = blank < 0 ? tailStart : blank + 1;
        if (tailStart < text.Length && char.IsLowSurrogate(text[tailStart]))
        {
            tailStart++;
        }

        return string.Concat(text.AsSpan(0, headEnd), Gap, text.AsSpan(tailStart));
    }
}
