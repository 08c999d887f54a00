namespace LlmProxy.Core.Trajectories;

/// <summary>Keeps recorded runs: their rows, steps and content. Every query is limited to one tenant unless it says otherwise.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ITrajectoryStore
{
    /// <summary>
    /// Saves changes in one transaction. Trajectories are inserted or replaced by id; steps inserted or replaced by
    /// trajectory and index; content, keys and embeddings inserted if missing (embeddings replaced).
    /// </summary>
    Task SaveAsync(IReadOnlyList<TrajectoryChange> changes, CancellationToken cancellationToken);

    /// <summary>Which of these exchanges have taken effect already.</summary>
    Task<IReadOnlySet<string>> FindExchangesAsync(IReadOnlyCollection<string> exchangeIds, CancellationToken cancellationToken);

    /// <summary>The trajectory with this id, or null.</summary>
    Task<Trajectory?> FindTrajectoryAsync(string tenant, string id, CancellationToken cancellationToken);

    /// <summary>The trajectory of a task id, or null.</summary>
    Task<Trajectory?> FindTaskAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>The latest trajectory of the tenant, or of one of its clients' sessions (by start); null if there is none.</summary>
    Task<Trajectory?> FindLatestAsync(string tenant, string? sessionId, CancellationToken cancellationToken);

    /// <summary>Trajectories by newest start first. A search of texts is bounded: a page may end before it is full, and says so.</summary>
    Task<TrajectoryPage> ListAsync(TrajectoryQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Trajectories of all tenants that are active or provisional and have had no activity since, oldest first. Where
    /// several processes use the store, each gets different ones, and a claim lasts half a minute.
    /// </summary>
    Task<IReadOnlyList<Trajectory>> ClaimOpenAsync(DateTimeOffset idleSince, int limit, CancellationToken cancellationToken);

    /// <summary>The steps of a run in order.</summary>
    Task<IReadOnlyList<TrajectoryStep>> ReadStepsAsync(string trajectoryId, CancellationToken cancellationToken);

    /// <summary>Content by hash, decompressed; unknown hashes are omitted.</summary>
    /// <remarks>Content that is damaged or was removed is left out: one bad row must not keep the others from being read.</remarks>
    Task<IReadOnlyDictionary<ContentHash, ReadOnlyMemory<byte>>> ReadContentAsync(IReadOnlyCollection<ContentHash> hashes, CancellationToken cancellationToken);

    /// <summary>Deletes a run with its steps, embeddings, examples, keys, and the content that only it used. False if there is none.</summary>
    Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken);

    /// <summary>Deletes the steps, embeddings and content of a run and keeps its metrics row (<see cref="Trajectory.HasContent"/> becomes false).</summary>
    Task DropContentAsync(string tenant, string trajectoryId, CancellationToken cancellationToken);

    /// <summary>
    /// Drops the content of trajectories of all tenants whose <see cref="Trajectory.EraseAt"/> has passed, and returns them as they
    /// are then. Where several processes use the store, each trajectory is erased by one of them.
    /// </summary>
    Task<IReadOnlyList<Trajectory>> EraseExpiredContentAsync(int limit, CancellationToken cancellationToken);

    /// <summary>Deletes trajectories that ended before a time and score at most a quality, in batches. Returns their number (with dryRun: the number that would go). Without a tenant: those of all.</summary>
    Task<int> CleanupAsync(string? tenant, DateTimeOffset endedBefore, double maxQuality, bool includeUnscored, bool dryRun, CancellationToken cancellationToken);

    /// <summary>Overwrites what deletions have left of texts in the store's logs and indexes. Deletions are final without it; the bytes of deleted text may stay on the disk for a while.</summary>
    Task EraseDeletedAsync(CancellationToken cancellationToken);
}
