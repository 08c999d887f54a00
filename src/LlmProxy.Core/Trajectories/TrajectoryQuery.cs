namespace LlmProxy.Core.Trajectories;

/// <summary>Which trajectories to list.</summary>
/// <param name="Tenant">The tenant that owns the trajectories.</param>
public sealed record TrajectoryQuery(string Tenant)
{
    /// <summary>Only this provider.</summary>
    public string? Provider { get; init; }

    /// <summary>Only this model (exact).</summary>
    public string? Model { get; init; }

    /// <summary>Only this status.</summary>
    public TrajectoryStatus? Status { get; init; }

    /// <summary>Only this success.</summary>
    public bool? Success { get; init; }

    /// <summary>Only runs with at least this score.</summary>
    public double? MinQuality { get; init; }

    /// <summary>Only runs that started at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only runs whose task description holds all these words.</summary>
    public string? Search { get; init; }

    /// <summary>Only runs that a key of this name took part in.</summary>
    public string? Key { get; init; }

    /// <summary>Only runs that hold this text, whatever its case: in the description, a message, a prompt, a tool's arguments or result, a comment, an example.</summary>
    public string? Contains { get; init; }

    /// <summary>Only runs whose task id or own id begins with this.</summary>
    public string? IdPrefix { get; init; }

    /// <summary>The largest number of runs, 1 to 500.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Where to continue: <see cref="TrajectoryPage.NextCursor"/> of the page before.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of trajectories.</summary>
/// <param name="Items">The trajectories.</param>
/// <param name="NextCursor">Where to continue; null at the end.</param>
/// <param name="IsIncomplete">Whether a search of texts stopped at its limit before the page was full.</param>
public sealed record TrajectoryPage(IReadOnlyList<Trajectory> Items, string? NextCursor, bool IsIncomplete = false);
