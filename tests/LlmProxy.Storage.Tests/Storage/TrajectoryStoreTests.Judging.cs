using LlmProxy.Core.Assistants;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Recording;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

/// <content>Judgements, assistances and their budget.</content>
public abstract partial class TrajectoryStoreTests
{
    private static readonly DateOnly Today = DateOnly.FromDateTime(new TestClock().GetUtcNow().UtcDateTime);

    [StoreFact]
    public async Task A_judgement_is_read_as_it_was_saved_and_is_saved_once()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") }, new TrajectoryChange { Trajectory = Run("foreign") with { Tenant = "other" } });
        IJudgementStore store = Store;
        var judgement = Judged("run-1") with { Peers = [new ComparedPeer("run-2", -1)] };
        var abstained = Judged("run-1") with { Key = "key-2", ContentHash = "hash-2", Success = null, Score = null, Critique = null, InputTokens = null, OutputTokens = null, At = Start.AddHours(1) };

        Assert.Equal(2, await store.SaveJudgementsAsync(Tenant, [judgement, abstained], default));
        Assert.Equal(0, await store.SaveJudgementsAsync(Tenant, [judgement with { Score = 0 }, judgement with { Key = "other key" }], default));
        Assert.Equal(0, await store.SaveJudgementsAsync(Tenant, [Judged("foreign"), Judged("missing") with { Key = "key-3" }], default));

