using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Trajectories;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Outlines, and which outcome estimates are due.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    [StoreFact]
    public async Task A_due_estimate_is_claimed_once_and_again_after_its_lease()
    {
        await SaveAsync([.. Enumerable.Range(0, 6).Select(i => Inferred($"run-{i}"))]);

        var claims = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Store.ClaimDueOutcomesAsync(Lease, 2, default)));

        var ids = claims.SelectMany(c => c).Select(t => t.Id).ToList();
        Assert.Equal(ids.Count, ids.Distinct(StringComparer.Ordinal).Count());
        await Store.ClaimDueOutcomesAsync(Lease, 100, default);
        Assert.Empty(await Store.ClaimDueOutcomesAsync(Lease, 100, default));
    }

    [StoreFact]
    public async Task An_estimate_is_saved_unless_the_trajectory_changed_in_between()
    {
        await SaveAsync(Inferred("run-1"));
        var run = Assert.Single(await Store.ClaimDueOutcomesAsync(TimeSpan.Zero, 10, default));
        var estimated = run with { SuccessProbability = 0.25, QualityScore = null, Evidence = [new OutcomeEvidence("trouble", -1.5, "3 of 4 tool results are failures.")] };

        await Store.SaveEstimateAsync(estimated with { Version = run.Version - 1 }, null, [], default);
        Assert.Equal(0.7, (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!.SuccessProbability);

        await Store.SaveEstimateAsync(estimated, null, [], default);
        var saved = (await Store.FindTrajectoryAsync(Tenant, "run-1", default))!;
        Assert.Equal((0.25, null, run.Version + 1), (saved.SuccessProbability, saved.QualityScore, saved.Version));
        Assert.Equal(estimated.Evidence, saved.Evidence);
        Assert.Empty(await Store.ClaimDueOutcomesAsync(Lease, 10, default));
    }

    [StoreFact]
    public async Task An_estimate_is_due_again_if_a_trajectory_that_it_rests_on_is_removed()
    {
        await SaveAsync(Inferred("run-1"), Inferred("run-2"), new TrajectoryChange { Trajectory = Run("near"), Outline = Outline });
        await Store.ClaimDueOutcomesAsync(Lease, 10, default);
        foreach (var (id, near) in new[] { ("run-1", new[] { "near" }), ("run-2", Array.Empty<string>()), ("near", []) })
        {
            await Store.SaveEstimateAsync((await Store.FindTrajectoryAsync(Tenant, id, default))!, null, near, default);
        }

        Assert.Empty(await Store.ClaimDueOutcomesAsync(Lease, 10, default));
        Assert.True(await Store.DeleteAsync(Tenant, "near", default));

        Assert.Equal("run-1", Assert.Single(await Store.ClaimDueOutcomesAsync(Lease, 10, default)).Id);
    }

    [StoreFact]
    public async Task The_next_turn_of_a_conversation_makes_the_turn_before_due()
    {
        await SaveAsync(Inferred("run-1"));
        await Store.SaveEstimateAsync((await Store.FindTrajectoryAsync(Tenant, "run-1", default))!, null, [], default);
        Assert.Null(await Store.FindNextTurnAsync(Tenant, "task-run-1", Start, default));

        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-2", "No, the other one") with { ConversationId = "task-run-1", StartedAt = Start.AddMinutes(1), CompletedAt = null, Success = null, Status = TrajectoryStatus.Active, OutcomeSource = null, Version = 0 } });

        Assert.Equal("No, the other one", await Store.FindNextTurnAsync(Tenant, "task-run-1", Start, default));
        Assert.Null(await Store.FindNextTurnAsync("other", "task-run-1", Start, default));
        Assert.Equal("run-1", Assert.Single(await Store.ClaimDueOutcomesAsync(Lease, 10, default)).Id);
    }

    [StoreFact]
    public async Task Stated_outcomes_are_listed_with_their_outlines_and_a_model_is_kept_for_each_tenant()
    {
        await SaveAsync(Inferred("inferred"), new TrajectoryChange { Trajectory = Run("stated"), Outline = Outline }, new TrajectoryChange { Trajectory = Run("without") }, new TrajectoryChange { Trajectory = Run("claimed") with { OutcomeSource = OutcomeSource.Agent }, Outline = Outline });

        var stated = Assert.Single(await Store.ListStatedAsync(Tenant, 10, default));
        Assert.Equal(("stated", "send_mail"), (stated.Trajectory.Id, stated.Outline.Calls.Single().Tool));
        Assert.Equal(["claimed", "inferred", "stated"], (await Store.ReadOutlinesAsync(Tenant, ["claimed", "inferred", "stated", "without"], default)).Keys.Order(StringComparer.Ordinal));
        Assert.Empty(await Store.ReadOutlinesAsync("other", ["stated"], default));

        await Store.ClaimDueOutcomesAsync(Lease, 10, default);
        Assert.Null(await Store.ReadOutcomeModelAsync(Tenant, default));
        await Store.SaveOutcomeModelAsync(Tenant, OutcomeModel.Shipped with { FittedOn = 60, Calibration = [new(0.1, 0.2), new(0.9, 0.8)] }, default);
        var model = (await Store.ReadOutcomeModelAsync(Tenant, default))!;
        Assert.Equal((60, 0.5, 4.0), (model.FittedOn, model.Probability(0), model.Weights["trouble"]));
        Assert.Equal(["inferred"], (await Store.ClaimDueOutcomesAsync(Lease, 10, default)).Select(t => t.Id));
        await Store.SaveOutcomeModelAsync(Tenant, null, default);
        Assert.Null(await Store.ReadOutcomeModelAsync(Tenant, default));
    }

    private static TrajectoryOutline Outline { get; } = new() { End = ReplyKind.Text, Calls = [new CallOutline(1, "send_mail", "to:s", 7, CallResult.Ok)] };

    private static TrajectoryChange Inferred(string id) => new()
    {
        Trajectory = Run(id) with { Success = null, OutcomeSource = OutcomeSource.Inferred, SuccessProbability = 0.7, Evidence = [new OutcomeEvidence("end_of_turn", 0.2, "Said something.")] },
        Outline = Outline,
    };
}
