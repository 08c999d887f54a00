using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>A finished task with the vector of its description.</summary>
/// <param name="Trajectory">The trajectory.</param>
/// <param name="Vector">Its stored vector; null if the store has none of that model.</param>
public sealed record CurationTask(Trajectory Trajectory, float[]? Vector);

/// <summary>What curation needs of the store.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ICurationStore
{
    /// <summary>Finished trajectories of a tenant that have a task description, the latest first.</summary>
    Task<IReadOnlyList<CurationTask>> ListCurationTasksAsync(string tenant, VectorKind vectors, int limit, CancellationToken cancellationToken);

    /// <summary>Sets the type of tasks, or removes it. A stated type stays.</summary>
    /// <returns>Number of trajectories whose type changed.</returns>
    Task<int> SaveTaskTypeAsync(string tenant, string? taskType, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>States the type of a task, which curation keeps; null leaves the type to curation again. False if there is no such trajectory.</summary>
    Task<bool> StateTaskTypeAsync(string tenant, string trajectoryId, string? taskType, CancellationToken cancellationToken);

    /// <summary>Takes the scheduled curation of a tenant, if it is due and no other owner has it.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="owner">Who takes it.</param>
    /// <param name="every">Time from the end of one curation until the next is due.</param>
    /// <param name="lease">Time after which another owner may take it, if this one does not complete it.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <returns>Whether the owner has it now.</returns>
    Task<bool> ClaimCurationAsync(string tenant, string owner, TimeSpan every, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Notes the end of a curation. Without effect if another owner has taken it since.</summary>
    Task CompleteCurationAsync(string tenant, string owner, CancellationToken cancellationToken);
}
