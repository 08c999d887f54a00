using System.Diagnostics.CodeAnalysis;

namespace LlmProxy.Core.Trajectories;

/// <summary>An open task as one process publishes it to the others: when a call begins, and right after its response, before it is recorded.</summary>
public sealed record ReplicaTask : TaskIdentity
{
    /// <summary>A task whose ids are set by its properties.</summary>
    public ReplicaTask()
    {
    }

    [SetsRequiredMembers]
    internal ReplicaTask(TaskIdentity identity)
        : base(identity)
    {
    }

    /// <summary>What the task is, without secrets.</summary>
    public string TaskDescription { get; init; } = "";

    /// <summary>Model of its last call, or null.</summary>
    public string? Model { get; init; }

    /// <summary>When its first call came.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>Number of its last step.</summary>
    public int LastStep { get; init; }

    /// <summary>Whether the last response ended its turn without asking for a tool.</summary>
    public bool LastEndedTurn { get; init; }

    /// <summary>Whether the last call got a whole response.</summary>
    public bool LastAnswered { get; init; }

    /// <summary>Whether the last response could be read.</summary>
    public bool LastReadable { get; init; }

    /// <summary>Whether the last call has only begun.</summary>
    public bool IsUnderWay { get; init; }

    /// <summary>Whether its calls offer tools.</summary>
    public bool OffersTools { get; init; }

    /// <summary>Whether its last call asked for a stream.</summary>
    public bool Stream { get; init; }

    /// <summary>What stood around the history of its last call; null where it is not known, as from a store that was asked later.</summary>
    public RequestFingerprint? Frame { get; init; }

    /// <summary>When the call began, or its response ended.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Keys by which the next call is found.</summary>
    public IReadOnlyList<CorrelationEntry> Keys { get; init; } = [];
}
