using LlmProxy.Core.Stores;
using LlmProxy.Wire;

namespace LlmProxy.Core.Trajectories;

/// <summary>A correlation store that several processes use at the same time, each of which may be asked for the same tasks.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ISharedTaskStore : ICorrelationStore
{
    /// <summary>Tells other processes of open tasks whose last call is not recorded yet. What a later step of a task said stays.</summary>
    Task SaveOpenTasksAsync(IReadOnlyList<SharedTask> tasks, CancellationToken cancellationToken);

    /// <summary>Open tasks that processes told of, with those of their keys that are among <paramref name="keys"/>.</summary>
    Task<IReadOnlyList<SharedTask>> FindOpenTasksAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken);

    /// <summary>An open task that a process told of, without its keys; null where there is none.</summary>
    Task<SharedTask?> FindOpenTaskAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>Hears what other processes tell of open tasks, until it is cancelled. What was told before or in between is found by asking.</summary>
    /// <exception cref="StoreException">The connection broke.</exception>
    Task ListenAsync(Action<SharedTask> told, CancellationToken cancellationToken);

    /// <summary>Forgets open tasks and keys that were told before a time: the recorder has saved them since.</summary>
    Task RemoveOpenTasksAsync(DateTimeOffset before, CancellationToken cancellationToken);
}
