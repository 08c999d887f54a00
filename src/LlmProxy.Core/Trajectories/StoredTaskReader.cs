namespace LlmProxy.Core.Trajectories;

/// <summary>What the store knows of some correlation keys.</summary>
/// <param name="Recorded">Recorded tasks with their entries.</param>
/// <param name="Published">Tasks that other processes published.</param>
internal sealed record StoredTasks(IReadOnlyList<(Trajectory Row, IReadOnlyList<CorrelationEntry> Entries)> Recorded, IReadOnlyList<ReplicaTask> Published)
{
    public static StoredTasks None { get; } = new([], []);

    public bool IsEmpty => Recorded.Count + Published.Count == 0;
}

/// <summary>Reads tasks for the correlator, within the time that the request path may wait for the store.</summary>
internal sealed class StoredTaskReader(ITrajectoryStore store, ICorrelationStore keys, StoreCircuitBreaker gate)
{
    private readonly ISharedTaskStore? _shared = keys as ISharedTaskStore;

    private const int MostTasks = 8;

    /// <summary>A task as the store has it, or as another process published it; null if it is unknown or the store does not respond.</summary>
    public async ValueTask<OpenTask?> FindAsync(string tenant, string taskId, CancellationToken cancellationToken) =>
        (await gate.AskAsync("task by id", ct => ReadAsync(tenant, taskId, ct), null, cancellationToken)).Value;

    /// <summary>What the store knows of some keys; null if it does not respond.</summary>
    public async ValueTask<StoredTasks?> FindAsync(string tenant, IReadOnlyCollection<TurnKey> wanted, CancellationToken cancellationToken) =>
        wanted.Count == 0 ? StoredTasks.None : (await gate.AskAsync("correlation", ct => ReadAsync(tenant, wanted, ct), null, cancellationToken)).Value;

    private async Task<OpenTask?> ReadAsync(string tenant, string taskId, CancellationToken cancellationToken)
    {
        var recorded = store.FindTaskAsync(tenant, taskId, cancellationToken);
        var published = _shared?.FindOpenTaskAsync(tenant, taskId, cancellationToken) ?? Task.FromResult<ReplicaTask?>(null);
        await Task.WhenAll(recorded, published);
        var task = await recorded is { } row ? OpenTask.From(row) : null;
        return await published is { } later ? OpenTask.Merge(task, later) : task;
    }

    private async Task<StoredTasks?> ReadAsync(string tenant, IReadOnlyCollection<TurnKey> wanted, CancellationToken cancellationToken)
    {
        // Both at once, over two connections if there are several.
        var entries = keys.FindCorrelationAsync(tenant, wanted, cancellationToken);
        var published = _shared?.FindOpenTasksAsync(tenant, wanted, cancellationToken) ?? Task.FromResult<IReadOnlyList<ReplicaTask>>([]);
        await Task.WhenAll(entries, published);
        var recorded = new List<(Trajectory Row, IReadOnlyList<CorrelationEntry> Entries)>();
        foreach (var group in (await entries).GroupBy(e => e.TaskId, StringComparer.Ordinal).Take(MostTasks))
        {
            if (await store.FindTaskAsync(tenant, group.Key, cancellationToken) is { } row)
            {
                recorded.Add((row, [.. group]));
            }
        }

        return new StoredTasks(recorded, await published);
    }
}
