using System.Collections.Concurrent;

namespace LlmProxy.Core.Statistics;

/// <summary>Makes statistics of the store's sums: what the API, <c>llmproxy stats</c> and the SDK show.</summary>
/// <remarks>
/// Safe for concurrent use. Numbers of runs are always the store's of this moment. Its size takes as long to measure as
/// there is content: where that takes more than 50 ms, the size is up to a minute old.
/// </remarks>
public sealed class StatisticsReader(IStatisticsStore store, QualityOptions quality, TimeProvider time)
{
    private static readonly TimeSpan LongMeasure = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan OldestSize = TimeSpan.FromMinutes(1);
    private const int RunsForTraining = 100;
    private const int MostIntervals = 100;

    private readonly ConcurrentDictionary<string, (StorageUse Use, long At)> _sizes = new(StringComparer.Ordinal);

    /// <summary>Numbers over the runs of a query.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public async Task<TrajectoryStatistics> ReadAsync(StatisticsQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        var read = await store.ReadStatisticsAsync(query, cancellationToken);
        var trainable = await store.CountTrainableAsync(query.Tenant, quality.Threshold, RunsForTraining, cancellationToken);
        var use = await MeasureAsync(query.Tenant, cancellationToken);
        var all = Sum(read.Groups);
        return new TrajectoryStatistics
        {
            Total = all.Runs,
            Active = read.Active,
            ByProvider = read.Groups.GroupBy(g => g.Provider, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(m => m.Sums.Runs), StringComparer.Ordinal),
            SuccessRate = Ratio(all.Successful, all.Judged),
            Verified = new VerifiedStatistics(read.Verified, read.VerifiedSuccesses, Ratio(read.Verified, all.Judged), Ratio(read.VerifiedSuccesses, read.Verified)),
            Inferred = new InferredStatistics(all.Inferred, Mean(all.Probability, all.Inferred), all.Provisional),
            AverageQuality = Mean(all.Quality, all.Scored),
            Summary = new StatisticsSummary(all.Runs, all.Successful, Ratio(all.Successful, all.Judged)),
            ByModel = [.. read.Groups.GroupBy(g => (g.Provider, g.Model)).Select(g => OfModel(g.Key.Provider, g.Key.Model, Sum(g)))],
            AverageMetrics = Means(all),
            QualityDistribution = new QualityDistribution(all.Excellent, all.Good, all.Fair, all.Poor),
            TrainingReady = trainable >= RunsForTraining,
            Intervals =
            [
                .. read.Groups.Where(g => g.Start is not null).GroupBy(g => g.Start!.Value).OrderBy(g => g.Key).TakeLast(MostIntervals)
                    .Select(g => OfInterval(g.Key.UtcDateTime, Sum(g))),
            ],
            Storage = new StorageStatistics(use.Bytes, use.ContentBytes, use.Trajectories, use.Steps),
        };
    }

    private async Task<StorageUse> MeasureAsync(string tenant, CancellationToken cancellationToken)
    {
        if (_sizes.TryGetValue(tenant, out var known) && time.GetElapsedTime(known.At) < OldestSize)
        {
            return known.Use;
        }

        var started = time.GetTimestamp();
        var use = await store.ReadStorageUseAsync(tenant, cancellationToken);
        if (time.GetElapsedTime(started) > LongMeasure)
        {
            _sizes[tenant] = (use, time.GetTimestamp());
        }
        else
        {
            _sizes.TryRemove(tenant, out _);
        }

        return use;
    }

    private static TrajectorySums Sum(IEnumerable<StatisticsGroup> groups) => groups.Aggregate(TrajectorySums.None, (sum, group) => sum.Add(group.Sums));

    private static ModelStatistics OfModel(string provider, string model, TrajectorySums sums) =>
        new(provider, model, sums.Runs, sums.Successful, Ratio(sums.Successful, sums.Judged), Mean(sums.Quality, sums.Scored), Means(sums), sums.CostUsd);

    private static IntervalStatistics OfInterval(DateTime start, TrajectorySums sums) =>
        new(start, sums.Runs, sums.Successful, Ratio(sums.Successful, sums.Judged), Mean(sums.Quality, sums.Scored), Ratio(sums.Iterations, sums.Runs), Ratio(sums.Tokens, sums.RunsWithTokens));

    private static AverageMetrics Means(TrajectorySums sums) => new(
        Ratio(sums.Iterations, sums.Runs),
        Ratio(sums.ToolCalls, sums.Runs),
        Ratio(sums.Tokens, sums.RunsWithTokens),
        Ratio(sums.FailedToolResults, sums.ToolCalls),
        Mean(sums.ClickAccuracies, sums.RunsWithClicks),
        Ratio(sums.Interventions, sums.Runs),
        Ratio(sums.Tokens, sums.CountedSuccesses),
        sums.PaidSuccesses == 0 ? null : sums.CostUsd / sums.PaidSuccesses,
        sums.Runs - sums.RunsWithTokens,
        sums.Runs - sums.RunsWithCost);

    private static double? Ratio(long part, long whole) => Mean(part, whole);

    private static double? Mean(double sum, long count) => count == 0 ? null : sum / count;
}
