namespace LlmProxy.Core.Recording;

/// <summary>
/// Joins the tool calls of a reply to the results in the messages that follow it: by id; where a client rewrote ids or
/// the dialect has only names (Gemini), by name and by order within the turn.
/// </summary>
internal static class ToolResultJoin
{
    /// <summary>The results of some calls, those within the reply first, with the calls' own ids.</summary>
    /// <param name="calls">Calls of one reply.</param>
    /// <param name="next">The new messages of the next step. A rewritten history brings older results along.</param>
    public static IReadOnlyList<ToolResult> Of(IReadOnlyList<ToolCall> calls, IReadOnlyList<ConversationMessage> next)
    {
        if (calls.Count == 0)
        {
            return [];
        }

        // 1. By id, wherever the result is.
        var ids = calls.Select(call => call.Id).ToHashSet(StringComparer.Ordinal);
        var found = calls.Select(call => call.Answer).OfType<ToolResult>().Concat(next.SelectMany(message => message.ToolResults).Where(result => ids.Contains(result.Id))).ToList();
        var answered = found.Select(result => result.Id).ToHashSet(StringComparer.Ordinal);
        var open = calls.Where(call => !call.IsAnswered && !answered.Contains(call.Id)).ToList();
        if (open.Count == 0)
        {
            return found;
        }

        // 2. By name, in the turn that follows the reply.
        var unknown = new List<ToolResult>();
        foreach (var result in LastTurn(next).SelectMany(message => message.ToolResults).Where(result => !ids.Contains(result.Id)))
        {
            if (open.Find(call => call.Name == result.Id || call.Name == result.Name) is { } named)
            {
                open.Remove(named);
                found.Add(result with { Id = named.Id });
            }
            else
            {
                unknown.Add(result);
            }
        }

        // 3. By order, if each open call has one result.
        if (unknown.Count == open.Count)
        {
            found.AddRange(unknown.Zip(open, (result, call) => result with { Id = call.Id }));
        }

        return found;
    }

    private static IEnumerable<ConversationMessage> LastTurn(IReadOnlyList<ConversationMessage> messages)
    {
        var start = messages.Count;
        while (start > 0 && !messages[start - 1].IsAssistant)
        {
            start--;
        }

        return messages.Skip(start);
    }
}
