using System.Net;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Judging;

/// <summary>Recorded runs are judged: once, within the budget, and with an effect only if the judge can be trusted.</summary>
public sealed class TrajectoryJudgeTests
{
    [Fact]
    public async Task A_calibrated_judge_sets_outcomes_and_a_statement_replaces_them()
    {
        await using var lab = new JudgeLab();
        var (judge, worker, _, services) = lab.Start(new PlantedJudge(seed: 3) { Wrong = 0.1 });
        await StateAsync(lab, judge, 40);
        await lab.AddAsync("open-good", isGood: true);
        await lab.AddAsync("open-bad", isGood: false);

        await worker.RunAsync(default);

        var good = await lab.ReadAsync("open-good");
        var verdict = (await lab.JudgementsAsync("open-good")).Single(j => j.Kind == AssistanceKind.Rubric);
        Assert.Equal((OutcomeSource.Judge, "judge-1", verdict.Success), (good.OutcomeSource!.Value, good.StatedBy, good.Success));
        Assert.Equal(lab.Clock.GetUtcNow().AddMinutes(-1), good.CompletedAt);
        Assert.Equal(OutcomeSource.Judge, (await lab.ReadAsync("open-bad")).OutcomeSource);

        await services.GetRequiredService<TaskService>().CompleteAsync("default", good.TaskId, new StatedResult(false, OutcomeSource.Human), null, null, default);
        var again = await judge.JudgeAsync(await lab.ReadAsync("open-good"), calibrates: true, default);
        Assert.False(again.SetsOutcome);
        Assert.Equal((OutcomeSource.Human, false), ((await lab.ReadAsync("open-good")).OutcomeSource!.Value, (await lab.ReadAsync("open-good")).Success));
    }

    [Theory]
    [InlineData(0.5, false)]
    [InlineData(0.0, true)]
    public async Task A_judge_that_guesses_or_looks_at_the_length_writes_judgements_and_sets_no_outcome(double wrong, bool prefersLong)
    {
        await using var lab = new JudgeLab();
        var (judge, worker, _, _) = lab.Start(new PlantedJudge(seed: 5) { Wrong = wrong, PrefersLong = prefersLong });
        await StateAsync(lab, judge, 60);
        await lab.AddAsync("open", isGood: true);

        await worker.RunAsync(default);

        Assert.False((await judge.CalibrateAsync("default", default)).MaySetOutcomes);
        Assert.Equal((OutcomeSource.Inferred, null), ((await lab.ReadAsync("open")).OutcomeSource!.Value, (await lab.ReadAsync("open")).Success));
        Assert.Single(await lab.JudgementsAsync("open"));
    }

    [Fact]
    public async Task Known_outcomes_and_runs_without_content_are_not_asked()
    {
        await using var lab = new JudgeLab();
        var model = new PlantedJudge(seed: 1);
        var (judge, worker, _, _) = lab.Start(model);
        await lab.AddAsync("stated", isGood: true, stated: true);
        await lab.AddAsync("verified", isGood: true, change: run => run with { SuccessProbability = 0.9, Evidence = [new OutcomeEvidence("verification", 1.2, "Passed")] });
        await lab.AddAsync("empty", isGood: true, change: run => run with { HasContent = false });

        Assert.Equal(0, await worker.RunAsync(default));

        Assert.Empty(model.Questions);
        Assert.Equal(NotJudgedReason.Known, (await judge.JudgeAsync(await lab.ReadAsync("verified"), calibrates: false, default)).Reason);
        Assert.Equal(NotJudgedReason.NoContent, (await judge.JudgeAsync(await lab.ReadAsync("empty"), calibrates: false, default)).Reason);
    }

    [Fact]
    public async Task Two_replicas_judge_each_run_once_and_later_looks_ask_nothing()
    {
        await using var lab = new JudgeLab();
        var models = new[] { new PlantedJudge(seed: 1), new PlantedJudge(seed: 2) };
        var replicas = models.Select(lab.Start).ToList();
        for (var i = 0; i < 25; i++)
        {
            await lab.AddAsync($"run-{i}", isGood: i % 2 == 0);
        }

        var judged = await Task.WhenAll(replicas.Select(r => r.Worker.RunAsync(default)));

        Assert.Equal((25, 25), (judged.Sum(), models.Sum(m => m.Questions.Count)));
        lab.Clock.Advance(JudgeWorker.Lease);
        Assert.Equal(0, await replicas[1].Worker.RunAsync(default));
        var known = await replicas[0].Judge.JudgeAsync(await lab.ReadAsync("run-7"), calibrates: false, default);
        Assert.Equal((false, 25), (known.IsNew, models.Sum(m => m.Questions.Count)));
    }

    [Fact]
    public async Task What_a_stopped_process_had_paid_for_is_used_by_the_next_one()
    {
        await using var lab = new JudgeLab();
        using var stopping = new CancellationTokenSource();
        var model = new PlantedJudge(seed: 1);
        var first = lab.Start(new StoppingModel(model, stopping, atCall: 3));
        for (var i = 0; i < 5; i++)
        {
            await lab.AddAsync($"run-{i}", isGood: true);
        }

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.Worker.RunAsync(stopping.Token));
        var paid = await first.Assistant.ReadSpentAsync(default);

        var next = lab.Start(model);
        Assert.Equal(0, await next.Worker.RunAsync(default));
        lab.Clock.Advance(JudgeWorker.Lease);
        await next.Worker.RunAsync(default);

