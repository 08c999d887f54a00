using LlmProxy.Core.Configuration;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Recording;
using Microsoft.Extensions.Logging.Abstractions;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Types of tasks, and who curates.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    [StoreFact]
    public async Task Tasks_to_curate_are_the_latest_finished_ones_of_the_tenant_with_their_vectors()
    {
        await SaveAsync(
            Embedded(Run("old"), 1, 0),
            new TrajectoryChange { Trajectory = Run("failed") with { StartedAt = Start.AddHours(1), Success = false, Status = TrajectoryStatus.Failed, QualityScore = null, HasContent = false } },
            Embedded(Run("new") with { StartedAt = Start.AddHours(2) }, 0, 1),
            new TrajectoryChange { Trajectory = Run("active") with { Status = TrajectoryStatus.Active, CompletedAt = null } },
            new TrajectoryChange { Trajectory = Run("cancelled") with { Status = TrajectoryStatus.Cancelled } },
            new TrajectoryChange { Trajectory = Run("silent", "") },
            new TrajectoryChange { Trajectory = Run("foreign") with { Tenant = "other" } });

        var tasks = await Store.ListCurationTasksAsync(Tenant, new VectorKind("test-model", 2), 10, default);

        Assert.Equal(["new", "failed", "old"], tasks.Select(t => t.Trajectory.Id));
        Assert.Equal([[0f, 1f], null, [1f, 0f]], tasks.Select(t => t.Vector));
        Assert.Equal(["new"], (await Store.ListCurationTasksAsync(Tenant, new VectorKind("test-model", 2), 1, default)).Select(t => t.Trajectory.Id));
        Assert.All(await Store.ListCurationTasksAsync(Tenant, new VectorKind("test-model", 3), 10, default), t => Assert.Null(t.Vector));
    }

    [StoreFact]
    public async Task A_stated_type_stays_and_a_later_save_of_the_trajectory_takes_no_type_back()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("a") }, new TrajectoryChange { Trajectory = Run("b") }, new TrajectoryChange { Trajectory = Run("c") with { Tenant = "other" } });
        var read = (await Store.FindTrajectoryAsync(Tenant, "a", default))!;

        Assert.True(await Store.StateTaskTypeAsync(Tenant, "b", "flights", default));
        Assert.False(await Store.StateTaskTypeAsync(Tenant, "c", "flights", default));
        Assert.Equal(1, await Store.SaveTaskTypeAsync(Tenant, "book rome", ["a", "b", "c"], default));
        Assert.Equal(0, await Store.SaveTaskTypeAsync(Tenant, "book rome", ["a", "b", "c"], default));
        await SaveAsync(new TrajectoryChange { Trajectory = read with { Comment = "seen" } });

        Assert.Equal(("book rome", false, "seen"), await TypeAsync("a"));
        Assert.Equal(("flights", true, null), await TypeAsync("b"));
        Assert.Null((await Store.FindTrajectoryAsync("other", "c", default))!.TaskType);

        Assert.True(await Store.StateTaskTypeAsync(Tenant, "b", null, default));
        Assert.Equal((null, false, null), await TypeAsync("b"));
        Assert.Equal(1, await Store.SaveTaskTypeAsync(Tenant, null, ["a", "b"], default));
        Assert.Equal((null, false, "seen"), await TypeAsync("a"));

        async Task<(string?, bool, string?)> TypeAsync(string id) =>
            await Store.FindTrajectoryAsync(Tenant, id, default) is { } run ? (run.TaskType, run.IsTaskTypeStated, run.Comment) : default;
    }

    [StoreFact]
    public async Task A_curation_has_one_owner_until_it_is_done_or_its_lease_has_expired()
    {
        var clock = new TestClock();
        var (one, two) = (OpenStore(ConnectionString, clock), OpenStore(ConnectionString, clock));

        var claims = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => (i % 2 == 0 ? one : two).ClaimCurationAsync(Tenant, $"owner-{i}", Every, Lease, default)));
        Assert.Single(claims, true);
        Assert.True(await one.ClaimCurationAsync("other", "owner", Every, Lease, default));

        // The first owner stops. Another takes over after the lease, and what the first one says later has no effect.
        var first = $"owner-{Array.IndexOf(claims, true)}";
        clock.Advance(Lease);
        Assert.True(await two.ClaimCurationAsync(Tenant, "second", Every, Lease, default));
        await one.CompleteCurationAsync(Tenant, first, default);
        Assert.False(await one.ClaimCurationAsync(Tenant, "third", Every, Lease, default));

        await two.CompleteCurationAsync(Tenant, "second", default);
        clock.Advance(Every - TimeSpan.FromSeconds(1));
        Assert.False(await one.ClaimCurationAsync(Tenant, "third", Every, Lease, default));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(await one.ClaimCurationAsync(Tenant, "third", Every, Lease, default));
    }

    [StoreFact]
    public async Task Replicas_curate_each_tenant_once_for_each_interval()
    {
        var clock = new TestClock();
        var tenants = Enumerable.Range(1, 4).Select(i => $"tenant-{i}").ToList();
        await SaveAsync([.. tenants.SelectMany(OfTwoTypes)]);
        var replicas = Enumerable.Range(0, 3).Select(_ => Schedule(OpenStore(ConnectionString, clock), clock)).ToList();

        for (var interval = 0; interval < 3; interval++)
        {
            var completed = await Task.WhenAll(replicas.Select(r => r.CurateDueAsync(Every, default)));
            Assert.Equal(tenants.Count, completed.Sum());
            Assert.Equal(0, (await Task.WhenAll(replicas.Select(r => r.CurateDueAsync(Every, default)))).Sum());
            clock.Advance(Every);
        }

        foreach (var tenant in tenants)
        {
            Assert.Equal(2, (await TypesAsync(Store, tenant)).Values.Distinct(StringComparer.Ordinal).Count());
        }
    }

    [StoreFact]
    public async Task A_curation_that_was_stopped_in_its_middle_is_finished_by_the_next_process()
    {
        var clock = new TestClock();
        await SaveAsync([.. OfTwoTypes(Tenant)]);
        using var stopping = new CancellationTokenSource();
        var faulty = FaultyStore.Around(OpenStore(ConnectionString, clock));
        faulty.Fault = (name, _) =>
        {
            if (name == nameof(ICurationStore.SaveTaskTypeAsync) && faulty.Calls[name] == 2)
            {
                stopping.Cancel();
                return new OperationCanceledException(stopping.Token);
            }

            return null;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Schedule(faulty.Store, clock).CurateDueAsync(Every, stopping.Token));
        Assert.Single((await TypesAsync(Store, Tenant)).Values.OfType<string>().Distinct(StringComparer.Ordinal));

        var next = Schedule(OpenStore(ConnectionString, clock), clock);
        Assert.Equal(0, await next.CurateDueAsync(Every, default));
        clock.Advance(ScheduledCuration.Lease);
        Assert.Equal(1, await next.CurateDueAsync(Every, default));

        var types = await TypesAsync(Store, Tenant);
        await SaveAsync([.. OfTwoTypes("undisturbed")]);
        Assert.Equal(1, await next.CurateDueAsync(Every, default));
        Assert.Equal(types.Values, (await TypesAsync(Store, "undisturbed")).Values);
        Assert.Equal(2, types.Values.Distinct(StringComparer.Ordinal).Count());
        Assert.DoesNotContain(null, types.Values);
    }

    private static IEnumerable<TrajectoryChange> OfTwoTypes(string tenant)
    {
        string[] tasks = ["Download the March invoice from the supplier portal", "Download the May invoice from the supplier portal", "Fix the failing unit test of the parser", "Fix the failing unit test of the lexer"];
        return tasks.Select((task, i) => new TrajectoryChange
        {
            Trajectory = Run($"{tenant}-{i}", task) with { Tenant = tenant, StartedAt = Start.AddMinutes(i), ToolsUsed = [i < 2 ? "browser_click" : "Edit"] },
            Embeddings = [new TrajectoryEmbedding(LexicalEmbedder.ModelName, EmbeddingService.TaskKind, LexicalEmbedder.Embed(task), task)],
        });
    }

    private static async Task<SortedDictionary<string, string?>> TypesAsync(SqlTrajectoryStore store, string tenant) =>
        new((await store.ListAsync(new TrajectoryQuery(tenant), default)).Items.ToDictionary(r => r.Id, r => r.TaskType), StringComparer.Ordinal);

    private static ScheduledCuration Schedule(IStorePorts store, TimeProvider clock) => Schedule(store, store, store, clock);

    private static ScheduledCuration Schedule(SqlTrajectoryStore store, TimeProvider clock) => Schedule(store, store, store, clock);

    private static ScheduledCuration Schedule(Core.Stores.IStoreLifecycle lifecycle, ICurationStore curations, IExampleStore examples, TimeProvider clock)
    {
        var options = new LlmProxyOptions();
        var curator = new ExampleCurator(
            curations,
            examples,
            new ExampleLedger(examples, options.Experiments, clock, NullLogger<ExampleLedger>.Instance),
            new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical }),
            new TeachingKeys(options.Auth),
            options);
        return new ScheduledCuration(lifecycle, curations, curator, new CurationOptions { Every = Every }, clock, NullLogger<ScheduledCuration>.Instance);
    }
}
