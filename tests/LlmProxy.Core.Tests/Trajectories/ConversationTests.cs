using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Recording;

namespace LlmProxy.Tests.Trajectories;

/// <summary>Which calls of coding agents are steps, side calls, turns and sub-agents: compaction, suggestions, notifications, later turns.</summary>
public sealed class ConversationTests
{
    private const string Task = "Fix the build of the parser";
    private const string Summary = """<analysis>\nI look at what was said so far in here.\n</analysis>\n<summary>\n1. Primary request: fix the build of the parser\n2. Files: src/Parser.cs has a missing using directive\n3. Errors: the type Token was not found in Lexer.cs\n4. Next step: add the using directive and build again\n</summary>""";
    private const string Continued = """This session is being continued from a previous conversation that ran out of context.\n\nAnalysis: I look at what was said so far in here.\n\n1. Primary request: fix the build of the parser\n2. Files: src/Parser.cs has a missing using directive\n3. Errors: the type Token was not found in Lexer.cs\n4. Next step: add the using directive and build again\nPlease continue without asking the user.""";
    private const string CompactClaude = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\\n\\nYour task is to create a detailed summary of the conversation so far.";

    [Theory]
    [InlineData("generic")]
    [InlineData("claude-code")]
    [InlineData("opencode")]
    public async Task A_continuation_without_tools_is_a_step(string preset)
    {
        await using var lab = await RecordingLab.StartAsync();
        var (first, second) = Claude.TwoSteps();
        var opened = await lab.SendAsync(first with { Preset = preset, Session = "s1" });

        var last = await lab.SendAsync(second with { Request = Claude.Request(string.Join(',', Claude.User("Read a.txt for me"), Claude.Call("toolu_1"), Claude.Result("toolu_1")), tools: null), Preset = preset, Session = "s1" });

        Assert.Equal((opened.Task!.TaskId, 2, false), (last.Task!.TaskId, last.StepIndex, last.IsSideCall));
        await lab.SettleAsync();
        Assert.Equal("It says hello, that is all.", (await lab.StepsAsync(opened.Task.TaskId))[^1].Reply!.Text);
    }

    [Theory]
    [InlineData("[SUGGESTION MODE: Suggest what the user might naturally type next into Claude Code.]")]
    [InlineData("The user stepped away and is coming back. Recap in under 40 words, 1-2 plain sentences.")]
    [InlineData("<system-reminder>This is a side question from the user. You must answer this question directly.</system-reminder>\\n\\nWhat does Lexer.cs do?")]
    public async Task A_side_call_with_tools_and_the_whole_history_is_known_by_its_last_user_message(string text)
    {
        await using var lab = await RecordingLab.StartAsync();
        var (first, second) = Claude.TwoSteps();
        var history = string.Join(',', Claude.User("Read a.txt for me"), Claude.Call("toolu_1"), Claude.Result("toolu_1"), Claude.Assistant("It says hello, that is all."));
        var opened = await lab.SendAsync(first with { Preset = "claude-code", Session = "s1" });
        await lab.SendAsync(second with { Preset = "claude-code", Session = "s1" });

        var side = await lab.SendAsync(new WireCall(Claude.Request(history + ',' + Claude.User(text))) { Preset = "claude-code", Session = "s1", Answer = Claude.Says("run the tests") });
        var next = await lab.SendAsync(new WireCall(Claude.Request(history + ',' + Claude.User("Now read b.txt"))) { Preset = "claude-code", Session = "s1", Answer = Claude.Says("It is empty.") });

        Assert.Equal((true, opened.Task!.TaskId), (side.IsSideCall, side.Task!.TaskId));
        Assert.Equal((true, false, opened.Task.ConversationId), (next.IsNewTask, next.IsSideCall, next.Task!.ConversationId));
        Assert.Equal(next.Task.TaskId, lab.Correlator.FindLatest("default", "s1")!.TaskId);
    }

