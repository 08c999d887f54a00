using LlmProxy.Core.Statistics;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Statistics;

/// <summary>
/// A dozen runs around the first weeks of March 2026, and what their statistics are, worked out by hand.
/// 2026-03-01 was a Sunday.
/// </summary>
internal static class CountedRuns
{
    public const string Tenant = "default";

    /// <summary>The runs.</summary>
    public static IReadOnlyList<TrajectoryChange> Changes => [.. Runs.Select(run => new TrajectoryChange { Trajectory = run })];

    private static IReadOnlyList<Trajectory> Runs { get; } =
    [
        // The last microsecond of a Sunday, and the first of a Monday: another day, another week.
        Claude("01", "2026-03-01T23:59:59.999999Z", 0.95) with { IterationCount = 4, ToolCallsCount = 8, FailedToolResults = 1, ClicksTotal = 10, ClicksHit = 9, TokenUsage = Tokens(1000, 200), CostUsd = 0.10m, OutcomeSource = OutcomeSource.Human },
        // Metrics alone; the stated click accuracy wins over the counted one.
        Claude("02", "2026-03-02T00:00:00Z", 0.9) with { IterationCount = 6, ToolCallsCount = 4, ClicksTotal = 4, ClicksHit = 4, StatedClickAccuracy = 0.5, UserInterventions = 1, TokenUsage = Tokens(500, 100), CostUsd = 0.05m, HasContent = false, OutcomeSource = OutcomeSource.Ci },
        // A price that nobody knows.
        Claude("03", "2026-03-02T12:00:00Z", 0.7) with { IterationCount = 2, TokenUsage = Tokens(300, 0), OutcomeSource = OutcomeSource.Agent },
        Run("04", "anthropic", "claude-b", "2026-03-08T23:00:00Z", TrajectoryStatus.Failed, false, null) with { IterationCount = 10, ToolCallsCount = 5, FailedToolResults = 5, UserInterventions = 3, TokenUsage = Tokens(2000, 1000), CostUsd = 0.40m, OutcomeSource = OutcomeSource.Api },
        Gpt("05", "2026-03-09T00:00:00Z", TrajectoryStatus.Completed, true, 0.5) with { IterationCount = 3, ToolCallsCount = 3, TokenUsage = Tokens(100, 50), CostUsd = 0.25m, OutcomeSource = OutcomeSource.Judge },
        // Its responses did not state their usage.
        Gpt("06", "2026-03-09T10:00:00Z", TrajectoryStatus.Completed, true, 0.1) with { IterationCount = 5, ToolCallsCount = 4, FailedToolResults = 2, ClicksTotal = 4, ClicksHit = 1, UserInterventions = 3, TokenUsage = null, OutcomeSource = OutcomeSource.Agent },
        // Nobody knows how these two ended: they count, and are in no rate.
        Gpt("07", "2026-03-10T08:00:00Z", TrajectoryStatus.NeedsHelp, null, null) with { IterationCount = 1, ToolCallsCount = 1, UserInterventions = 1, TokenUsage = Tokens(10, 10), CostUsd = 0.01m, OutcomeSource = OutcomeSource.Human },
        Gpt("08", "2026-03-10T09:00:00Z", TrajectoryStatus.Completed, null, null) with { IterationCount = 2, ToolCallsCount = 2, FailedToolResults = 1, TokenUsage = Tokens(20, 20), CostUsd = 0.02m, OutcomeSource = OutcomeSource.Inferred, SuccessProbability = 0.8 },
        Run("09", "gemini", "gemini-c", "2026-03-16T00:00:00Z", TrajectoryStatus.NeedsHelp, false, null) with { IterationCount = 7, TokenUsage = Tokens(60, 40), OutcomeSource = OutcomeSource.Error },
        // None of these is in any number but "active".
        Gpt("10", "2026-03-10T10:00:00Z", TrajectoryStatus.Active, null, null) with { IterationCount = 1000, ToolCallsCount = 1000, TokenUsage = Tokens(1_000_000, 1), CostUsd = 100m },
        Claude("11", "2026-03-10T11:00:00Z", 0.99) with { Status = TrajectoryStatus.Cancelled, IterationCount = 1000, CostUsd = 100m },
        Claude("12", "2026-03-10T12:00:00Z", 0.99) with { Tenant = "other", IterationCount = 1000, CostUsd = 100m },
    ];

    /// <summary>Start of the week that <see cref="InTheWindow"/> holds.</summary>
    public static DateTimeOffset Since { get; } = Time("2026-03-02T00:00:00Z");

    /// <summary>Its end.</summary>
    public static DateTimeOffset Until { get; } = Time("2026-03-09T00:00:00Z");

