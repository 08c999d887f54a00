namespace LlmProxy.Core.Trajectories;

/// <summary>What the request path knows of a task: enough to place its next call. Guarded by the correlator's lock.</summary>
public sealed class OpenTask
{
    /// <summary>The task's ids.</summary>
    public required TaskIdentity Identity { get; init; }

    /// <summary>The task's id.</summary>
    public string TaskId => Identity.TaskId;

    /// <summary>Its trajectory.</summary>
    public string TrajectoryId => Identity.TrajectoryId;

    /// <summary>The tenant that owns the task.</summary>
    public string Tenant => Identity.Tenant;

    /// <summary>Its conversation.</summary>
    public string ConversationId => Identity.ConversationId;

    /// <summary>The trajectory that started it, or null.</summary>
    public string? ParentId => Identity.ParentId;

    /// <summary>The client's session, or null.</summary>
    public string? SessionId => Identity.SessionId;

    /// <summary>The sub-agent that works on it, as the client names it; null for the main agent.</summary>
    public string? AgentId { get; init; }

    /// <summary>What the task is.</summary>
    public string TaskDescription { get; internal set; } = "";

    /// <summary>Working directory or repository that the client states, or null.</summary>
    public string? Project { get; internal set; }

    /// <summary>When its first call came.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>Last number given to a step.</summary>
    public int LastStep { get; internal set; }

    /// <summary>Whether its calls offer tools.</summary>
    public bool OffersTools { get; internal set; }

    /// <summary>Model of its last call; null where unknown.</summary>
    internal string? Model { get; set; }

    /// <summary>Whether its last call asked for a stream.</summary>
    internal bool Stream { get; set; }

    /// <summary>Fingerprint of its last call; null if only the store has it.</summary>
    internal RequestFingerprint? Frame { get; set; }

    /// <summary>Headers of its last call, if that was made here.</summary>
    internal HeaderMarks Headers { get; set; }

    /// <summary>Key of the whole history of its last call; null where only the store has it.</summary>
    internal TurnKey? LastRequest { get; set; }

    /// <summary>The response that its last call named as the one it continues.</summary>
    internal string? LastPrevious { get; set; }

    /// <summary>Number of messages of its last call.</summary>
    internal int LastMessageCount { get; set; }

    /// <summary>Calls whose response is still on its way.</summary>
    internal int InFlight { get; set; }

    /// <summary>Whether another process published its last call and not the response yet.</summary>
    internal bool IsUnderWayElsewhere { get; set; }

    /// <summary>Whether a response is still on its way.</summary>
    internal bool IsUnderWay => InFlight > 0 || IsUnderWayElsewhere;

    /// <summary>Whether its last call got a whole response.</summary>
    internal bool LastAnswered { get; set; }

    /// <summary>Whether the last response could be read. What cannot be read (an unknown encoding) leaves no key of its own.</summary>
    internal bool LastReadable { get; set; } = true;

    /// <summary>Whether the last response ended its turn without asking for a tool.</summary>
    internal bool LastEndedTurn { get; set; }

    /// <summary>Whether a later task continues the conversation (a next turn).</summary>
    internal bool IsContinued { get; set; }

    /// <summary>Last use, for forgetting.</summary>
    internal DateTimeOffset LastUsed { get; set; }

    /// <summary>A task as the store has it.</summary>
    internal static OpenTask From(Trajectory stored) => new()
    {
        Identity = TaskIdentity.Of(stored),
        TaskDescription = stored.TaskDescription,
        Project = stored.Project,
        Model = stored.Model,
        StartedAt = stored.StartedAt,
        LastStep = stored.IterationCount,
        LastAnswered = true,
        LastEndedTurn = stored.IsProvisional || stored.Status == TrajectoryStatus.Completed,
        OffersTools = stored.ToolCallsCount > 0,
        LastUsed = stored.LastActivityAt,
    };

    /// <summary>A task as another process published it.</summary>
    internal static OpenTask From(ReplicaTask published) => new()
    {
        Identity = published.ToIdentity(),
        TaskDescription = published.TaskDescription,
        StartedAt = published.StartedAt,
        LastStep = published.LastStep,
        LastEndedTurn = published.LastEndedTurn,
        LastAnswered = published.LastAnswered,
        LastReadable = published.LastReadable,
        IsUnderWayElsewhere = published.IsUnderWay,
        OffersTools = published.OffersTools,
        Model = published.Model,
        Stream = published.Stream,
        Frame = published.Frame,
        LastUsed = published.At,
    };

    /// <summary>A task that may be known here, with what another process published of it.</summary>
    internal static OpenTask Merge(OpenTask? known, ReplicaTask published)
    {
        var other = From(published);
        known?.CatchUp(other);
        return known ?? other;
    }

    /// <summary>Takes over what another process knows if it is newer.</summary>
    internal void CatchUp(OpenTask other)
    {
        OffersTools |= other.OffersTools;

        // Of the last call: its beginning, or its end where it was not made here.
        if (other.LastStep > LastStep || (other.LastStep == LastStep && LastRequest is null))
        {
            (LastStep, LastEndedTurn, LastAnswered, LastReadable) = (other.LastStep, other.LastEndedTurn, other.LastAnswered, other.LastReadable);
            (Model, Stream, Frame, IsUnderWayElsewhere) = (other.Model, other.Stream, other.Frame ?? Frame, other.IsUnderWayElsewhere);
            // The history of that call is known by its key alone.
            (LastRequest, LastPrevious, LastMessageCount) = (null, null, 0);
        }
    }

    /// <summary>The task as it is published to other processes.</summary>
    internal ReplicaTask Snapshot(IReadOnlyList<CorrelationEntry> keys, DateTimeOffset at) => new(Identity)
    {
        TaskDescription = TaskDescription,
        Model = Model,
        StartedAt = StartedAt,
        LastStep = LastStep,
        LastEndedTurn = LastEndedTurn,
        LastAnswered = LastAnswered,
        LastReadable = LastReadable,
        OffersTools = OffersTools,
        Stream = Stream,
        Frame = Frame,
        At = at,
        Keys = keys,
    };
}
