using LlmProxy.Core.Configuration;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Statistics;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Statistics.</content>
public abstract partial class TrajectoryStoreTests
{
    private StatisticsReader Statistics => new(Store, new QualityOptions(), TimeProvider.System);

    [StoreFact]
    public async Task Statistics_are_what_was_worked_out_by_hand()
    {
        await Store.SaveAsync(CountedRuns.Changes, default);
        var query = new StatisticsQuery(Tenant);

        CountedRuns.AreEqual(CountedRuns.All, await Statistics.ReadAsync(query, default));
        CountedRuns.AreEqual(CountedRuns.All, await Statistics.ReadAsync(query with { Interval = StatisticsInterval.Day }, default), CountedRuns.Days);
        CountedRuns.AreEqual(CountedRuns.All, await Statistics.ReadAsync(query with { Interval = StatisticsInterval.Week }, default), CountedRuns.Weeks);
        CountedRuns.AreEqual(CountedRuns.InTheWindow, await Statistics.ReadAsync(query with { Since = CountedRuns.Since, Until = CountedRuns.Until }, default));
        CountedRuns.AreEqual(CountedRuns.OfGpt, await Statistics.ReadAsync(query with { Model = "gpt-d" }, default));
        CountedRuns.AreEqual(new TrajectoryStatistics(), await Statistics.ReadAsync(new StatisticsQuery("nobody"), default));
    }

    [StoreFact]
    public async Task Training_is_ready_with_a_hundred_runs_at_the_threshold_that_have_their_content()
    {
        var run = Run("x") with { QualityScore = 0.7 };
        await Store.SaveAsync([.. Enumerable.Range(0, 99).Select(i => new TrajectoryChange { Trajectory = run with { Id = $"good-{i}", TaskId = $"good-{i}", StartedAt = Start.AddDays(-i) } })], default);
        await SaveAsync(
            new TrajectoryChange { Trajectory = run with { Id = "metrics", TaskId = "metrics", HasContent = false } },
            new TrajectoryChange { Trajectory = run with { Id = "below", TaskId = "below", QualityScore = 0.6999 } },
            new TrajectoryChange { Trajectory = run with { Id = "other", TaskId = "other", Tenant = "other" } },
            new TrajectoryChange { Trajectory = run with { Id = "cancelled", TaskId = "cancelled", Status = TrajectoryStatus.Cancelled } });

        Assert.False((await Statistics.ReadAsync(new StatisticsQuery(Tenant), default)).TrainingReady);
        await SaveAsync(new TrajectoryChange { Trajectory = run with { Id = "hundredth", TaskId = "hundredth" } });

        Assert.True((await Statistics.ReadAsync(new StatisticsQuery(Tenant), default)).TrainingReady);
        // What is asked for says nothing of what there is to train on.
        Assert.True((await Statistics.ReadAsync(new StatisticsQuery(Tenant) { Since = Start.AddDays(1), Model = "none" }, default)).TrainingReady);
        Assert.Equal(3, await Store.CountTrainableAsync(Tenant, 0.7, 3, default));
    }

    [StoreFact]
    public async Task Intervals_are_the_latest_hundred_that_have_runs()
    {
        await Store.SaveAsync([.. Enumerable.Range(0, 103).Select(i => new TrajectoryChange { Trajectory = Run($"r{i}") with { StartedAt = Start.AddDays(-3 * i) } })], default);

        var intervals = (await Statistics.ReadAsync(new StatisticsQuery(Tenant) { Interval = StatisticsInterval.Day }, default)).Intervals;

        Assert.Equal(Enumerable.Range(0, 100).Select(i => Start.UtcDateTime.Date.AddDays(-3 * (99 - i))), intervals.Select(i => i.Start));
    }

    [StoreFact]
    public async Task The_stores_use_is_the_tenants_own_and_shared_content_counts_once()
    {
        await SaveAsync(Change(Run("a"), Text("some content")), Change(Run("b"), Text("some content"), Text("more")));
        Assert.True((await Store.ReadStorageUseAsync(Tenant, default)).Bytes > 1000, "alone, a tenant sees the size of the whole store");
        await SaveAsync(Change(Run("c") with { Tenant = "other" }, Text("of another tenant")));
        await SaveAsync(new TrajectoryChange { Trajectory = Run("d") with { Status = TrajectoryStatus.Cancelled, HasContent = false } });

        var use = await Store.ReadStorageUseAsync(Tenant, default);
        Assert.Equal((3, 3, 16), (use.Trajectories, use.Steps, use.ContentBytes));
        Assert.Equal(use.ContentBytes, use.Bytes);

        await Store.DropContentAsync(Tenant, "b", default);
        var without = await Store.ReadStorageUseAsync(Tenant, default);
        Assert.Equal((3, 1, 12), (without.Trajectories, without.Steps, without.ContentBytes));
        Assert.Equal((0, 0, 0), await UseOfAsync("nobody"));

        async Task<(long, long, long)> UseOfAsync(string tenant)
        {
            var other = await Store.ReadStorageUseAsync(tenant, default);
            return (other.Trajectories, other.Steps, other.ContentBytes);
        }
    }
}
