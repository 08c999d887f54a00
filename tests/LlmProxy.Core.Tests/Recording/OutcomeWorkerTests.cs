using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Recording;

/// <summary>Outcomes that are estimated again in the background: by the next turn, and by trajectories that are near.</summary>
public sealed class OutcomeWorkerTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Theory]
    [InlineData("No, that is wrong, it says goodbye", "corrected", false)]
    [InlineData("Thanks, now read b.txt", "thanked", true)]
    public async Task The_next_turn_of_the_conversation_changes_the_estimate_and_the_score(string text, string evidence, bool isScored)
    {
        var task = await PlayAsync("s1", "Read a.txt for me");
        await EndAsync(task);
        await EstimateAllAsync();
        var before = await _lab.RunAsync(task);

        var history = string.Join(',', Claude.User("Read a.txt for me"), Claude.Call("toolu_1"), Claude.Result("toolu_1"), Claude.Assistant("It says hello, that is all."), Claude.User(text));
        var next = await _lab.SendAsync(new WireCall(Claude.Request(history)) { Preset = "claude-code", Session = "s1", Answer = Claude.Calls("toolu_2", path: "b.txt") });
        await _lab.SettleAsync();
        await EstimateAllAsync();

        var after = await _lab.RunAsync(task);
        Assert.Equal((true, before.ConversationId), (next.IsNewTask, next.Task!.ConversationId));
        Assert.Contains(after.Evidence, e => e.Signal == "next_turn" && e.Text.Contains(evidence, StringComparison.Ordinal) && e.Text.Contains(text, StringComparison.Ordinal));
        Assert.Equal((null, isScored, isScored), (after.Success, after.SuccessProbability > before.SuccessProbability, after.QualityScore is not null));
    }

    [Fact]
    public async Task Near_successes_are_evidence_until_they_are_purged_and_new_ones_are_found()
    {
        var stated = new List<string>();
        foreach (var who in new[] { "Anna", "Berit", "Carl" })
        {
            var done = await PlayAsync("near-" + who, $"Book a flight to Rome for {who}", tool: "send_certificate");
            await _lab.Tasks.CompleteAsync("default", done, true, null, null, default);
            stated.Add(done);
        }

        var task = await PlayAsync("s1", "Book a flight to Rome for Dora", tool: "read_file");
        await EndAsync(task);
        await EstimateAllAsync();
        Assert.Contains((await _lab.RunAsync(task)).Evidence, e => e is { Signal: "near_successes", Weight: < -0.5 } && e.Text == "The 3 nearest successful trajectories called sendcertificate; this one did not.");

        // Without one of them two are too few.
        await _lab.Tasks.DeleteAsync("default", (await _lab.RunAsync(stated[0])).Id, default);
        await EstimateAllAsync();
        Assert.DoesNotContain((await _lab.RunAsync(task)).Evidence, e => e.Signal == "near_successes");

        // A trajectory whose success is stated later counts for those that are near to it.
        var later = await PlayAsync("later", "Book a flight to Rome for Emil", tool: "send_certificate");
        await EndAsync(later);
        await EstimateAllAsync();
        await _lab.Tasks.CompleteAsync("default", later, new StatedResult(true, OutcomeSource.Human), null, null, default);
        await EstimateAllAsync();
        Assert.Contains((await _lab.RunAsync(task)).Evidence, e => e.Signal == "near_successes");
    }

    [Fact]
    public async Task A_trajectory_that_becomes_probable_gets_its_vector_and_one_that_was_stated_is_left_alone()
    {
        var task = (await _lab.SendAsync(new WireCall(Claude.Request(Claude.User("Read a.txt for me"))) { Preset = "claude-code", Session = "s1", Answer = Claude.Says("It says hello, that is all.") })).Task!.TaskId;
        await _lab.SettleAsync();
        await EndAsync(task);
        await EstimateAllAsync();
        Assert.Null((await _lab.RunAsync(task)).QualityScore);
        Assert.Empty(_lab.Embedded);

        var history = string.Join(',', Claude.User("Read a.txt for me"), Claude.Assistant("It says hello, that is all."), Claude.User("Perfect, thanks. Now read b.txt"));
        await _lab.SendAsync(new WireCall(Claude.Request(history)) { Preset = "claude-code", Session = "s1", Answer = Claude.Calls("toolu_2", path: "b.txt") });
        await _lab.SettleAsync();
        await EstimateAllAsync();
        Assert.NotNull((await _lab.RunAsync(task)).QualityScore);
        Assert.Equal(["Read a.txt for me"], _lab.Embedded.Distinct());

        await _lab.Tasks.CompleteAsync("default", task, new StatedResult(true, OutcomeSource.Human, "anna"), null, null, default);
        await EstimateAllAsync();
        var run = await _lab.RunAsync(task);
        Assert.Equal((true, OutcomeSource.Human, "anna", null, 0), (run.Success, run.OutcomeSource, run.StatedBy, run.SuccessProbability, run.Evidence.Count));
    }

    [Fact]
    public async Task A_trajectory_that_cannot_be_estimated_fails_alone_and_a_failing_store_is_asked_again()
    {
        var (bad, good) = (await PlayAsync("s1", "Read a.txt for me"), await PlayAsync("s2", "Rename the yearly report"));
        await EndAsync(bad);
        await EndAsync(good);
        var id = (await _lab.RunAsync(bad)).Id;
        _lab.Faults.Fault = (method, arguments) => method == nameof(IOutcomeStore.ReadOutlinesAsync) && ((IReadOnlyCollection<string>)arguments[1]!).Contains(id) ? new InvalidOperationException("damaged") : null;

        Assert.Equal(2, await _lab.Outcomes.RunAsync(default));
        Assert.Equal(0, await _lab.Outcomes.RunAsync(default));
        Assert.Equal(1, _lab.Faults.Calls[nameof(IOutcomeStore.FindNextTurnAsync)]);

        _lab.Faults.Fault = (method, _) => method == nameof(IOutcomeStore.ClaimDueOutcomesAsync) ? new Core.Stores.StoreException("away") : null;
        await Assert.ThrowsAsync<Core.Stores.StoreException>(() => _lab.Outcomes.RunAsync(default));
    }

    [Fact]
    public async Task Stated_outcomes_only_leave_inferred_ones_without_a_score()
    {
        await using var strict = await RecordingLab.StartAsync(tasks: new Core.Configuration.TaskOptions { IdleSuccess = Core.Configuration.IdleSuccess.Never });
        var (first, second) = Claude.TwoSteps();
        var task = (await strict.SendAsync(first)).Task!.TaskId;
        await strict.SendAsync(second);
        await strict.SettleAsync();

        Assert.Null((await strict.RunAsync(task)).QualityScore);
        await strict.Tasks.CompleteAsync("default", task, new StatedResult(true, OutcomeSource.Agent), null, null, default);
        Assert.Equal((true, null), ((await strict.RunAsync(task)).Success, (await strict.RunAsync(task)).QualityScore));
        await strict.Tasks.CompleteAsync("default", task, new StatedResult(true, OutcomeSource.Ci), null, null, default);
        Assert.Equal(1.0, (await strict.RunAsync(task)).QualityScore);
    }

    /// <summary>A task of two steps; returns its id.</summary>
    private async Task<string> PlayAsync(string session, string text, string tool = "read_file")
    {
        var opened = await _lab.SendAsync(new WireCall(Claude.Request(Claude.User(text))) { Preset = "claude-code", Session = session, Answer = Claude.Calls("toolu_1", tool: tool) });
        await _lab.SendAsync(new WireCall(Claude.Request(string.Join(',', Claude.User(text), Claude.Call("toolu_1", tool: tool), Claude.Result("toolu_1"))))
        {
            Preset = "claude-code",
            Session = session,
            Answer = Claude.Says("It says hello, that is all."),
        });
        await _lab.SettleAsync();
        return opened.Task!.TaskId;
    }

    private async Task EndAsync(string task)
    {
        _lab.Time.Advance(TimeSpan.FromSeconds(70));
        await _lab.UntilAsync(() => !_lab.RunAsync(task).Result.IsProvisional);
    }

    private async Task EstimateAllAsync()
    {
        while (await _lab.Outcomes.RunAsync(default) > 0)
        {
        }
    }
}
