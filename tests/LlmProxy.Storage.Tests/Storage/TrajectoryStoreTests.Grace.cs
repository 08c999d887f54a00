using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Hidden content.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly DateTimeOffset Far = new(2999, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [StoreFact]
    public async Task Expired_content_is_erased_and_its_row_pin_and_example_ids_stay()
    {
        await SaveFullAsync(Run("expired") with { WhyNoContent = NotRecordedReason.Failed, EraseAt = Start, ExampleIds = ["shown"] }, "own");
        await SaveFullAsync(Run("waiting") with { WhyNoContent = NotRecordedReason.Failed, EraseAt = Far }, "kept");
        await SaveFullAsync(Run("kept"), "kept");

        var erased = Assert.Single(await Store.EraseExpiredContentAsync(50, default));

        var run = (await Store.FindTrajectoryAsync(Tenant, "expired", default))!;
        Assert.Equal(run.Id, erased.Id);
        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.Failed, null, (long?)2), (run.HasContent, run.WhyNoContent, run.EraseAt, run.Version));
        Assert.Equal(["shown"], run.ExampleIds);
        Assert.NotNull(await Store.FindPinAsync(Tenant, run.TaskId, default));
        Assert.Empty(await Store.ReadStepsAsync("expired", default));
        Assert.Empty(await Store.ReadContentAsync([Text("own").Hash], default));
        Assert.Single(await Store.ReadStepsAsync("waiting", default));
        Assert.Single(await Store.ReadContentAsync([Text("kept").Hash], default));
        Assert.Empty(await Store.EraseExpiredContentAsync(50, default));
    }

    [StoreFact]
    public async Task Hidden_content_is_no_example_and_cannot_be_trained_on()
    {
        await SaveFullAsync(Run("hidden") with { WhyNoContent = NotRecordedReason.ShorterThanMinDuration, EraseAt = Far }, "a");
        await SaveFullAsync(Run("kept"), "b");

        Assert.Equal("kept", Assert.Single(await Store.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "flight", 9), default)).Trajectory.Id);
        Assert.Equal(["kept"], await Store.FindUsableExamplesAsync(Tenant, ["hidden", "kept"], [], default));
        Assert.Equal(1, await Store.CountTrainableAsync(Tenant, 0.5, 10, default));
        Assert.Equal(2, (await Store.SearchAsync(new SearchQuery(Tenant, "lexical-1", [1, 0], "flight", 9) { OnlyUsable = false }, default)).Count);
    }

    [StoreFact]
    public async Task Several_processes_erase_each_content_once()
    {
        for (var i = 0; i < 30; i++)
        {
            await SaveFullAsync(Run($"run-{i}") with { WhyNoContent = NotRecordedReason.Failed, EraseAt = Start.AddSeconds(i) }, $"content {i}");
        }

        var stores = new[] { Store, OpenStore(ConnectionString), OpenStore(ConnectionString) };
        var erased = await Task.WhenAll(stores.Select(async store =>
        {
            var own = new List<string>();
            while (await store.EraseExpiredContentAsync(4, default) is { Count: > 0 } some)
            {
                own.AddRange(some.Select(t => t.Id));
            }

            return own;
        }));

        Assert.Equal(30, erased.Sum(own => own.Count));
        Assert.Equal(30, erased.SelectMany(own => own).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(0, await CountAsync("SELECT count(*) FROM content"));
    }

    [StoreFact]
    public async Task A_search_for_a_project_finds_its_trajectories_alone()
    {
        await SaveFullAsync(Run("mine") with { Project = "/repo" }, "a");
        await SaveFullAsync(Run("theirs") with { Project = "/other" }, "b");
        await SaveFullAsync(Run("unknown"), "c");
        var query = new SearchQuery(Tenant, "lexical-1", [1, 0], "flight", 9);

        Assert.Equal("mine", Assert.Single(await Store.SearchAsync(query with { Project = "/repo" }, default)).Trajectory.Id);
        Assert.Equal(3, (await Store.SearchAsync(query, default)).Count);
    }

    [StoreFact]
    public async Task The_tools_of_a_project_come_back_latest_first_and_of_the_tenant_alone()
    {
        await SaveAsync(
            Change(Run("old") with { Project = "/repo", StartedAt = Start, ToolsUsed = ["edit"] }),
            Change(Run("new") with { Project = "/repo", StartedAt = Start.AddHours(1), ToolsUsed = ["bash", "read"] }),
            Change(Run("idle") with { Project = "/repo", StartedAt = Start.AddHours(2) }),
            Change(Run("theirs") with { Project = "/repo", Tenant = "other", ToolsUsed = ["x"] }),
            Change(Run("elsewhere") with { Project = "/other", ToolsUsed = ["y"] }));

        var tools = await Store.ReadProjectToolsAsync(Tenant, ["/repo"], 9, default);

        Assert.Equal(["bash,read", "edit"], tools.Select(t => string.Join(',', t.Tools)));
        Assert.Equal(Start.AddHours(1), tools[0].StartedAt);
        Assert.Single(await Store.ReadProjectToolsAsync(Tenant, ["/repo"], 1, default));
        Assert.Empty(await Store.ReadProjectToolsAsync(Tenant, [], 9, default));
    }
}
