namespace LlmProxy.Core.Trajectories;

/// <summary>How the call of a step ended. <see cref="StepStatuses"/> writes and reads the words.</summary>
public enum StepStatus
{
    /// <summary>The whole answer was recorded.</summary>
    Ok,
    /// <summary>The client left before the answer was whole.</summary>
    ClientLeft,
    /// <summary>The upstream could not be reached.</summary>
    UpstreamRefused,
    /// <summary>The upstream did not answer in time.</summary>
    UpstreamTimeout,
    /// <summary>The upstream broke off in the middle of its answer.</summary>
    UpstreamBroke,
    /// <summary>The proxy was stopped before the answer was whole.</summary>
    ProxyStopped,
    /// <summary>The upstream answered with an error.</summary>
    UpstreamError,
    /// <summary>The recorded copy of the answer is not whole.</summary>
    Truncated,
    /// <summary>The answer could not be read.</summary>
    Unreadable,
    /// <summary>The answer ended before the model did.</summary>
    Incomplete,
}

/// <summary>The words of step statuses in the API and the database, and what the statuses mean.</summary>
public static class StepStatuses
{
    /// <summary>The status as the API and the database write it.</summary>
    public static string ToWord(this StepStatus status) => status switch
    {
        StepStatus.Ok => "ok",
        StepStatus.ClientLeft => "client_left",
        StepStatus.UpstreamRefused => "upstream_refused",
        StepStatus.UpstreamTimeout => "upstream_timeout",
        StepStatus.UpstreamBroke => "upstream_broke",
        StepStatus.ProxyStopped => "proxy_stopped",
        StepStatus.UpstreamError => "upstream_error",
        StepStatus.Truncated => "truncated",
        StepStatus.Unreadable => "unreadable",
        StepStatus.Incomplete => "incomplete",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    /// <summary>The status of a word; null for an unknown word.</summary>
    public static StepStatus? Parse(string word)
    {
        foreach (var status in Enum.GetValues<StepStatus>())
        {
            if (string.Equals(status.ToWord(), word, StringComparison.Ordinal))
            {
                return status;
            }
        }

        return null;
    }

    /// <summary>
    /// Whether the call counts as the run's failure. What the recorder could not read in full does not, and neither does
    /// a call that a person or the proxy ended: how it would have ended is unknown.
    /// </summary>
    public static bool IsFailure(this StepStatus status) =>
        status is not (StepStatus.Ok or StepStatus.Unreadable or StepStatus.Truncated or StepStatus.ClientLeft or StepStatus.ProxyStopped);

    /// <summary>Whether the client got the whole answer, recorded in full or not.</summary>
    public static bool HasWholeAnswer(this StepStatus status) => status is StepStatus.Ok or StepStatus.Unreadable or StepStatus.Truncated;

    /// <summary>Whether the recorded reply is everything that the model said.</summary>
    public static bool HasWholeReply(this StepStatus status) => status is StepStatus.Ok or StepStatus.Unreadable;

    /// <summary>Whether the connection broke in the middle of the answer.</summary>
    public static bool BrokeOff(this StepStatus status) => status is StepStatus.UpstreamBroke or StepStatus.ProxyStopped;
}