        Assert.Equal(5, model.Questions.Count);
        Assert.Equal(5, (await lab.JudgementsAsync("run-0", "run-1", "run-2", "run-3", "run-4")).Count);
        Assert.Equal(paid / 3 * 5, await next.Assistant.ReadSpentAsync(default));
    }

    [Fact]
    public async Task Without_money_or_answers_the_runs_stay_as_they_are_and_are_judged_later()
    {
        await using var lab = new JudgeLab { MaxUsdPerDay = 0.001m };
        var model = new PlantedJudge(seed: 1);
        var poor = lab.Start(model);
        await lab.AddAsync("run", isGood: true);
        Assert.Equal(0, await poor.Worker.RunAsync(default));
        Assert.Empty(model.Questions);
        Assert.Equal(0m, await poor.Assistant.ReadSpentAsync(default));

        await using var other = new JudgeLab();
        var refused = other.Start(new FailingModel(new HttpRequestException("no", null, HttpStatusCode.Unauthorized)));
        await other.AddAsync("run", isGood: true);
        Assert.Equal(0, await refused.Worker.RunAsync(default));
        Assert.Equal(0m, await refused.Assistant.ReadSpentAsync(default));
        Assert.Equal(OutcomeSource.Inferred, (await other.ReadAsync("run")).OutcomeSource);

        // What may have been answered is charged.
        var unjudged = await other.ReadAsync("run");
        var broken = other.Start(new FailingModel(new IOException("cut")));
        var error = await Assert.ThrowsAsync<AssistantException>(() => broken.Judge.JudgeAsync(unjudged, calibrates: false, default));
        Assert.Equal(AssistantFailure.Unavailable, error.Failure);
        Assert.InRange(await broken.Assistant.ReadSpentAsync(default), 0.02m, 0.03m);
        other.Clock.Advance(JudgeWorker.Lease);
        Assert.Equal(1, await other.Start(model).Worker.RunAsync(default));
    }

    [Fact]
    public async Task A_call_ends_at_its_timeout()
    {
        await using var lab = new JudgeLab();
        var model = new SilentModel();
        var (judge, _, _, _) = lab.Start(model);
        var run = await lab.AddAsync("run", isGood: true);

        var judging = judge.JudgeAsync(run, calibrates: false, default);
        await model.Asked.Task;
        lab.Clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(AssistantFailure.Timeout, (await Assert.ThrowsAsync<AssistantException>(() => judging)).Failure);
    }

    [Fact]
    public async Task Secrets_do_not_leave_and_other_tenants_runs_are_not_compared()
    {
        await using var lab = new JudgeLab();
        var model = new PlantedJudge(seed: 1);
        var (_, worker, _, services) = lab.Start(model);
        var key = string.Concat("sk-ant-", "api03-", new string('k', 40), "Zx9");
        await lab.AddAsync("good", isGood: true, task: "Fix it", text: "The key is " + key);
        await lab.AddAsync("bad", isGood: false, task: "Fix it");
        await lab.AddAsync("foreign", isGood: false, task: "Fix it", text: "foreign words", change: run => run with { Tenant = "other" });

        await worker.RunAsync(default);

        Assert.DoesNotContain(model.Questions, q => q.Contains(key, StringComparison.Ordinal));
        Assert.Single(model.Questions, q => q.Contains("foreign words", StringComparison.Ordinal));
        var comparison = (await lab.JudgementsAsync("good")).Single(j => j.Kind == AssistanceKind.Comparison);
        Assert.Equal([new ComparedPeer("bad", 1)], comparison.Peers);
        // Each was judged, and they were compared in two orders.
        Assert.Equal(4, (await services.GetRequiredService<IAssistanceStore>().ListAssistancesAsync("default", "good", default)).Count
            + (await services.GetRequiredService<IAssistanceStore>().ListAssistancesAsync("default", "bad", default)).Count);
    }

    [Fact]
    public async Task A_judge_that_prefers_a_place_finds_ties()
    {
        await using var lab = new JudgeLab();
        var (_, worker, _, _) = lab.Start(new PlantedJudge(seed: 1) { PrefersFirst = 1 });
        await lab.AddAsync("good", isGood: true, task: "Fix it");
        await lab.AddAsync("bad", isGood: false, task: "Fix it");

        await worker.RunAsync(default);

        Assert.Equal([0], (await lab.JudgementsAsync("good")).Single(j => j.Kind == AssistanceKind.Comparison).Peers.Select(p => p.Preference));
    }

    [Fact]
    public void A_sample_is_the_same_in_all_processes_and_has_its_share()
    {
        var sampled = Enumerable.Range(0, 2_000).Count(i => JudgeWorker.IsSampled($"run-{i}", 0.25));

        Assert.InRange(sampled, 400, 600);
        Assert.False(JudgeWorker.IsSampled("run", 0));
        Assert.True(JudgeWorker.IsSampled("run", 1));
    }

    private static async Task StateAsync(JudgeLab lab, TrajectoryJudge judge, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var run = await lab.AddAsync($"stated-{i}", isGood: i % 2 == 0, stated: i % 2 == 0, text: new string('x', i % 4 < 2 ? 10 : 2_000));
            Assert.True((await judge.JudgeAsync(run, calibrates: true, default)).IsNew);
        }
    }

    /// <summary>A model during whose answer the process is stopped.</summary>
    private sealed class StoppingModel(IChatClient inner, CancellationTokenSource stopping, int atCall) : DelegatingChatClient(inner)
    {
        private int _calls;

        public override Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            var response = base.GetResponseAsync(messages, options, cancellationToken);
            if (++_calls == atCall)
            {
                // Answered and paid: the process stops before it can save a judgement.
                stopping.Cancel();
            }

            return response;
        }
    }

    private sealed class FailingModel(Exception error) : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => Task.FromException<ChatResponse>(error);

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }

    private sealed class SilentModel : IChatClient
    {
        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            Asked.TrySetResult();
            return new TaskCompletionSource<ChatResponse>().Task;
        }

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
