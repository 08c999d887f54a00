namespace LlmProxy.Core.Trajectories;

/// <summary>A correlation store that several processes use at the same time, each of which may be asked for the same tasks.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ISharedTaskStore : ICorrelationStore
{
    /// <summary>Announces open tasks whose last call is not recorded yet to other processes. What a later step of a task announced stays.</summary>
    Task SaveOpenTasksAsync(IReadOnlyList<ReplicaTask> tasks, CancellationToken cancellationToken);

    /// <summary>Announced open tasks, with those of their keys that are among <paramref name="keys"/>.</summary>
    Task<IReadOnlyList<ReplicaTask>> FindOpenTasksAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken);

    /// <summary>An announced open task without its keys; null if there is none.</summary>
    Task<ReplicaTask?> FindOpenTaskAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>Listens to the announcements of other processes until it is cancelled. Earlier ones are found by the queries.</summary>
    /// <exception cref="StoreException">The connection broke.</exception>
    Task ListenAsync(Action<ReplicaTask> announced, CancellationToken cancellationToken);

    /// <summary>Removes open tasks and keys that were announced before a time: the recorder has saved them since.</summary>
    Task RemoveOpenTasksAsync(DateTimeOffset before, CancellationToken cancellationToken);
}
