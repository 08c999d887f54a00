namespace LlmProxy.Core.Trajectories;

/// <summary>How the call of a step ended. <see cref="StepStatuses"/> writes and reads the words.</summary>
public enum StepStatus
{
    /// <summary>The whole response was recorded.</summary>
    Ok,
    /// <summary>The client left before the response was whole.</summary>
    ClientLeft,
    /// <summary>The upstream could not be reached.</summary>
    UpstreamRefused,
    /// <summary>The upstream did not respond in time.</summary>
    UpstreamTimeout,
    /// <summary>The upstream broke off in the middle of its response.</summary>
    UpstreamBroke,
    /// <summary>The proxy was stopped before the response was whole.</summary>
    ProxyStopped,
    /// <summary>The upstream responded with an error.</summary>
    UpstreamError,
    /// <summary>The recorded copy of the response is not whole.</summary>
    Truncated,
    /// <summary>The response could not be read.</summary>
    Unreadable,
    /// <summary>The response ended before the model did.</summary>
    Incomplete,
}

/// <summary>The words of step statuses in the API and the database, and what the statuses mean.</summary>
public static class StepStatuses
{
    /// <summary>The status as the API and the database write it.</summary>
    public static string ToWord(this StepStatus status) => EnumWords.Snake(status);

    /// <summary>The status of a word; null for an unknown word.</summary>
    public static StepStatus? Parse(string word) => EnumWords.ParseSnake<StepStatus>(word);

    /// <summary>
    /// Whether the call counts as the run's failure. What the recorder could not read in full does not, and neither does
    /// a call that a person or the proxy ended, or a response without an end: how it ended is unknown.
    /// </summary>
    public static bool IsFailure(this StepStatus status) =>
        status is not (StepStatus.Ok or StepStatus.Unreadable or StepStatus.Truncated or StepStatus.ClientLeft or StepStatus.ProxyStopped or StepStatus.Incomplete);

    /// <summary>Whether the client got the whole response, recorded in full or not.</summary>
    public static bool HasWholeAnswer(this StepStatus status) => status is StepStatus.Ok or StepStatus.Unreadable or StepStatus.Truncated;

    /// <summary>Whether the recorded reply is everything that the model said.</summary>
    public static bool HasWholeReply(this StepStatus status) => status is StepStatus.Ok or StepStatus.Unreadable;

    /// <summary>Whether the connection broke in the middle of the response.</summary>
    public static bool BrokeOff(this StepStatus status) => status is StepStatus.UpstreamBroke or StepStatus.ProxyStopped;
}
