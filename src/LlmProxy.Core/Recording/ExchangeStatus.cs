namespace LlmProxy.Core.Recording;

/// <summary>The step status of an exchange.</summary>
public static class ExchangeStatus
{
    /// <summary>The status of an outcome, whatever the response says.</summary>
    public static StepStatus ToStatus(this ExchangeOutcome outcome) => outcome switch
    {
        ExchangeOutcome.Complete => StepStatus.Ok,
        ExchangeOutcome.ClientLeft => StepStatus.ClientLeft,
        ExchangeOutcome.UpstreamRefused => StepStatus.UpstreamRefused,
        ExchangeOutcome.UpstreamTimeout => StepStatus.UpstreamTimeout,
        ExchangeOutcome.UpstreamBroke => StepStatus.UpstreamBroke,
        _ => StepStatus.ProxyStopped,
    };

    /// <summary>The status of a recorded exchange.</summary>
    /// <param name="exchange">The exchange.</param>
    /// <param name="reply">Its assembled response, or null.</param>
    internal static StepStatus Of(SpooledContent exchange, AssembledReply? reply) => exchange.Tail.Outcome switch
    {
        ExchangeOutcome.UpstreamRefused => StepStatus.UpstreamRefused,
        ExchangeOutcome.UpstreamTimeout => StepStatus.UpstreamTimeout,
        // Some clients hang up at the response's last event, and a process may be killed between the response's last byte
        // and the note of its end: a response that is whole counts as whole.
        var outcome and not ExchangeOutcome.Complete when reply is not { IsComplete: true } => outcome.ToStatus(),
        _ when exchange.ResponseHead is { Status: >= 400 } || reply?.Error is not null => StepStatus.UpstreamError,
        _ when exchange.Tail.Truncated => StepStatus.Truncated,
        _ when reply is null => StepStatus.Unreadable,
        _ when !reply.IsComplete => StepStatus.Incomplete,
        _ => StepStatus.Ok,
    };
}
