namespace LlmProxy.Core.Trajectories;

/// <summary>The ids of a task: decided by its first call, and the same in memory, in the spool, in the store and in other processes.</summary>
public record TaskIdentity
{
    /// <summary>The task's id.</summary>
    public required string TaskId { get; init; }

    /// <summary>Its trajectory.</summary>
    public required string TrajectoryId { get; init; }

    /// <summary>The tenant that owns the task.</summary>
    public required string Tenant { get; init; }

    /// <summary>Its conversation.</summary>
    public required string ConversationId { get; init; }

    /// <summary>The trajectory that started it, or null.</summary>
    public string? ParentId { get; init; }

    /// <summary>The client's session, or null.</summary>
    public string? SessionId { get; init; }

    /// <summary>The ids of a stored trajectory.</summary>
    internal static TaskIdentity Of(Trajectory stored) => new()
    {
        TaskId = stored.TaskId,
        TrajectoryId = stored.Id,
        Tenant = stored.Tenant,
        ConversationId = stored.ConversationId,
        ParentId = stored.ParentId,
        SessionId = stored.SessionId,
    };

    /// <summary>The ids alone, of a record that holds more.</summary>
    internal TaskIdentity ToIdentity() => new(this);
}
