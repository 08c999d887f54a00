namespace LlmProxy.Core.Statistics;

/// <summary>Which runs statistics are made of. A run belongs to the time in which it started.</summary>
/// <param name="Tenant">The tenant that owns the trajectories.</param>
public sealed record StatisticsQuery(string Tenant)
{
    /// <summary>Only runs that started at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only runs that started before.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Only this model (exact).</summary>
    public string? Model { get; init; }

    /// <summary>Whether to group by days or weeks.</summary>
    public StatisticsInterval Interval { get; init; }
}

/// <summary>How time is cut into parts, in UTC.</summary>
public enum StatisticsInterval
{
    /// <summary>Not at all.</summary>
    None,
    /// <summary>Days from midnight.</summary>
    Day,
    /// <summary>Weeks from Monday, as ISO 8601 has them.</summary>
    Week,
}

/// <summary>Sums of a tenant's runs, in groups.</summary>
/// <param name="Groups">Ended runs (completed, failed, needs_help) by provider, model and day; a week is several groups with one start.</param>
/// <param name="Active">Number of active runs.</param>
public sealed record StoreStatistics(IReadOnlyList<StatisticsGroup> Groups, long Active)
{
    /// <summary>Ended runs whose success was stated or judged.</summary>
    public long Verified { get; init; }

    /// <summary>Those of them that succeeded.</summary>
    public long VerifiedSuccesses { get; init; }
}

/// <summary>Sums of runs of one model that started in one interval.</summary>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="Start">Start of the interval; null where none was asked for.</param>
/// <param name="Sums">The sums.</param>
public sealed record StatisticsGroup(string Provider, string Model, DateTimeOffset? Start, TrajectorySums Sums);

/// <summary>Sums over ended runs, those that keep their metrics alone included.</summary>
public sealed record TrajectorySums
{
    /// <summary>No runs.</summary>
    public static TrajectorySums None { get; } = new();

    /// <summary>Number of runs.</summary>
    public long Runs { get; init; }

    /// <summary>Runs whose success is known.</summary>
    public long Judged { get; init; }

    /// <summary>Runs that succeeded.</summary>
    public long Successful { get; init; }

    /// <summary>Runs that succeeded and have a score.</summary>
    public long Scored { get; init; }

    /// <summary>Runs whose success is inferred.</summary>
    public long Inferred { get; init; }

    /// <summary>Sum of their probabilities of success.</summary>
    public double Probability { get; init; }

    /// <summary>Those of them that have a provisional score.</summary>
    public long Provisional { get; init; }

    /// <summary>Sum of the scores.</summary>
    public double Quality { get; init; }

    /// <summary>Scores of 0.9 and more.</summary>
    public long Excellent { get; init; }

    /// <summary>Scores of 0.7 up to 0.9.</summary>
    public long Good { get; init; }

    /// <summary>Scores of 0.5 up to 0.7.</summary>
    public long Fair { get; init; }

    /// <summary>Scores below 0.5.</summary>
    public long Poor => Scored - Excellent - Good - Fair;

    /// <summary>Sum of iterations.</summary>
    public long Iterations { get; init; }

    /// <summary>Sum of tool calls.</summary>
    public long ToolCalls { get; init; }

    /// <summary>Sum of failed tool results.</summary>
    public long FailedToolResults { get; init; }

    /// <summary>Sum of interventions.</summary>
    public long Interventions { get; init; }

    /// <summary>Sum of input and output tokens, of the runs whose tokens are known.</summary>
    public long Tokens { get; init; }

    /// <summary>Number of those runs.</summary>
    public long RunsWithTokens { get; init; }

    /// <summary>Those of them that succeeded.</summary>
    public long CountedSuccesses { get; init; }

    /// <summary>Runs whose cost is known.</summary>
    public long RunsWithCost { get; init; }

    /// <summary>Sum of known costs in USD; null where no cost is known.</summary>
    public decimal? CostUsd { get; init; }

    /// <summary>Runs that succeeded and whose cost is known.</summary>
    public long PaidSuccesses { get; init; }

    /// <summary>Sum of click accuracies, of the runs where one was stated or counted.</summary>
    public double ClickAccuracies { get; init; }

    /// <summary>Number of those runs.</summary>
    public long RunsWithClicks { get; init; }

    /// <summary>The sums of both.</summary>
    public TrajectorySums Add(TrajectorySums other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new TrajectorySums
        {
            Runs = Runs + other.Runs,
            Judged = Judged + other.Judged,
            Successful = Successful + other.Successful,
            Scored = Scored + other.Scored,
            Inferred = Inferred + other.Inferred,
            Probability = Probability + other.Probability,
            Provisional = Provisional + other.Provisional,
            Quality = Quality + other.Quality,
            Excellent = Excellent + other.Excellent,
            Good = Good + other.Good,
            Fair = Fair + other.Fair,
            Iterations = Iterations + other.Iterations,
            ToolCalls = ToolCalls + other.ToolCalls,
            FailedToolResults = FailedToolResults + other.FailedToolResults,
            Interventions = Interventions + other.Interventions,
            Tokens = Tokens + other.Tokens,
            RunsWithTokens = RunsWithTokens + other.RunsWithTokens,
            CountedSuccesses = CountedSuccesses + other.CountedSuccesses,
            RunsWithCost = RunsWithCost + other.RunsWithCost,
            CostUsd = CostUsd is null && other.CostUsd is null ? null : (CostUsd ?? 0) + (other.CostUsd ?? 0),
            PaidSuccesses = PaidSuccesses + other.PaidSuccesses,
            ClickAccuracies = ClickAccuracies + other.ClickAccuracies,
            RunsWithClicks = RunsWithClicks + other.RunsWithClicks,
        };
    }
}

/// <summary>What a store holds.</summary>
/// <param name="Bytes">Size of the store; if it holds other tenants too, of the tenant's content and vectors.</param>
/// <param name="ContentBytes">Compressed content of the tenant's runs; what several runs share counts once.</param>
/// <param name="Trajectories">The tenant's runs, of whatever status.</param>
/// <param name="Steps">Their stored steps.</param>
public sealed record StorageUse(long Bytes, long ContentBytes, long Trajectories, long Steps);
