using LlmProxy.Wire.Messages;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// The correlation keys of one recorded response: by these a later call is known to continue it. Made by the request
/// path before the response's last bytes leave, and again by the recorder for the store; both the same.
/// </summary>
public static class ReplyKeys
{
    // A bare "OK", or a call without an id and arguments, occurs in countless conversations; alone it does not identify
    // which one.
    private const int ShortestTellingTurn = 24;

    /// <summary>Keys of a response.</summary>
    /// <param name="reading">The request; null for a side call's and a fetched response's, which give no key.</param>
    /// <param name="reply">Its response, or null where none could be read.</param>
    /// <param name="keys">Makes the keys.</param>
    /// <param name="taskId">The task.</param>
    /// <param name="stepIndex">The step; 0 for a side call, which is found by its text alone.</param>
    /// <param name="at">The time.</param>
    public static List<CorrelationEntry> Make(RequestReading? reading, AssembledReply? reply, TurnKeys keys, string taskId, int stepIndex, DateTimeOffset at)
    {
        var entries = new List<CorrelationEntry>();
        var chain = reading is { Messages: [.., var last] } ? last.Chain : TurnKey.Empty;
        var isSideCall = stepIndex == 0;
        if (reading is not null && !isSideCall)
        {
            Add(chain, CorrelationKind.Request);
            if (reading?.ServerConversationId is { } conversation)
            {
                Add(keys.Identifier("conversation", conversation), CorrelationKind.ServerConversation);
            }
        }

        if (reply is null)
        {
            return entries;
        }

        var text = reply.Message.Text;
        if (isSideCall && reply.Marks.Any(CompactionMark.Is))
        {
            // Its texts are the client's own messages, which it brings back.
            AddMarks();
            return entries;
        }

        if (text.Length > 0 || reply.CallKeys.Count > 0 || reply.IsComplete)
        {
            var turn = keys.AssistantTurn(text, reply.CallKeys);
            if (reading is not null && !isSideCall)
            {
                Add(keys.Chain(chain, turn), CorrelationKind.Chain);
            }

            if (text.Trim().Length >= ShortestTellingTurn || reply.CallKeys.Any(key => !key.EndsWith("{}", StringComparison.Ordinal)))
            {
                Add(turn, CorrelationKind.Turn);
            }
        }

        if (isSideCall)
        {
            // It may be a compaction: its summary takes the place of the task's history.
            foreach (var line in SummaryLines.KeysOf(keys, text))
            {
                Add(line, CorrelationKind.Turn);
            }

            AddMarks();
            return entries;
        }

        foreach (var call in reply.Message.ToolCalls.Where(call => !call.IsHosted))
        {
            Add(keys.Identifier("tool-call", call.Id), CorrelationKind.ToolCall);
        }

        AddMarks();
        if (reply.ResponseId is { Length: > 0 } response)
        {
            Add(keys.Identifier("response", response), CorrelationKind.Response);
        }

        return entries;

        void AddMarks()
        {
            foreach (var mark in reply.Marks)
            {
                Add(keys.Identifier("tool-call", mark), CorrelationKind.ToolCall);
            }
        }

        void Add(TurnKey key, CorrelationKind kind) => entries.Add(new CorrelationEntry(key, kind, taskId, stepIndex, at));
    }
}
