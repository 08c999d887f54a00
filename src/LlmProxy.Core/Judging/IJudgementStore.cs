namespace LlmProxy.Core.Judging;

/// <summary>Keeps judgements, and who judges which trajectory.</summary>
internal interface IJudgementStore
{
    /// <summary>
    /// Finished trajectories of all tenants with content that no process judges now and that were not judged since their
    /// last step, the latest first. A claim lasts for the lease: a trajectory whose judge stopped is due again after it.
    /// </summary>
    Task<IReadOnlyList<Trajectory>> ClaimJudgingAsync(string owner, DateTimeOffset endedSince, IReadOnlyCollection<string> providers, TimeSpan lease, int limit, CancellationToken cancellationToken);

    /// <summary>Ends a claim. The trajectory is not due again before its next step; with <paramref name="isDone"/> false it is due at once.</summary>
    Task EndJudgingAsync(string owner, Trajectory trajectory, bool isDone, CancellationToken cancellationToken);

    /// <summary>Stores judgements with their trajectories, in one transaction; those that are stored already stay. Returns how many are new.</summary>
    Task<int> SaveJudgementsAsync(string tenant, IReadOnlyList<StoredJudgement> judgements, CancellationToken cancellationToken);

    /// <summary>The judgement with a key, or null.</summary>
    Task<StoredJudgement?> FindJudgementAsync(string tenant, string key, CancellationToken cancellationToken);

    /// <summary>The judgements of trajectories, the oldest first.</summary>
    Task<IReadOnlyList<StoredJudgement>> ListJudgementsAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>The latest verdict of a judge on each trajectory of a tenant with a stated outcome.</summary>
    Task<IReadOnlyList<StatedVerdict>> ListStatedVerdictsAsync(string tenant, string model, int rubricVersion, CancellationToken cancellationToken);
}
