namespace LlmProxy.Core.Trajectories;

/// <summary>Why a call is not recorded, or the content of a trajectory is not kept.</summary>
public enum NotRecordedReason
{
    /// <summary><c>Recording:Enabled</c> is false.</summary>
    RecordingDisabled,
    /// <summary>Recording was paused through the API.</summary>
    Paused,
    /// <summary>The caller sent <c>LlmProxy-Record: off</c>.</summary>
    Header,
    /// <summary>The body exceeds <c>Recording:MaxBodyBytes</c> or <c>MaxBufferedBytes</c>, decoded too, or holds too many messages, parts or levels.</summary>
    TooLarge,
    /// <summary>A Content-Encoding is unknown, or there are more than two: the body cannot be read.</summary>
    UnknownEncoding,
    /// <summary>The request is no request of its dialect.</summary>
    UnreadableRequest,
    /// <summary>The call belongs to no task.</summary>
    SideCall,
    /// <summary>Assigning the call to a task failed.</summary>
    Unassigned,
    /// <summary>The spool reached <c>Recording:Spool:MaxBytes</c> or cannot be written.</summary>
    SpoolFull,
    /// <summary>The application's store could not be opened.</summary>
    StoreNotOpen,
    /// <summary>The store rejected the exchange.</summary>
    StoreRefused,
    /// <summary>The exchange could not be converted to a step.</summary>
    RecorderError,
    /// <summary>The task was cancelled.</summary>
    Cancelled,
    /// <summary>The provider is not in <c>Recording:Providers</c>.</summary>
    ProviderNotRecorded,
    /// <summary>The task was shorter than <c>Recording:MinDuration</c>.</summary>
    ShorterThanMinDuration,
    /// <summary>The task failed, and <c>Recording:Failures</c> is false.</summary>
    Failed,
    /// <summary>The task has no calls.</summary>
    NoCalls,
    /// <summary>The content was removed earlier.</summary>
    ContentNotKept,
    /// <summary>It came over a WebSocket that is passed through (<c>Recording:WebSockets=pass</c>, or one of another API).</summary>
    WebSocket,
    /// <summary>The path is that of no completion call: files, batches, token counts, embeddings, or an API that is not known.</summary>
    UnknownPath,
}

/// <summary>The words of <see cref="NotRecordedReason"/> in the API, metrics and logs.</summary>
public static class NotRecordedReasons
{
    /// <summary>The reason in lower case with hyphens, such as <c>too-large</c>.</summary>
    public static string ToWord(this NotRecordedReason reason) => EnumWords.Kebab(reason);
}
