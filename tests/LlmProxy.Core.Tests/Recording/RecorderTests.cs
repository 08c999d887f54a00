using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Recording;

/// <summary>What becomes of calls: steps, counts and outcomes.</summary>
public sealed class RecorderTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task A_run_becomes_steps_that_hold_what_is_new_in_each()
    {
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SendAsync(second);
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        var steps = await _lab.StepsAsync(task);

        Assert.Equal("Read a.txt for me", run.TaskDescription);
        Assert.Equal((2, 1, 0), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults));
        Assert.Equal(new TokenUsage(200, 20, 0, 0, 0), run.TokenUsage);
        Assert.Equal(((200 * 3m) + (20 * 15m)) / 1_000_000m, run.CostUsd);
        Assert.Equal(TimeSpan.FromSeconds(20), run.Duration);
        Assert.Equal([1, 1], steps.Select(s => s.Messages.Count));
        Assert.Equal("Read a.txt for me", steps[0].Messages[0].Message.Text);
        Assert.Equal("toolu_1", Assert.Single(steps[0].Reply!.ToolCalls).Id);
        Assert.Equal("hello", Assert.Single(steps[0].ToolResults).Content);
        Assert.Equal(2, steps[1].Step.HistoryKept);
        Assert.Equal("It says hello, that is all.", steps[1].Reply!.Text);
        Assert.Equal("You are an agent.", steps[1].SystemPrompt);
        Assert.Equal("You are an agent.", steps[1].SentSystemPrompt);
        Assert.Equal(100, steps[1].Step.TimeToFirstByteMs);
    }

    [Fact]
    public async Task An_ended_turn_is_a_probable_success_that_is_searchable_and_final_after_the_grace()
    {
        var task = await TwoStepsAsync();
        var run = await _lab.RunAsync(task);
        Assert.Equal((TrajectoryStatus.Completed, null, OutcomeSource.Inferred, true), (run.Status, run.Success, run.OutcomeSource, run.IsProvisional));
        Assert.InRange(run.SuccessProbability!.Value, 0.65, 0.75);
        Assert.Equal(("end_of_turn", "The turn ended with a reply after tool results without a failure."), (run.Evidence[0].Signal, run.Evidence[0].Text));
        Assert.Equal(1.0, run.QualityScore);
        Assert.Equal(["Read a.txt for me"], _lab.Embedded);

        _lab.Time.Advance(TimeSpan.FromSeconds(70));
        await _lab.UntilAsync(() => !_lab.RunAsync(task).Result.IsProvisional);

        run = await _lab.RunAsync(task);
        Assert.Equal((TrajectoryStatus.Completed, null, true), (run.Status, run.Success, run.HasContent));
        Assert.Single(_lab.Embedded);
    }

    [Fact]
    public async Task A_later_call_reopens_a_run_that_was_thought_to_be_over()
    {
        var task = await TwoStepsAsync();
        var history = string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), Assistant("It says hello, that is all."), User("and b.txt?"));
        await _lab.SendAsync(new WireCall(Request(history)) { Answer = Calls("toolu_2", path: "b.txt") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((TrajectoryStatus.Active, null, null, false), (run.Status, run.Success, run.OutcomeSource, run.IsProvisional));
        Assert.Null(run.CompletedAt);
        Assert.Null(run.QualityScore);
        Assert.Equal(3, run.IterationCount);
    }

    [Fact]
    public async Task A_failed_result_is_counted_and_keeps_the_end_from_being_a_success()
    {
        var first = await _lab.SendAsync(new WireCall(Request(User("go"))) { Answer = Calls("toolu_1") });
        await _lab.SendAsync(new WireCall(Request(string.Join(',', User("go"), Call("toolu_1"), Result("toolu_1", "no such file", isError: true)))) { Answer = Says("I cannot find it.") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(first.Task!.TaskId);

        Assert.Equal((1, 1.0), (run.FailedToolResults, run.ErrorRate));
        Assert.Equal((TrajectoryStatus.Completed, null), (run.Status, run.Success));
        Assert.Empty(_lab.Embedded);
    }

    [Theory]
    [InlineData(529, ExchangeOutcome.Complete, TrajectoryStatus.Failed, false, OutcomeSource.Error)]
    [InlineData(200, ExchangeOutcome.UpstreamBroke, TrajectoryStatus.Failed, false, OutcomeSource.Error)]
    [InlineData(200, ExchangeOutcome.ClientLeft, TrajectoryStatus.Completed, null, OutcomeSource.Inferred)]
    public async Task A_run_that_goes_silent_is_closed_by_how_its_last_call_ended(int status, ExchangeOutcome outcome, TrajectoryStatus expected, bool? success, OutcomeSource source)
    {
        var call = new WireCall(Request(User("go"))) { Status = status, Outcome = outcome, Answer = status == 200 ? """{"id":"msg_1",""" : Error("overloaded_error", "later") };
        var task = (await _lab.SendAsync(call)).Task!.TaskId;
        await _lab.SettleAsync();
        Assert.Equal(TrajectoryStatus.Active, (await _lab.RunAsync(task)).Status);

        _lab.Time.Advance(TimeSpan.FromMinutes(16));
        await _lab.UntilAsync(() => _lab.RunAsync(task).Result.Status != TrajectoryStatus.Active);

        var run = await _lab.RunAsync(task);
        Assert.Equal((expected, success, source), (run.Status, run.Success, run.OutcomeSource));
    }

    [Fact]
    public async Task A_run_with_a_call_under_way_is_not_closed()
    {
        var task = await TwoStepsAsync();
        var open = await _lab.BeginAsync(new WireCall(Request(User("x"))) { Task = task, Answer = Says("done with x") });
        _lab.Time.Advance(TimeSpan.FromMinutes(30));
        await _lab.Recorder.ChangeAsync("default", "nothing", r => r, TimeSpan.FromSeconds(5), default);

        Assert.True((await _lab.RunAsync(task)).IsProvisional);
        _lab.End(open);
        await _lab.SettleAsync();
        Assert.Equal(3, (await _lab.RunAsync(task)).IterationCount);
    }

    [Fact]
    public async Task Calls_are_recorded_in_the_order_in_which_they_came_not_in_which_they_ended()
    {
        var one = await _lab.BeginAsync(new WireCall(Request(User("one"))) { Task = "t", Answer = Says("first answer") });
        var two = await _lab.BeginAsync(new WireCall(Request(User("two"))) { Task = "t", Answer = Says("second answer") });
        _lab.End(two);
        await _lab.Recorder.ChangeAsync("default", "other", r => r, TimeSpan.FromSeconds(5), default);
        Assert.Null(await _lab.Store.FindTaskAsync("default", "t", default));
        Assert.Equal(2, _lab.Spool.Pending);

        _lab.End(one);
        await _lab.SettleAsync();

        Assert.Equal(["first answer", "second answer"], (await _lab.StepsAsync("t")).Select(s => s.Reply!.Text));
    }

    [Fact]
    public async Task A_call_that_is_sent_again_after_an_error_is_one_step()
    {
        var failed = await _lab.SendAsync(new WireCall(Request(User("go"))) { Status = 529, Answer = Error("overloaded_error", "later") });
        var again = await _lab.SendAsync(new WireCall(Request(User("go"))) { Retry = 1, Answer = Calls("toolu_1") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(failed.Task!.TaskId);
        var step = Assert.Single(await _lab.StepsAsync(failed.Task.TaskId));

        Assert.Same(failed.Task, again.Task);
        Assert.True(again.IsRetry);
        Assert.Equal(StepStatus.Ok, step.Step.Status);
        Assert.Equal((1, 1), (run.IterationCount, run.ToolCallsCount));
        Assert.Equal(new TokenUsage(100, 10, 0, 0, 0), run.TokenUsage);
        Assert.Equal(0.00045m, run.CostUsd);
    }

    [Fact]
    public async Task A_retry_takes_nothing_back_but_the_step_whose_place_it_takes()
    {
        var task = await TwoStepsAsync(lastFails: true);
        await _lab.Tasks.InterveneAsync("default", task, default);
        await _lab.SendAsync(new WireCall(Request(User("a title, please"), tools: null)) { Preset = "claude-code", Task = task, Answer = Says("A title") });
        var (_, second) = TwoSteps();
        await _lab.SendAsync(second with { Retry = 1 });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((2, 1, 1), (run.IterationCount, run.ToolCallsCount, run.UserInterventions));
        Assert.Equal(300, run.TokenUsage?.Input);
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
    }

    [Fact]
    public async Task A_retry_that_fails_leaves_the_answer_that_is_there()
    {
        var task = await TwoStepsAsync();
        var (_, second) = TwoSteps();
        var again = await _lab.SendAsync(second with { Retry = 1, Status = 500, Answer = Error("api_error", "sorry") });
        await _lab.SettleAsync();

        Assert.True(again.IsRetry);
        Assert.Equal("It says hello, that is all.", (await _lab.StepsAsync(task))[1].Reply!.Text);
        Assert.Equal(TrajectoryStatus.Completed, (await _lab.RunAsync(task)).Status);
        Assert.Equal(0, _lab.Spool.Pending);
    }

    [Fact]
    public async Task A_step_whose_number_is_taken_is_a_step_of_its_own()
    {
        // The store was not to be asked, so that the task's number of steps was not known.
        await TwoStepsAsync(named: "t");
        await _lab.RestartAsync(kill: false);
        _lab.Faults.Fault = (method, _) => method == "FindTaskAsync" ? new StoreException("slow") : null;
        var place = await _lab.BeginAsync(new WireCall(Request(User("more"))) { Task = "t", Answer = Says("more and more") });
        _lab.Faults.Fault = null;
        Assert.Equal(1, place.Place.StepIndex);
        _lab.End(place);
        await _lab.SettleAsync();

        var steps = await _lab.StepsAsync("t");
        Assert.Equal([1, 2, 3], steps.Select(s => s.Step.Index));
        Assert.Equal("more and more", steps[2].Reply!.Text);
        Assert.Equal(3, (await _lab.RunAsync("t")).IterationCount);
    }

    [Fact]
    public async Task Side_calls_are_no_steps_and_their_tokens_count()
    {
        var task = await TwoStepsAsync();
        var history = string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), Assistant("It says hello, that is all."), User("Summarize, please"));
        var side = await _lab.SendAsync(new WireCall(Request(history, tools: null, system: "You are a helpful assistant that summarizes conversations for long-running tasks.")) { Preset = "bytebot", Answer = Says("A summary of everything above.") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        Assert.True(side.IsSideCall);
        Assert.Equal((2, 300L), (run.IterationCount, run.TokenUsage?.Input));
        Assert.Equal(TrajectoryStatus.Completed, run.Status);
        Assert.Empty(_lab.Segments);
    }

    [Fact]
    public async Task An_assistant_turn_that_no_recorded_answer_produced_is_foreign()
    {
        var task = (await _lab.SendAsync(new WireCall(Request(User("go"))) { Answer = Calls("toolu_1") })).Task!.TaskId;
        var history = string.Join(',', User("go"), Call("toolu_1"), Result("toolu_1"), Assistant("Internal activity: 3 elements found"), User("go on"));
        await _lab.SendAsync(new WireCall(Request(history)) { Answer = Says("I go on with the work.") });
        await _lab.SettleAsync();

        var messages = (await _lab.StepsAsync(task))[1].Messages;

        Assert.Equal([false, true, false], messages.Select(m => m.IsForeign));
    }

    [Fact]
    public async Task A_history_whose_beginning_changes_counts_nothing_twice()
    {
        var task = (await _lab.SendAsync(new WireCall(Request(User("<reminder>1</reminder> go"))) { Preset = "bytebot", Answer = Calls("toolu_1") })).Task!.TaskId;
        var turns = new List<string> { Call("toolu_1"), Result("toolu_1", "bad", isError: true), User("User performed action: computer_click_mouse") };
        await _lab.SendAsync(new WireCall(Request(string.Join(',', [User("<reminder>2</reminder> go"), .. turns]))) { Preset = "bytebot", Answer = Calls("toolu_2") });
        turns.AddRange([Call("toolu_2"), Result("toolu_2")]);
        await _lab.SendAsync(new WireCall(Request(string.Join(',', [User("<reminder>3</reminder> go"), .. turns]))) { Preset = "bytebot", Answer = Says("All is done by now.") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((3, 2, 1, 1), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults, run.UserInterventions));
        Assert.Equal(["hello"], (await _lab.StepsAsync(task))[1].ToolResults.Select(r => r.Content));
    }

    [Fact]
    public async Task Take_overs_count_by_episode_and_clicks_by_what_they_hit()
    {
        const string Tool = "computer_click_mouse";
        var turns = new List<string> { User("Click the button") };
        var task = (await _lab.SendAsync(Step(Calls("c1", tool: Tool)))).Task!.TaskId;
        turns.AddRange([Call("c1", tool: Tool), Result("c1", "Visual change detected near (5, 5) with 90% confidence.")]);
        await _lab.SendAsync(Step(Calls("c2", tool: Tool)));
        turns.AddRange([Call("c2", tool: Tool), Result("c2", "No visual change detected near (5, 5); diff=0")]);
        turns.AddRange([User("User performed action: computer_click_mouse"), User("User performed action: computer_type_text")]);
        await _lab.SendAsync(Step(Calls("c3", tool: Tool)));
        turns.AddRange([Call("c3", tool: Tool), Result("c3", "Observation required: review the latest screenshot and provide", isError: true)]);
        await _lab.SendAsync(Step(SetsStatus("c4", "completed")));
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((2, 1), (run.ClicksTotal, run.ClicksHit));
        Assert.Equal((0, 1), (run.FailedToolResults, run.UserInterventions));
        Assert.Equal((TrajectoryStatus.Completed, true, OutcomeSource.Agent, true), (run.Status, run.Success, run.OutcomeSource, run.IsProvisional));
        Assert.Equal(1 - 0.3 - (0.2 * (0.8 - 0.5)), run.QualityScore!.Value, 9);

        WireCall Step(string answer) => new(Request(string.Join(',', turns))) { Preset = "bytebot", Answer = answer };
    }

    [Fact]
    public async Task A_refused_completion_is_taken_back_by_the_call_that_follows()
    {
        var task = (await _lab.SendAsync(new WireCall(Request(User("go"))) { Preset = "bytebot", Answer = SetsStatus("c1", "completed") })).Task!.TaskId;
        var refused = """{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"Cannot mark as completed yet. Please perform concrete actions","is_error":true}]}""";
        var status = """{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"set_task_status","input":{"status":"completed","description":"that is all"}}]}""";
        await _lab.SendAsync(new WireCall(Request(string.Join(',', User("go"), status, refused))) { Preset = "bytebot", Answer = Calls("c2") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);

        Assert.Equal((TrajectoryStatus.Active, null, 0), (run.Status, run.Success, run.FailedToolResults));
    }

    [Fact]
    public async Task A_task_that_needed_help_goes_on_in_its_trajectory()
    {
        var task = (await _lab.SendAsync(new WireCall(Request(User("go"))) { Preset = "bytebot", Answer = SetsStatus("c1", "needs_help") })).Task!.TaskId;
        await _lab.SettleAsync();
        _lab.Time.Advance(TimeSpan.FromMinutes(3));
        await _lab.UntilAsync(() => !_lab.RunAsync(task).Result.IsProvisional);
        var waiting = await _lab.RunAsync(task);
        Assert.Equal((TrajectoryStatus.NeedsHelp, true), (waiting.Status, waiting.HasContent));

        var status = """{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"set_task_status","input":{"status":"needs_help","description":"that is all"}}]}""";
        var history = string.Join(',', User("go"), status, Result("c1", "ok"), User("the password is in the safe"));
        await _lab.SendAsync(new WireCall(Request(history)) { Preset = "bytebot", Answer = SetsStatus("c2", "completed") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        Assert.Equal(waiting.Id, run.Id);
        Assert.Equal((TrajectoryStatus.Completed, true, 2), (run.Status, run.Success, run.IterationCount));
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
    }

    [Fact]
    public async Task A_run_that_was_too_short_keeps_its_metrics_and_stays_so_when_it_goes_on()
    {
        await _lab.DisposeAsync();
        _lab = await RecordingLab.StartAsync(new RecordingOptions { MinDuration = TimeSpan.FromSeconds(5), Grace = TimeSpan.Zero });
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first with { Took = TimeSpan.FromSeconds(1) })).Task!.TaskId;
        await _lab.SendAsync(second with { Took = TimeSpan.FromSeconds(1) });
        await _lab.SettleAsync();
        Assert.Empty(_lab.Embedded);
        _lab.Time.Advance(TimeSpan.FromMinutes(2));
        await _lab.UntilAsync(() => !_lab.RunAsync(task).Result.HasContent && _lab.Reader.ReadAsync(_lab.RunAsync(task).Result.Id, default).Result.Count == 0);
        Assert.Equal(1, _lab.NotRecorded["shorter-than-min-duration"]);

        var history = string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), Assistant("It says hello, that is all."), User("and b.txt?"));
        await _lab.SendAsync(new WireCall(Request(history)) { Answer = Calls("toolu_2", path: "b.txt") });
        await _lab.SettleAsync();

        var run = await _lab.RunAsync(task);
        Assert.Equal((3, 2, false), (run.IterationCount, run.ToolCallsCount, run.HasContent));
        Assert.All(await _lab.StepsAsync(task), s => Assert.Empty(s.Messages));
    }

    [Fact]
    public async Task A_provider_that_is_not_recorded_leaves_its_metrics_row()
    {
        var (first, second) = TwoSteps();
        var task = (await _lab.SendAsync(first with { Provider = "openai" })).Task!.TaskId;
        await _lab.SendAsync(second with { Provider = "openai" });
        await _lab.SettleAsync();

        var result = await _lab.Tasks.CompleteAsync("default", task, true, null, null, default);

        Assert.Equal((false, (NotRecordedReason?)NotRecordedReason.ProviderNotRecorded), (result!.Recorded, result.Reason));
        Assert.Equal((true, 2, 1), (result.Trajectory.Success, result.Trajectory.IterationCount, result.Trajectory.ToolCallsCount));
        Assert.Empty(_lab.Embedded);
    }

    [Fact]
    public async Task With_server_side_history_each_call_is_what_is_new()
    {
        const string Head = """{"model":"gpt-5","instructions":"You are an agent.","tools":[{"type":"function","name":"f","parameters":{}}],""";
        var one = new WireCall(Head + """ "input":"go"}""")
        {
            Dialect = DialectKind.OpenAiResponses,
            Answer = """{"id":"resp_1","object":"response","status":"completed","model":"gpt-5","output":[{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"{}"}],"usage":{"input_tokens":5,"output_tokens":2}}""",
        };
        var two = new WireCall(Head + """ "previous_response_id":"resp_1","input":[{"type":"function_call_output","call_id":"call_1","output":"fine"}]}""")
        {
            Dialect = DialectKind.OpenAiResponses,
            Answer = """{"id":"resp_2","object":"response","status":"completed","model":"gpt-5","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"All is fine, I am done."}]}],"usage":{"input_tokens":5,"output_tokens":2}}""",
        };
        var task = (await _lab.SendAsync(one)).Task!.TaskId;
        Assert.Equal(task, (await _lab.SendAsync(two)).Task!.TaskId);
        await _lab.SettleAsync();

        var steps = await _lab.StepsAsync(task);

        Assert.Equal([0, 2], steps.Select(s => s.Step.HistoryKept));
        Assert.Equal("fine", Assert.Single(steps[0].ToolResults).Content);
        Assert.Single(steps[1].Messages);
        Assert.InRange((await _lab.RunAsync(task)).SuccessProbability!.Value, 0.6, 1);
    }

    [Fact]
    public async Task Gemini_results_are_known_by_the_name_of_their_function()
    {
        const string Tools = """ "tools":[{"functionDeclarations":[{"name":"f"}]}]""";
        const string Call = """{"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]}""";
        const string Result = """{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"error":"no"}}}]}""";
        const string Go = """{"role":"user","parts":[{"text":"go"}]}""";
        var answer = $$$"""{"responseId":"r","modelVersion":"gemini-2.5-pro","candidates":[{"content":{{{Call}}},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2}}""";
        string? task = null;
        foreach (var contents in new[] { Go, $"{Go},{Call},{Result}", $"{Go},{Call},{Result},{Call},{Result}" })
        {
            var place = await _lab.SendAsync(new WireCall($$"""{"contents":[{{contents}}],{{Tools}}}""")
            {
                Dialect = DialectKind.Gemini,
                Path = "/v1beta/models/gemini-2.5-pro:generateContent",
                Answer = answer,
            });
            task ??= place.Task!.TaskId;
            Assert.Equal(task, place.Task!.TaskId);
        }

        await _lab.SettleAsync();
        var run = await _lab.RunAsync(task!);

        Assert.Equal((3, 3, 2), (run.IterationCount, run.ToolCallsCount, run.FailedToolResults));
        Assert.Equal([1, 1, 0], (await _lab.StepsAsync(task!)).Select(s => s.ToolResults.Count));
    }

    [Fact]
    public async Task Nothing_that_is_stored_holds_a_secret()
    {
        var secret = "sk-" + "ant-api03-AbCdEf0123456789AbCdEf";
        var first = new WireCall(Request(User($"Use {secret} please"), system: $"Key:\\n{secret}")) { Answer = Calls("toolu_1", text: $"I use {secret} now", path: $"/{secret}"), IsEnhanced = true };
        var task = (await _lab.SendAsync(first)).Task!.TaskId;
        await _lab.SendAsync(new WireCall(Request(string.Join(',', User($"Use {secret} please"), Call("toolu_1", $"I use {secret} now", $"/{secret}"), Result("toolu_1", $"\\n{secret}")))) { Answer = Says("It is used, and all is well.") });
        await _lab.Tasks.CompleteAsync("default", task, true, null, $"went well with {secret}", default);
        await _lab.SettleAsync();

        var steps = await _lab.StepsAsync(task);
        var run = await _lab.RunAsync(task);

        // One secret has one placeholder, wherever it is.
        var placeholder = run.TaskDescription["Use ".Length..^" please".Length];
        Assert.Matches(@"^\[redacted:anthropic-key:[0-9a-f]{8}\]$", placeholder);
        Assert.Equal($"went well with {placeholder}", run.Comment);
        Assert.Equal($"Key:\n{placeholder}", steps[0].SystemPrompt);
        Assert.Equal($"Sent. Key:\n{placeholder}", steps[0].SentSystemPrompt);
        Assert.Equal($"I use {placeholder} now", steps[0].Reply!.Text);
        Assert.Equal($$"""{"path":"/{{placeholder}}"}""", steps[0].Reply!.ToolCalls[0].Arguments);
        Assert.Equal($"\n{placeholder}", steps[0].ToolResults[0].Content);
        Assert.Equal(2, steps[1].Step.HistoryKept);
        Assert.DoesNotContain(_lab.Embedded, text => text.Contains(secret, StringComparison.Ordinal));
        Assert.False(await _lab.HoldsAsync(secret));
    }

    [Fact]
    public async Task An_embedder_that_fails_costs_the_vector_and_not_the_run()
    {
        _lab.EmbeddingFault = new HttpRequestException("no route");

        var task = await TwoStepsAsync();

        Assert.InRange((await _lab.RunAsync(task)).SuccessProbability!.Value, 0.6, 1);
        Assert.Equal(2, (await _lab.StepsAsync(task)).Count);
        Assert.Empty(_lab.NotRecorded);
    }

    [Fact]
    public async Task A_vector_that_could_not_be_made_is_made_with_the_runs_next_change()
    {
        _lab.EmbeddingFault = new HttpRequestException("no route");
        var task = await TwoStepsAsync();
        Assert.Empty(_lab.Embedded);

        _lab.EmbeddingFault = null;
        await _lab.Tasks.CompleteAsync("default", task, true, null, null, default);

        Assert.Equal(["Read a.txt for me"], _lab.Embedded);
    }

    [Fact]
    public async Task A_text_is_embedded_once_however_often_the_run_ends()
    {
        var task = await TwoStepsAsync();
        await _lab.Tasks.CompleteAsync("default", task, true, null, null, default);
        await _lab.Tasks.InterveneAsync("default", task, default);

        Assert.Single(_lab.Embedded);
    }

    private async Task<string> TwoStepsAsync(string? named = null, bool lastFails = false)
    {
        var (first, second) = TwoSteps();
        var place = await _lab.SendAsync(first with { Task = named });
        await _lab.SendAsync(lastFails ? second with { Task = named, Status = 529, Answer = Error("overloaded_error", "later") } : second with { Task = named });
        await _lab.SettleAsync();
        return place.Task!.TaskId;
    }
}
