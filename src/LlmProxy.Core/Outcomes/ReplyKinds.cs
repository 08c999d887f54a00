namespace LlmProxy.Core.Outcomes;

/// <summary>Classifies the reply that ends a turn.</summary>
internal static class ReplyKinds
{
    /// <summary>What a reply says; <see cref="ReplyKind.None"/> if the client has a tool call to answer, or there is none.</summary>
    public static ReplyKind Of(ConversationMessage? reply, string? stopReason)
    {
        if (reply is null || reply.ToolCalls.Any(call => !call.IsHosted))
        {
            return ReplyKind.None;
        }

        // A turn that the server paused, or a call that was announced and did not come.
        if (stopReason is "pause_turn" or "tool_use" or "tool_calls")
        {
            return ReplyKind.None;
        }

        var refused = IsRefusal(stopReason) || reply.Parts.Any(part => part is RefusalPart);
        return refused ? ReplyKind.Refused
            : string.IsNullOrWhiteSpace(reply.Text) ? reply.Reasoning is { Length: > 0 } ? ReplyKind.ReasoningOnly : ReplyKind.Empty
            : IsCut(stopReason) ? ReplyKind.Cut
            : ReplyKind.Text;
    }

    private static bool IsRefusal(string? reason) => reason is "refusal" or "content_filter" or "SAFETY" or "PROHIBITED_CONTENT" or "BLOCKLIST" or "RECITATION" or "SPII";

    private static bool IsCut(string? reason) => reason is "max_tokens" or "length" or "MAX_TOKENS" or "max_output_tokens" or "incomplete" or "model_context_window_exceeded";
}
