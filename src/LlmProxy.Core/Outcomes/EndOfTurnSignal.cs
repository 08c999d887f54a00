namespace LlmProxy.Core.Outcomes;

/// <summary>Whether the reply that ended the turn says anything, and whether the work before it ended in a failure.</summary>
internal sealed class EndOfTurnSignal : IOutcomeSignal
{
    public string Name => "end_of_turn";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var outline = facts.Outline;
        return outline.End switch
        {
            _ when outline.IsInterrupted => (-1.5, "A person interrupted the last turn."),
            ReplyKind.Empty => (-3, "The last reply is empty."),
            ReplyKind.ReasoningOnly => (-2.5, "The last reply holds reasoning only."),
            ReplyKind.Refused => (-3, $"The model refused ({outline.StopReason ?? "refusal"})."),
            ReplyKind.Cut => (-2, $"The last reply was cut off ({outline.StopReason})."),
            ReplyKind.None => (-1, "No reply ended the turn."),
            _ when outline.Calls.Count == 0 && outline.IsPartial => (-0.5, "Earlier steps are not kept."),
            _ when outline.Calls.Count == 0 => (-1, "No tool was called."),
            _ when outline.Calls[^1] is { Result: CallResult.Failed } last => (-1, $"The last tool result is a failure ({last.Tool})."),
            _ => (0.2, "The turn ended with a reply after tool results without a failure."),
        };
    }
}