    /// <summary>All of them: 01 to 09, of which 01, 02, 03, 05 and 06 succeeded and 04 and 09 did not.</summary>
    public static TrajectoryStatistics All { get; } = new()
    {
        Total = 9,
        Active = 1,
        ByProvider = new Dictionary<string, long> { ["anthropic"] = 4, ["gemini"] = 1, ["openai"] = 4 },
        SuccessRate = 5 / 7.0,
        Verified = new VerifiedStatistics(4, 3, 4 / 7.0, 3 / 4.0), // 01, 02, 04 and 05
        Inferred = new InferredStatistics(1, 0.8, 0),
        AverageQuality = 0.63, // (0.95 + 0.9 + 0.7 + 0.5 + 0.1) / 5
        Summary = new StatisticsSummary(9, 5, 5 / 7.0),
        ByModel =
        [
            new("anthropic", "claude-a", 3, 3, 1, 0.85, new AverageMetrics(4, 4, 700, 1 / 12.0, 0.7, 1 / 3.0, 700, 0.075m, 0, 1), 0.15m),
            new("anthropic", "claude-b", 1, 0, 0, null, new AverageMetrics(10, 5, 3000, 1, null, 3, null, null, 0, 0), 0.40m),
            new("gemini", "gemini-c", 1, 0, 0, null, new AverageMetrics(7, 0, 100, null, null, 0, null, null, 0, 1), null),
            new("openai", "gpt-d", 4, 2, 1, 0.3, new AverageMetrics(2.75, 2.5, 70, 0.3, 0.25, 1, 210, 0.28m, 1, 1), 0.28m),
        ],
        AverageMetrics = new AverageMetrics(
            Iterations: 40 / 9.0,
            ToolCalls: 27 / 9.0,
            Tokens: 5410 / 8.0,
            ErrorRate: 9 / 27.0,
            ClickAccuracy: 0.55, // (0.9 + 0.5 + 0.25) / 3
            InterventionRate: 8 / 9.0,
            TokensPerSuccess: 5410 / 4.0, // by 01, 02, 03 and 05
            CostPerSuccess: 0.83m / 3, // by 01, 02 and 05
            RunsWithoutTokens: 1,
            RunsWithoutCost: 3),
        QualityDistribution = new QualityDistribution(2, 1, 1, 1),
    };

    /// <summary>By day.</summary>
    public static IReadOnlyList<IntervalStatistics> Days { get; } =
    [
        new(Day(1), 1, 1, 1, 0.95, 4, 1200),
        new(Day(2), 2, 2, 1, 0.8, 4, 450),
        new(Day(8), 1, 0, 0, null, 10, 3000),
        new(Day(9), 2, 2, 1, 0.3, 4, 150),
        new(Day(10), 2, 0, null, null, 1.5, 30),
        new(Day(16), 1, 0, 0, null, 7, 100),
    ];

    /// <summary>By week.</summary>
    public static IReadOnlyList<IntervalStatistics> Weeks { get; } =
    [
        new(new DateTime(2026, 2, 23, 0, 0, 0, DateTimeKind.Utc), 1, 1, 1, 0.95, 4, 1200),
        new(Day(2), 3, 2, 2 / 3.0, 0.8, 6, 1300),
        new(Day(9), 4, 2, 1, 0.3, 2.75, 70),
        new(Day(16), 1, 0, 0, null, 7, 100),
    ];

    /// <summary>From <see cref="Since"/> to <see cref="Until"/>: 02, 03 and 04.</summary>
    public static TrajectoryStatistics InTheWindow { get; } = new()
    {
        Total = 3,
        ByProvider = new Dictionary<string, long> { ["anthropic"] = 3 },
        SuccessRate = 2 / 3.0,
        Verified = new VerifiedStatistics(2, 1, 2 / 3.0, 1 / 2.0),
        AverageQuality = 0.8,
        Summary = new StatisticsSummary(3, 2, 2 / 3.0),
        ByModel =
        [
            new("anthropic", "claude-a", 2, 2, 1, 0.8, new AverageMetrics(4, 2, 450, 0, 0.5, 0.5, 450, 0.05m, 0, 1), 0.05m),
            new("anthropic", "claude-b", 1, 0, 0, null, new AverageMetrics(10, 5, 3000, 1, null, 3, null, null, 0, 0), 0.40m),
        ],
        AverageMetrics = new AverageMetrics(6, 3, 1300, 5 / 9.0, 0.5, 4 / 3.0, 1950, 0.45m, 0, 1),
        QualityDistribution = new QualityDistribution(1, 1, 0, 0),
    };