        var read = await store.ListJudgementsAsync(Tenant, ["run-1", "foreign"], default);
        Assert.Equivalent(new[] { judgement, abstained }, read, strict: true);
        Assert.Equal(0.75, (await store.FindJudgementAsync(Tenant, judgement.Key, default))!.Score);
        Assert.Null(await store.FindJudgementAsync("other", judgement.Key, default));
    }

    [StoreFact]
    public async Task Erasing_content_erases_what_repeats_it_and_deleting_a_trajectory_deletes_its_judgements()
    {
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") });
        IJudgementStore judgements = Store;
        IAssistanceStore assistances = Store;
        await judgements.SaveJudgementsAsync(Tenant, [Judged("run-1")], default);
        var reservation = Reservation("a");
        await assistances.ReserveAsync(reservation, 1, default);
        await assistances.SettleAsync(reservation, Tenant, 0.001m, Answer("run-1"), default);
        Assert.NotNull(Assert.Single(await assistances.ListAssistancesAsync(Tenant, "run-1", default)).Text);

        await Store.DropContentAsync(Tenant, "run-1", default);
        var left = Assert.Single(await judgements.ListJudgementsAsync(Tenant, ["run-1"], default));
        Assert.Equal((true, 0.75, null, 0), (left.Success, left.Score, left.Critique, left.Quotes.Count));
        var answer = Assert.Single(await assistances.ListAssistancesAsync(Tenant, "run-1", default));
        Assert.Equal((null, 0.001m), (answer.Text, answer.CostUsd));

        Assert.True(await Store.DeleteAsync(Tenant, "run-1", default));
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") with { Version = 0 } });
        Assert.Empty(await judgements.ListJudgementsAsync(Tenant, ["run-1"], default));
        Assert.Empty(await assistances.ListAssistancesAsync(Tenant, "run-1", default));
        Assert.Null(await assistances.FindAssistanceAsync(Tenant, "answer-run-1", default));
        Assert.Equal(0.001m, await assistances.ReadSpentAsync("judge", Today, default));
    }

    [StoreFact]
    public async Task Replicas_judge_each_trajectory_once_and_again_after_its_next_step()
    {
        var clock = new TestClock();
        await SaveAsync([
            .. Enumerable.Range(0, 12).Select(i => new TrajectoryChange { Trajectory = Run($"run-{i}") with { IterationCount = 2 } }),
            new TrajectoryChange { Trajectory = Run("open") with { CompletedAt = null, Status = TrajectoryStatus.Active } },
            new TrajectoryChange { Trajectory = Run("provisional") with { IsProvisional = true } },
            new TrajectoryChange { Trajectory = Run("empty") with { HasContent = false } },
            new TrajectoryChange { Trajectory = Run("gpt") with { Provider = "openai" } },
            new TrajectoryChange { Trajectory = Run("old") with { CompletedAt = Start.AddDays(-1) } },
        ]);
        var replicas = Enumerable.Range(0, 4).Select(_ => (IJudgementStore)OpenStore(ConnectionString, clock)).ToList();
        Task<IReadOnlyList<Trajectory>> ClaimAsync(int replica, int limit) => replicas[replica].ClaimJudgingAsync($"owner-{replica}", Start, ["anthropic"], Lease, limit, default);

        var claims = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => ClaimAsync(i, 3)));
        var rest = await ClaimAsync(0, 100);
        var ids = claims.SelectMany(c => c).Concat(rest).Select(t => t.Id).ToList();
        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"run-{i}").Order(StringComparer.Ordinal), ids.Order(StringComparer.Ordinal));
        Assert.Empty(await ClaimAsync(1, 100));

        // Two are done, one is given back, and the rest had a process that stopped.
        var own = claims[3].Concat(await ClaimAsync(3, 100)).ToList();
        var all = claims.SelectMany((c, i) => c.Select(t => (Owner: i, Trajectory: t))).Concat(rest.Select(t => (Owner: 0, Trajectory: t))).ToList();
        await replicas[0].EndJudgingAsync($"owner-{all[0].Owner}", all[0].Trajectory, isDone: true, default);
        await replicas[0].EndJudgingAsync($"owner-{all[1].Owner}", all[1].Trajectory, isDone: true, default);
        await replicas[0].EndJudgingAsync($"owner-{all[2].Owner}", all[2].Trajectory, isDone: false, default);
        await replicas[0].EndJudgingAsync("stranger", all[3].Trajectory, isDone: true, default);
        Assert.Equal(all[2].Trajectory.Id, Assert.Single(await ClaimAsync(2, 100)).Id);
        clock.Advance(Lease);
        Assert.Equal(10, (await ClaimAsync(2, 100)).Count);
        clock.Advance(Lease);
        var done = (await Store.FindTrajectoryAsync(Tenant, all[0].Trajectory.Id, default))!;
        await SaveAsync(new TrajectoryChange { Trajectory = done with { IterationCount = 3 } });
        Assert.Equal(11, (await ClaimAsync(2, 100)).Count);
        Assert.NotNull(own);
    }

    [StoreFact]
    public async Task Concurrent_callers_of_all_replicas_never_reserve_more_than_the_budget()
    {
        var clock = new TestClock();
        var replicas = Enumerable.Range(0, 4).Select(_ => (IAssistanceStore)OpenStore(ConnectionString, clock)).ToList();

        var reserved = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => replicas[i % 4].ReserveAsync(Reservation($"r{i}"), 1, default)));

        Assert.Equal(10, reserved.Count(r => r));
        Assert.Equal(1m, await replicas[0].ReadSpentAsync("judge", Today, default));
        Assert.True(await replicas[0].ReserveAsync(Reservation("x") with { Budget = "advisor" }, 1, default));
        Assert.True(await replicas[0].ReserveAsync(Reservation("y") with { Day = Today.AddDays(1) }, 1, default));

        // Settled for less: the rest is free again. Settled twice: charged once.
        var first = Array.IndexOf(reserved, true);
        await Task.WhenAll(replicas.Select(r => r.SettleAsync(Reservation($"r{first}"), Tenant, 0.02m, null, default)));
        Assert.Equal(0.92m, await replicas[1].ReadSpentAsync("judge", Today, default));
        Assert.False(await replicas[1].ReserveAsync(Reservation("z"), 1, default));
        Assert.True(await replicas[1].ReserveAsync(Reservation("z") with { Usd = 0.08m }, 1, default));
    }

    [StoreFact]
    public async Task A_reservation_that_was_never_settled_expires_into_one_charge()
    {
        var clock = new TestClock();
        IAssistanceStore store = OpenStore(ConnectionString, clock);
        var lost = Reservation("lost") with { ExpiresAt = clock.GetUtcNow().AddMinutes(10) };
        Assert.True(await store.ReserveAsync(lost, 1, default));

        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await store.ReserveAsync(Reservation("next") with { ExpiresAt = clock.GetUtcNow().AddMinutes(10) }, 1, default));
        await store.SettleAsync(lost, Tenant, 0.05m, null, default);

        Assert.Equal(0.2m, await store.ReadSpentAsync("judge", Today, default));
    }

    [StoreFact]
    public async Task Callers_of_replicas_together_pay_at_most_the_budget_and_what_was_answered_is_not_paid_twice()
    {
        var clock = new TestClock();
        await SaveAsync(new TrajectoryChange { Trajectory = Run("run-1") });
        using var model = new CountingModel();
        var assistants = Enumerable.Range(0, 3).Select(_ => Assistant(OpenStore(ConnectionString, clock), model, clock)).ToList();

        var asked = await Task.WhenAll(Enumerable.Range(0, 30).Select(async i =>
        {
            try
            {
                return (await assistants[i % 3].For(new AssistanceSubject(Tenant, "run-1", AssistanceKind.Rubric, $"key-{i}")).GetResponseAsync("How was it?")).Text;
            }
            catch (AssistantException error) when (error.Failure == AssistantFailure.OverBudget)
            {
                return null;
            }
        }));

        var answered = asked.Count(a => a is not null);
        Assert.Equal(answered, model.Calls);
        Assert.InRange(answered, 1, 29);
        Assert.InRange(await assistants[0].ReadSpentAsync(default), 0.000001m, 0.1m);
        Assert.Equal(answered, (await ((IAssistanceStore)Store).ListAssistancesAsync(Tenant, "run-1", default)).Count);

        // A process that stopped before it used its answer asks again: no call, no cost.
        var before = await assistants[0].ReadSpentAsync(default);
        var known = Array.FindIndex(asked, a => a is not null);
        Assert.Equal(asked[known], (await assistants[1].For(new AssistanceSubject(Tenant, "run-1", AssistanceKind.Rubric, $"key-{known}")).GetResponseAsync("How was it?")).Text);
        Assert.Equal((answered, before), (model.Calls, await assistants[0].ReadSpentAsync(default)));
        assistants.ForEach(a => a.Dispose());
    }

    private static Assistant Assistant(SqlTrajectoryStore store, IChatClient model, TimeProvider clock) => new(
        model, "judge-1", new AssistantLimits("judge", 0.1m, TimeSpan.FromMinutes(1), 2), store, new Redactor(new RedactionOptions()),
        [new ModelPrice("judge-1", 1, 5, 1, 1)], clock, NullLogger<Assistant>.Instance);

    private static BudgetReservation Reservation(string id) => new(id, "judge", Today, 0.1m, new DateTimeOffset(Today.AddDays(2), TimeOnly.MinValue, TimeSpan.Zero));

    private static Assistance Answer(string run) => new("answer-" + run, run, AssistanceKind.Rubric, "judge-1", 10, 5, 0.001m, "It went well.", Start);

    private static StoredJudgement Judged(string run) => new()
    {
        Key = "key-" + run,
        TrajectoryId = run,
        Kind = AssistanceKind.Rubric,
        Model = "judge-1",
        RubricVersion = 1,
        ContentHash = "hash",
        Success = true,
        Score = 0.75,
        Answers = [new StoredAnswer("loop", RubricAnswer.Yes, 3), new StoredAnswer("gave_up", RubricAnswer.CannotTell, null)],
        Quotes = new Dictionary<string, string>(StringComparer.Ordinal) { ["loop"] = "again" },
        Critique = "It repeated itself.",
        InputTokens = 100,
        OutputTokens = 10,
        At = Start,
    };

    /// <summary>A model that answers with the number of the call.</summary>
    private sealed class CountingModel : IChatClient
    {
        private int _calls;

        public int Calls => _calls;

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => Task.FromResult(
            new ChatResponse(new ChatMessage(ChatRole.Assistant, FormattableString.Invariant($"answer {Interlocked.Increment(ref _calls)}"))) { Usage = new UsageDetails { InputTokenCount = 200, OutputTokenCount = 3_900 } });

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