    [Fact]
    public async Task Compaction_in_the_middle_of_a_task_keeps_one_trajectory()
    {
        await using var lab = await RecordingLab.StartAsync();
        var opened = await lab.SendAsync(Code(Claude.User(Task), Claude.Calls("toolu_1")));

        var compaction = await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), Claude.Result("toolu_1"), Claude.User(CompactClaude)), Claude.Says(Summary)));
        var rest = await lab.SendAsync(Code(Claude.User(Continued), Claude.Calls("toolu_2")));
        var last = await lab.SendAsync(Code(string.Join(',', Claude.User(Continued), Claude.Call("toolu_2"), Claude.Result("toolu_2")), Claude.Says("The build is fixed.")));

        Assert.True(compaction.IsSideCall);
        Assert.Equal([(opened.Task!.TaskId, 2), (opened.Task.TaskId, 3)], new[] { rest, last }.Select(place => (place.Task!.TaskId, place.StepIndex)));
        await lab.SettleAsync();
        var run = await lab.RunAsync(opened.Task.TaskId);
        Assert.Equal((Task, 3, 2), (run.TaskDescription, run.IterationCount, run.ToolCallsCount));
    }

    [Fact]
    public async Task A_compaction_prompt_in_one_message_with_a_tool_result_is_a_side_call()
    {
        await using var lab = await RecordingLab.StartAsync();
        var opened = await lab.SendAsync(Code(Claude.User(Task), Claude.Calls("toolu_1")));
        var joined = $$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"hello"},{"type":"text","text":"{{CompactClaude}}"}]}""";

        var compaction = await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), joined), Claude.Says(Summary)));

        Assert.Equal((true, opened.Task!.TaskId), (compaction.IsSideCall, compaction.Task!.TaskId));
    }

    [Fact]
    public async Task A_prompt_after_a_compaction_that_the_user_asked_for_opens_a_turn_of_the_conversation()
    {
        await using var lab = await RecordingLab.StartAsync();
        var opened = await lab.SendAsync(Code(Claude.User(Task), Claude.Says("The build is fixed now.")));
        await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Assistant("The build is fixed now."), Claude.User(CompactClaude)), Claude.Says(Summary)));

        var next = await lab.SendAsync(Code(string.Join(',', Claude.User(Continued), Claude.User("Now format the code")), Claude.Says("Done, it is formatted.")));

        Assert.Equal((true, opened.Task!.ConversationId, "Now format the code"), (next.IsNewTask, next.Task!.ConversationId, next.Task.TaskDescription));
    }

    [Fact]
    public async Task A_summary_of_another_session_is_not_followed()
    {
        await using var lab = await RecordingLab.StartAsync();
        var opened = await lab.SendAsync(Code(Claude.User(Task), Claude.Calls("toolu_1")));
        await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), Claude.Result("toolu_1"), Claude.User(CompactClaude)), Claude.Says(Summary)));

        var other = await lab.SendAsync(Code(Claude.User(Continued), Claude.Calls("toolu_2")) with { Session = "s2" });

        Assert.NotEqual(opened.Task!.TaskId, other.Task!.TaskId);
    }

    [Fact]
    public async Task Two_texts_that_share_a_heading_are_not_one_conversation()
    {
        await using var lab = await RecordingLab.StartAsync();
        await lab.SendAsync(Code(Claude.User(Task), Claude.Calls("toolu_1")));
        await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), Claude.Result("toolu_1"), Claude.User(CompactClaude)), Claude.Says(Summary)));

        var other = await lab.SendAsync(Code(Claude.User("""Here are my notes.\n1. Primary request: fix the build of the parser\nThat is what I want in this other task."""), Claude.Calls("toolu_2")));

        Assert.True(other.IsNewTask);
    }

    [Fact]
    public async Task A_notification_alone_continues_the_task()
    {
        await using var lab = await RecordingLab.StartAsync();
        const string Notification = """<system-reminder>\n[SYSTEM NOTIFICATION - NOT USER INPUT]\n<task-notification>agent a1 completed</task-notification>\n</system-reminder>""";
        var opened = await lab.SendAsync(Code(Claude.User(Task), Claude.Says("The agent works on it, I wait.")));

        var next = await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Assistant("The agent works on it, I wait."), Claude.User(Notification)), Claude.Says("The build is fixed.")));

        Assert.Equal((opened.Task!.TaskId, 2), (next.Task!.TaskId, next.StepIndex));
    }

    [Fact]
    public async Task A_sub_agent_belongs_to_the_agent_that_its_headers_name()
    {
        await using var lab = await RecordingLab.StartAsync();
        var main = await lab.SendAsync(Code(Claude.User(Task), Claude.Says("The agents work on it, I wait.")));
        var agent = await lab.SendAsync(Code(Claude.User("Look into the lexer"), Claude.Calls("toolu_1")) with { Headers = new Dictionary<string, string> { ["x-claude-code-agent-id"] = "a1" } });
        var nested = await lab.SendAsync(Code(Claude.User("Read Token.cs and report"), Claude.Says("It holds the type Token.")) with { Headers = new Dictionary<string, string> { ["x-claude-code-agent-id"] = "a2", ["x-claude-code-parent-agent-id"] = "a1" } });

        Assert.Equal(
            (null, main.Task!.TrajectoryId, agent.Task!.TrajectoryId),
            (main.Task.ParentId, agent.Task.ParentId, nested.Task!.ParentId));
    }

    [Fact]
    public async Task Every_turn_of_a_conversation_gets_the_same_prompt()
    {
        await using var lab = await RecordingLab.StartAsync();
        await lab.SendAsync(Code(Claude.User(Task), Claude.Says("The build is fixed now.")) with { IsEnhanced = true });
        var template = Path.Combine(Path.GetDirectoryName(lab.SpoolFolder)!, "templates", "anthropic.sbn");
        await File.WriteAllTextAsync(template, "Changed. {{ system.text }}");
        lab.ReloadTemplates();

        var next = await lab.BeginAsync(Code(string.Join(',', Claude.User(Task), Claude.Assistant("The build is fixed now."), Claude.User("Now format the code")), Claude.Says("Done, it is formatted.")) with { IsEnhanced = true });
        var other = await lab.BeginAsync(Code(Claude.User("Another task of another session"), Claude.Says("Done, all of it.")) with { IsEnhanced = true, Session = "s2" });

        Assert.Equal(("Sent. You are an agent.", "Changed. You are an agent."), (next.Session.Prompt.SentPrompt, other.Session.Prompt.SentPrompt));
        lab.End(next);
        lab.End(other);
    }

    [Fact]
    public async Task Errors_and_interventions_of_earlier_turns_are_not_counted_again()
    {
        await using var lab = await RecordingLab.StartAsync();
        var history = string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), Claude.Result("toolu_1", "it failed", isError: true), Claude.Assistant("I stop here for now."), Claude.User("[Request interrupted by user]"), Claude.Assistant("It is as you say now, I leave it as it was."));
        var first = await lab.SendAsync(Code(Claude.User(Task), Claude.Calls("toolu_1")));
        await lab.SendAsync(Code(string.Join(',', Claude.User(Task), Claude.Call("toolu_1"), Claude.Result("toolu_1", "it failed", isError: true)), Claude.Says("It is as you say now, I leave it as it was.")));

        var later = await lab.SendAsync(Code(history + ',' + Claude.User("Now format the code"), Claude.Calls("toolu_2")));

        Assert.NotEqual(first.Task!.TaskId, later.Task!.TaskId);
        await lab.SettleAsync();
        var (earlier, run) = (await lab.RunAsync(first.Task.TaskId), await lab.RunAsync(later.Task.TaskId));
        Assert.Equal((1, 0, 0), (earlier.FailedToolResults, run.FailedToolResults, run.UserInterventions));
        Assert.Equal(7, (await lab.StepsAsync(later.Task.TaskId))[0].Messages.Count);
    }

    private static WireCall Code(string messages, string answer) => new(Claude.Request(messages)) { Preset = "claude-code", Session = "s1", Answer = answer };
}
