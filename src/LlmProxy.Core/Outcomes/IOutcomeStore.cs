namespace LlmProxy.Core.Outcomes;

/// <summary>A trajectory whose outcome a person, CI or a caller stated, with its outline.</summary>
/// <param name="Trajectory">The trajectory.</param>
/// <param name="Outline">Its outline.</param>
public sealed record StatedTrajectory(Trajectory Trajectory, TrajectoryOutline Outline);

/// <summary>What outcome estimates need of the store.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IOutcomeStore
{
    /// <summary>Takes finished trajectories whose estimate is due. Another caller gets them only after the lease.</summary>
    Task<IReadOnlyList<Trajectory>> ClaimDueOutcomesAsync(TimeSpan lease, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Saves the estimate of a trajectory whose outcome is inferred, and the trajectories that it rests on: it is due again if one of
    /// them is removed. A trajectory that was changed since it was read keeps its values, and stays due.
    /// </summary>
    /// <param name="trajectory">The trajectory with its estimate and score; without a version its values are in the store already.</param>
    /// <param name="outline">Its outline, if the store has none.</param>
    /// <param name="nearIds">The trajectories that the estimate rests on.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    Task SaveEstimateAsync(Trajectory trajectory, TrajectoryOutline? outline, IReadOnlyCollection<string> nearIds, CancellationToken cancellationToken);

    /// <summary>Makes the estimates of trajectories due whose outcome was inferred.</summary>
    Task MarkOutcomesDueAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>Outlines by trajectory id; one without an outline is left out.</summary>
    Task<IReadOnlyDictionary<string, TrajectoryOutline>> ReadOutlinesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>The task of the trajectory that follows in the conversation, or null.</summary>
    Task<string?> FindNextTurnAsync(string tenant, string conversationId, DateTimeOffset startedAfter, CancellationToken cancellationToken);

    /// <summary>Trajectories with a stated outcome and an outline, the latest first.</summary>
    Task<IReadOnlyList<StatedTrajectory>> ListStatedAsync(string tenant, int limit, CancellationToken cancellationToken);

    /// <summary>The model that was fitted for a tenant, or null.</summary>
    Task<OutcomeModel?> ReadOutcomeModelAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Keeps a tenant's model, or removes it, and makes the estimates of the tenant due.</summary>
    Task SaveOutcomeModelAsync(string tenant, OutcomeModel? model, CancellationToken cancellationToken);
}
