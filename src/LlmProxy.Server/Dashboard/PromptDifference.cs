namespace LlmProxy.Server.Dashboard;

/// <summary>A prompt that was sent, against the agent's own: what both begin and end with, and what differs between.</summary>
/// <param name="Head">What both begin with.</param>
/// <param name="Removed">What only the agent's own has.</param>
/// <param name="Inserted">What only the sent one has.</param>
/// <param name="Tail">What both end with.</param>
public sealed record PromptDifference(string Head, string Removed, string Inserted, string Tail)
{
    /// <summary>Compares two prompts, in linear time. Differences begin and end with lines.</summary>
    public static PromptDifference Of(string own, string sent)
    {
        var head = own.AsSpan().CommonPrefixLength(sent);
        if (head < own.Length || head < sent.Length)
        {
            head = head == 0 ? 0 : own.LastIndexOf('\n', head - 1) + 1;
        }

        var (ownRest, sentRest) = (own[head..], sent[head..]);
        var tail = 0;
        while (tail < Math.Min(ownRest.Length, sentRest.Length) && ownRest[^(tail + 1)] == sentRest[^(tail + 1)])
        {
            tail++;
        }

        // Up to the next line, unless the whole rest is common.
        var isWhole = tail == ownRest.Length && (tail == 0 || head == 0 || own[head - 1] == '\n');
        if (!isWhole && tail > 0)
        {
            var line = ownRest.IndexOf('\n', ownRest.Length - tail);
            tail = line < 0 ? 0 : ownRest.Length - line - 1;
        }

        return new PromptDifference(own[..head], ownRest[..^tail], sentRest[..^tail], ownRest[^tail..]);
    }
}