    /// <summary>The model of 05 to 08 and 10 alone.</summary>
    public static TrajectoryStatistics OfGpt { get; } = new()
    {
        Total = 4,
        Active = 1,
        ByProvider = new Dictionary<string, long> { ["openai"] = 4 },
        SuccessRate = 1,
        Verified = new VerifiedStatistics(1, 1, 1 / 2.0, 1),
        Inferred = new InferredStatistics(1, 0.8, 0),
        AverageQuality = 0.3,
        Summary = new StatisticsSummary(4, 2, 1),
        ByModel = [All.ByModel[3]],
        AverageMetrics = All.ByModel[3].AverageMetrics,
        QualityDistribution = new QualityDistribution(0, 0, 1, 1),
    };

    /// <summary>Holds statistics against what was worked out, but for the store's size.</summary>
    public static void AreEqual(TrajectoryStatistics expected, TrajectoryStatistics actual, IReadOnlyList<IntervalStatistics>? intervals = null)
    {
        Assert.Equal((expected.Total, expected.Active, expected.Summary.Total, expected.Summary.Successful), (actual.Total, actual.Active, actual.Summary.Total, actual.Summary.Successful));
        Assert.Equal(expected.ByProvider.OrderBy(p => p.Key, StringComparer.Ordinal), actual.ByProvider.OrderBy(p => p.Key, StringComparer.Ordinal));
        Same([expected.SuccessRate, expected.Summary.SuccessRate, expected.AverageQuality], [actual.SuccessRate, actual.Summary.SuccessRate, actual.AverageQuality]);
        Assert.Equal((expected.Verified, expected.Inferred), (actual.Verified, actual.Inferred));
        Assert.Equal(expected.QualityDistribution, actual.QualityDistribution);
        Same(expected.AverageMetrics, actual.AverageMetrics);
        Assert.Equal(expected.ByModel.Select(m => (m.Provider, m.Model, m.Total, m.Successful, m.CostUsd)), actual.ByModel.Select(m => (m.Provider, m.Model, m.Total, m.Successful, m.CostUsd)));
        foreach (var (one, other) in expected.ByModel.Zip(actual.ByModel))
        {
            Same([one.SuccessRate, one.AverageQuality], [other.SuccessRate, other.AverageQuality]);
            Same(one.AverageMetrics, other.AverageMetrics);
        }

        intervals ??= [];
        Assert.Equal(intervals.Select(i => (i.Start, i.Total, i.Successful)), actual.Intervals.Select(i => (i.Start, i.Total, i.Successful)));
        foreach (var (one, other) in intervals.Zip(actual.Intervals))
        {
            Same([one.SuccessRate, one.AverageQuality, one.Iterations, one.Tokens], [other.SuccessRate, other.AverageQuality, other.Iterations, other.Tokens]);
        }
    }

    private static void Same(AverageMetrics expected, AverageMetrics actual)
    {
        Same(Values(expected), Values(actual));
        Assert.Equal((expected.CostPerSuccess, expected.RunsWithoutTokens, expected.RunsWithoutCost), (actual.CostPerSuccess, actual.RunsWithoutTokens, actual.RunsWithoutCost));

        static double?[] Values(AverageMetrics m) => [m.Iterations, m.ToolCalls, m.Tokens, m.ErrorRate, m.ClickAccuracy, m.InterventionRate, m.TokensPerSuccess];
    }

    private static void Same(double?[] expected, double?[] actual) =>
        Assert.Equal(expected.Select(v => v is { } value ? Math.Round(value, 10) : v), actual.Select(v => v is { } value ? Math.Round(value, 10) : v));

    private static Trajectory Claude(string id, string start, double score) => Run(id, "anthropic", "claude-a", start, TrajectoryStatus.Completed, true, score) with { HasContent = true };

    private static Trajectory Gpt(string id, string start, TrajectoryStatus status, bool? success, double? score) => Run(id, "openai", "gpt-d", start, status, success, score);

    private static Trajectory Run(string id, string provider, string model, string start, TrajectoryStatus status, bool? success, double? score) => new()
    {
        Id = "run-" + id,
        TaskId = "task-" + id,
        Tenant = Tenant,
        ConversationId = "task-" + id,
        Provider = provider,
        Model = model,
        TaskDescription = "Run " + id,
        Status = status,
        Success = success,
        QualityScore = score,
        StartedAt = Time(start),
        LastActivityAt = Time(start),
        CompletedAt = status == TrajectoryStatus.Active ? null : Time(start),
    };

    private static DateTime Day(int day) => new(2026, 3, day, 0, 0, 0, DateTimeKind.Utc);

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private static TokenUsage Tokens(long input, long output) => new(input, output, 0, 0, 0);
}
