using System.Diagnostics;
using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Recording;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories;

/// <summary>Which task a call continues.</summary>
public sealed class TaskCorrelatorTests : IAsyncLifetime
{
    private const string Reply = "It says hello, that is all.";
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task Two_equal_first_calls_are_two_tasks()
    {
        var one = await _lab.BeginAsync(First());
        var two = await _lab.BeginAsync(First());
        _lab.End(one);
        _lab.End(two);
        var three = await _lab.SendAsync(First());

        Assert.Equal(3, new[] { one.Place.Task, two.Place.Task, three.Task }.Distinct().Count());
        Assert.True(one.Place.IsNewTask && two.Place.IsNewTask && three.IsNewTask);
    }

    [Fact]
    public async Task A_shared_store_that_does_not_answer_is_asked_once_and_keeps_no_call_waiting()
    {
        var faults = FaultyStore.Around(_lab.Store, isShared: true);
        faults.Fault = (_, _) => new StoreException("down");
        var correlator = new TaskCorrelator(faults.Store, faults.Store, new StoreCircuitBreaker(_lab.Time, NullLogger<StoreCircuitBreaker>.Instance), _lab.Time);
        using var keys = new TurnKeys(new byte[32]);
        var reading = DialectCatalog.Get(DialectKind.AnthropicMessages).ReadRequest(Encoding.UTF8.GetBytes(Second().Request), "/v1/messages", keys)!;

        // The clock stands still, so that any wait would last.
        var place = await correlator.AssignAsync(
            new IncomingCall { Tenant = "default", Reading = reading, Rules = _lab.Catalog.Get("generic"), Description = () => "", EndsInUserText = () => false },
            keys,
            default).AsTask().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.True(place.IsNewTask);
        Assert.Equal(1, faults.Calls["FindCorrelationAsync"]);
    }

    [Fact]
    public async Task Marks_nulls_and_the_form_of_texts_are_no_difference()
    {
        var first = await _lab.SendAsync(new WireCall(Request("""{"role":"user","content":[{"type":"text","text":"Read a.txt","cache_control":{"type":"ephemeral"}}]}""")) { Answer = Says(Reply) });

        var second = await _lab.SendAsync(new WireCall(Request($$"""{"role":"user","content":"Read a.txt"},{"role":"assistant","content":"{{Reply}}"},{"role":"user","content":[{"type":"text","text":"more","cache_control":null}]}""")) { Answer = Says("There is no more.") });

        Assert.Equal((first.Task, 2), (second.Task, second.StepIndex));
    }

    [Fact]
    public async Task The_system_prompt_is_no_key()
    {
        var first = await _lab.SendAsync(new WireCall(Request(User("go"), system: "It is 10:41:48")) { Answer = Calls("toolu_1") });

        var second = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("go"), Call("toolu_1"), Result("toolu_1")), system: "It is 10:41:59")) { Answer = Says(Reply) });

        Assert.Equal(first.Task, second.Task);
    }

    [Fact]
    public async Task A_tool_call_id_decides_where_the_beginning_was_rewritten()
    {
        var first = await _lab.SendAsync(First());
        await _lab.SendAsync(First("toolu_2"));

        var second = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("summary of what was: it was read"), Call("toolu_1", text: "shortened"), Result("toolu_1")))) { Answer = Says(Reply) });

        Assert.Equal(first.Task, second.Task);
    }

    [Fact]
    public async Task An_id_that_every_answer_gives_out_decides_nothing_alone()
    {
        var one = await _lab.SendAsync(new WireCall(Request(User("one"))) { Answer = Calls("call_0", text: "First I read file one.") });
        await _lab.SendAsync(new WireCall(Request(User("two"))) { Answer = Calls("call_0", text: "First I read file two.") });

        var second = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("[reminder] one"), Call("call_0", "First I read file one."), Result("call_0")))) { Answer = Says(Reply) });

        Assert.Equal(one.Task, second.Task);
    }

    [Fact]
    public async Task A_reminder_that_comes_or_goes_in_the_first_message_does_not_part_a_task()
    {
        var turns = new List<string> { Call("toolu_1"), Result("toolu_1") };
        var task = (await _lab.SendAsync(new WireCall(Request(User("<system-reminder>a</system-reminder>go"))) { Answer = Calls("toolu_1") })).Task;
        Assert.Equal(task, (await _lab.SendAsync(Step("go", Calls("toolu_2")))).Task);
        turns.AddRange([Call("toolu_2"), Result("toolu_2")]);
        Assert.Equal(task, (await _lab.SendAsync(Step("<system-reminder>b</system-reminder>go", Says("I have read it all by now.")))).Task);
        turns.AddRange([Assistant("I have read it all by now."), User("thanks")]);
        Assert.Equal((task, 4), await PlaceOf(Step("go", Says("You are very welcome indeed."))));

        WireCall Step(string first, string answer) => new(Request(string.Join(',', [User(first), .. turns]))) { Answer = answer };
    }

    [Fact]
    public async Task A_fork_goes_on_in_its_task_and_a_fork_of_each_twin_in_its_own()
    {
        var one = await _lab.SendAsync(First());
        await _lab.SendAsync(Second());
        var fork = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1", "something else")))) { Answer = Says(Reply) });

        Assert.Equal((one.Task, 3, false), (fork.Task, fork.StepIndex, fork.IsRetry));
    }

    [Fact]
    public async Task Compaction_is_followed_by_the_summary_that_an_answer_gave()
    {
        var first = await _lab.SendAsync(First());
        await _lab.SendAsync(Second());
        const string Summary = "The file a.txt was read, and it says hello.";
        var history = string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), Assistant(Reply), User("Respond with a summary."));
        var side = await _lab.SendAsync(new WireCall(Request(history, tools: null)) { Answer = Says(Summary) });
        Assert.Equal((first.Task, true), (side.Task, side.IsSideCall));

        var compacted = await _lab.SendAsync(new WireCall(Request(string.Join(',', User(Summary), Assistant("Ok."), User("and now b.txt")))) { Answer = Says("I read b.txt now.") });

        Assert.Equal((first.Task, 3), (compacted.Task, compacted.StepIndex));
    }

    [Fact]
    public async Task A_first_call_whose_text_is_an_earlier_answer_is_a_task_of_its_own()
    {
        var first = await _lab.SendAsync(new WireCall(Request(User("write a text"), tools: null)) { Answer = Says("This is the text that was wanted.") });

        var next = await _lab.SendAsync(new WireCall(Request(User("This is the text that was wanted."), tools: null)) { Answer = Says("C'est le texte voulu.") });

        Assert.NotEqual(first.Task, next.Task);
    }

    [Fact]
    public async Task A_call_without_tools_is_a_side_call_where_a_run_of_its_session_offers_them()
    {
        var main = await _lab.SendAsync(First() with { Session = "s" });
        var title = await _lab.SendAsync(new WireCall(Request(User("a title for this"), tools: null)) { Session = "s", Answer = Says("A title") });
        var elsewhere = await _lab.SendAsync(new WireCall(Request(User("a poem for me"), tools: null)) { Session = "t", Answer = Says("A poem") });

        Assert.Equal((main.Task, 0, true), (title.Task, title.StepIndex, title.IsSideCall));
        Assert.Equal((1, false), (elsewhere.StepIndex, elsewhere.IsSideCall));
    }

    [Theory]
    [InlineData("bytebot", "You are a helpful assistant that describes UI elements visually.", true)]
    [InlineData("claude-code", "Generate a concise, sentence-case title (3-7 words)", true)]
    [InlineData("claude-code", "You are Claude Code", true)]
    [InlineData("generic", "You are a helpful assistant that describes UI elements visually.", false)]
    public async Task A_preset_says_what_a_side_call_is(string preset, string system, bool expected)
    {
        var place = await _lab.SendAsync(new WireCall(Request(User("look"), tools: null, system: system)) { Preset = preset, Answer = Says("A button") });

        Assert.Equal(expected, place.IsSideCall);
        Assert.Equal(expected, place.Task is null);
    }

    [Fact]
    public async Task A_task_that_never_offers_tools_is_a_task()
    {
        var first = await _lab.SendAsync(new WireCall(Request(User("hi there"), tools: null)) { Answer = Says("Hello! What can I do for you today?") });
        var second = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("hi there"), Assistant("Hello! What can I do for you today?"), User("a poem")), tools: null)) { Answer = Says("Roses are red.") });

        Assert.Equal((first.Task, 2, false), (second.Task, second.StepIndex, second.IsSideCall));
    }

    [Fact]
    public async Task With_the_boundary_turn_each_turn_is_a_trajectory_of_one_conversation()
    {
        var turns = new List<string> { User("Read a.txt for me") };
        var one = await _lab.SendAsync(Turn(Calls("toolu_1")));
        turns.AddRange([Call("toolu_1"), Result("toolu_1")]);
        Assert.Equal(one.Task, (await _lab.SendAsync(Turn(Says(Reply)))).Task);
        turns.AddRange([Assistant(Reply), User("and b.txt")]);
        var two = await _lab.SendAsync(Turn(Calls("toolu_2")));
        turns.AddRange([Call("toolu_2"), Result("toolu_2")]);
        var three = await _lab.SendAsync(Turn(Says("It is empty, that is all.")));

        Assert.NotEqual(one.Task, two.Task);
        Assert.True(two.IsNewTask);
        Assert.Equal(one.Task!.ConversationId, two.Task!.ConversationId);
        Assert.Null(two.Task.ParentId);
        Assert.Equal((two.Task, 2), (three.Task, three.StepIndex));

        WireCall Turn(string answer) => new(Request(string.Join(',', turns))) { Preset = "claude-code", Session = "s", Answer = answer };
    }

    [Fact]
    public async Task The_first_call_of_a_turn_that_comes_again_is_that_turn_again()
    {
        var one = await _lab.SendAsync(new WireCall(Request(User("first"))) { Preset = "gemini-cli", Answer = Says("The first turn is done.") });
        var next = new WireCall(Request(string.Join(',', User("first"), Assistant("The first turn is done."), User("second")))) { Preset = "gemini-cli" };
        var cut = await _lab.SendAsync(next with { Outcome = ExchangeOutcome.ClientLeft });
        var again = await _lab.SendAsync(next with { Answer = Says("The second turn is done.") });

        Assert.NotEqual(one.Task, cut.Task);
        Assert.Equal((cut.Task, 1, true), (again.Task, again.StepIndex, again.IsRetry));
    }

    [Fact]
    public async Task Two_conversations_with_equal_turns_stay_two()
    {
        var call = new WireCall(Request(User("first"))) { Preset = "gemini-cli", Answer = Says("The first turn is done.") };
        var next = new WireCall(Request(string.Join(',', User("first"), Assistant("The first turn is done."), User("second")))) { Preset = "gemini-cli", Answer = Says("The second turn is done.") };
        var firsts = new[] { await _lab.SendAsync(call), await _lab.SendAsync(call) };

        var seconds = new[] { await _lab.SendAsync(next), await _lab.SendAsync(next) };

        Assert.Equal(2, seconds.Select(s => s.Task).Distinct().Count());
        Assert.Equal(firsts.Select(f => f.Task!.ConversationId).ToHashSet(), seconds.Select(s => s.Task!.ConversationId).ToHashSet());
    }

    [Fact]
    public async Task A_retry_behind_an_ended_turn_opens_no_turn()
    {
        // The client adds a text of its own behind the tool's result, which is no turn of a person.
        var first = await _lab.SendAsync(First() with { Preset = "claude-code", Session = "s" });
        var second = new WireCall(Request(string.Join(',', User("Read a.txt for me"), Call("toolu_1"), Result("toolu_1"), User("remember the rules")))) { Preset = "claude-code", Session = "s", Answer = Says(Reply) };
        await _lab.SendAsync(second);

        var again = await _lab.SendAsync(second);

        Assert.Equal((first.Task, 2, true), (again.Task, again.StepIndex, again.IsRetry));
    }

    [Fact]
    public async Task Sub_agents_of_a_session_are_trajectories_of_their_own_under_the_run_that_waits()
    {
        var main = await _lab.SendAsync(First("toolu_main") with { Session = "s" });
        var subs = new List<TaskAssignment>();
        foreach (var i in new[] { 1, 2 })
        {
            subs.Add(await _lab.SendAsync(new WireCall(Request(User($"part {i}"))) { Session = "s", Answer = Calls($"toolu_sub{i}") }));
        }

        var back = await _lab.SendAsync(Second("toolu_main") with { Session = "s" });

        Assert.Equal(3, subs.Select(s => s.Task).Append(main.Task).Distinct().Count());
        Assert.All(subs, s => Assert.Equal(main.Task!.TrajectoryId, s.Task!.ParentId));
        Assert.Equal(main.Task, back.Task);
        Assert.Null((await _lab.SendAsync(First("toolu_x") with { Session = "other" })).Task!.ParentId);
    }

    [Fact]
    public async Task A_session_only_narrows()
    {
        var one = await _lab.SendAsync(First() with { Session = "one" });
        var two = await _lab.SendAsync(First() with { Session = "two" });

        Assert.Equal(two.Task, (await _lab.SendAsync(Second() with { Session = "two" })).Task);
        Assert.Equal(one.Task, (await _lab.SendAsync(Second() with { Session = "one" })).Task);
        var newTask = await _lab.SendAsync(new WireCall(Request(User("something else"))) { Session = "one", Answer = Says(Reply) });
        Assert.NotEqual(one.Task, newTask.Task);
    }

    [Fact]
    public async Task A_server_side_history_is_followed_by_the_answer_that_the_call_names()
    {
        var one = await _lab.SendAsync(Responses("\"input\":\"go\"", "resp_1"));
        var other = await _lab.SendAsync(Responses("\"input\":\"go\"", "resp_9"));
        var two = await _lab.SendAsync(Responses("\"previous_response_id\":\"resp_1\",\"input\":\"yes\"", "resp_2"));
        var three = await _lab.SendAsync(Responses("\"previous_response_id\":\"resp_2\",\"input\":\"yes\"", "resp_3"));

        Assert.NotEqual(one.Task, other.Task);
        Assert.Equal((one.Task, 2), (two.Task, two.StepIndex));
        Assert.Equal((one.Task, 3, false), (three.Task, three.StepIndex, three.IsRetry));
    }

    [Fact]
    public async Task In_a_conversation_of_the_server_the_same_word_twice_is_two_steps()
    {
        var one = await _lab.SendAsync(Responses("\"conversation\":\"conv_1\",\"input\":\"go\"", "resp_1"));
        var two = await _lab.SendAsync(Responses("\"conversation\":{\"id\":\"conv_1\"},\"input\":\"yes\"", "resp_2"));
        var three = await _lab.SendAsync(Responses("\"conversation\":\"conv_1\",\"input\":\"yes\"", "resp_3"));

        Assert.Equal([one.Task, one.Task], new[] { two.Task, three.Task });
        Assert.Equal([1, 2, 3], new[] { one, two, three }.Select(p => p.StepIndex));
    }

    [Fact]
    public async Task The_task_that_a_header_names_decides()
    {
        var one = await _lab.SendAsync(First() with { Task = "mine" });
        var two = await _lab.SendAsync(new WireCall(Request(User("nothing in common"))) { Task = "mine", Answer = Says(Reply) });
        var three = await _lab.SendAsync(new WireCall(Request(User("nothing in common"))) { Task = "mine", Answer = Says(Reply) });
        var stranger = await _lab.SendAsync(First() with { Task = "mine", Tenant = "other" });
        var side = await _lab.SendAsync(new WireCall(Request(User("look"), tools: null, system: "You are a helpful assistant that describes UI elements visually.")) { Task = "mine", Preset = "bytebot", Answer = Says("A button") });

        Assert.Equal("mine", one.Task!.TaskId);
        Assert.Equal([1, 2, 3], new[] { one, two, three }.Select(p => p.StepIndex));
        Assert.NotSame(one.Task, stranger.Task);
        Assert.Equal((one.Task, true), (side.Task, side.IsSideCall));
    }

    [Fact]
    public async Task Tenants_share_nothing()
    {
        var one = await _lab.SendAsync(First() with { Tenant = "a" });

        var second = await _lab.SendAsync(Second() with { Tenant = "b" });

        Assert.NotEqual(one.Task, second.Task);
        Assert.True(second.IsNewTask);
    }

    [Fact]
    public async Task With_an_empty_memory_a_task_is_found_by_the_keys_in_the_store()
    {
        var one = await _lab.SendAsync(First());
        var failed = await _lab.SendAsync(new WireCall(Request(User("failing"))) { Status = 529, Answer = Error("overloaded_error", "later") });
        await _lab.SettleAsync();
        await _lab.RestartAsync(kill: false);

        var second = await _lab.SendAsync(Second());
        var named = await _lab.SendAsync(new WireCall(Request(User("more"))) { Task = one.Task!.TaskId, Answer = Says(Reply) });
        var retry = await _lab.SendAsync(new WireCall(Request(User("failing"))) { Retry = 1, Answer = Says(Reply) });

        Assert.Equal((one.Task.TaskId, one.Task.TrajectoryId, 2), (second.Task!.TaskId, second.Task.TrajectoryId, second.StepIndex));
        Assert.Equal((second.Task, 3), (named.Task, named.StepIndex));
        Assert.Equal((failed.Task!.TaskId, 1, true), (retry.Task!.TaskId, retry.StepIndex, retry.IsRetry));
    }

    [Fact]
    public async Task With_an_empty_memory_an_equal_history_is_the_same_step_again()
    {
        var one = await _lab.SendAsync(First());
        await _lab.SendAsync(Second() with { Status = 529, Answer = Error("overloaded_error", "later") });
        await _lab.SettleAsync();
        await _lab.RestartAsync(kill: false);

        var again = await _lab.SendAsync(Second());

        Assert.Equal((one.Task!.TaskId, 2, true), (again.Task!.TaskId, again.StepIndex, again.IsRetry));
    }

    [Fact]
    public async Task A_store_that_is_slow_or_down_costs_50_ms_once_and_the_task_opens()
    {
        _lab.Faults.Fault = (_, _) => new StoreException("down");
        var one = await _lab.BeginAsync(new WireCall(Request(string.Join(',', User("x"), Assistant("unknown turn"), User("y")))) { Answer = Says(Reply) });
        var asked = _lab.Faults.Calls["FindCorrelationAsync"];
        var two = await _lab.BeginAsync(new WireCall(Request(string.Join(',', User("z"), Assistant("unknown turn"), User("y")))) { Answer = Says(Reply) });

        Assert.True(one.Place.IsNewTask && two.Place.IsNewTask);
        Assert.True(_lab.Gate.IsClosed);
        Assert.Equal(asked, _lab.Faults.Calls["FindCorrelationAsync"]);
        Assert.True(_lab.Gate.Skipped >= 2);
    }

    [Fact]
    public async Task A_call_waits_for_the_answer_that_is_on_its_way()
    {
        var open = await _lab.BeginAsync(First());
        var second = _lab.BeginAsync(Second());
        Assert.False(second.IsCompleted);

        // Another task's answer wakes it, and is not the one.
        await _lab.SendAsync(new WireCall(Request(User("something else"))) { Answer = Says(Reply), Took = TimeSpan.Zero });
        Assert.False(second.IsCompleted);
        _lab.Answer(open);

        Assert.Equal((open.Place.Task, 2), ((await second).Place.Task, (await second).Place.StepIndex));
    }

    [Fact]
    public async Task A_call_waits_no_longer_than_20_ms()
    {
        await _lab.BeginAsync(First());
        var second = _lab.BeginAsync(Second());
        _lab.Time.Advance(TimeSpan.FromMilliseconds(19));
        Assert.False(second.IsCompleted);
        _lab.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True((await second).Place.IsNewTask);
    }

    [Fact]
    public async Task A_history_goes_on_from_an_answer_that_was_cut_off()
    {
        var one = await _lab.SendAsync(new WireCall(Request(User("tell me all"))) { Outcome = ExchangeOutcome.ClientLeft, Answer = """{"id":"msg""" });

        var second = await _lab.SendAsync(new WireCall(Request(string.Join(',', User("tell me all"), Assistant("All be"), User("shorter, please")))) { Answer = Says(Reply) });

        Assert.Equal((one.Task, 2), (second.Task, second.StepIndex));
    }

    [Fact]
    public async Task A_description_holds_no_secret()
    {
        var place = await _lab.SendAsync(new WireCall(Request(User("use sk-" + "ant-api03-AbCdEf0123456789AbCdEf"))) { Answer = Says(Reply) });

        Assert.Matches(@"^use \[redacted:anthropic-key:[0-9a-f]{8}\]$", place.Task!.TaskDescription);
    }

    [Fact]
    public async Task Thousands_of_tasks_that_begin_alike_are_assigned_as_fast_as_few()
    {
        await _lab.DisposeAsync();
        _lab = await RecordingLab.StartAsync(new Core.Configuration.RecordingOptions { Spool = new Core.Configuration.SpoolOptions { MaxBytes = 0 } });
        var sent = 0;
        await SendAsync(100);
        var early = await SendAsync(300);
        await SendAsync(2_300);

        // Each looks through a bounded list. Without the bound the last ones look through eleven times as many entries.
        var late = await SendAsync(300);
        Assert.True(late < 5 * early, $"{late / early:0.0} times as long");

        async Task<double> SendAsync(int count)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < count; i++)
            {
                await _lab.SendAsync(First("toolu_" + sent++) with { Took = TimeSpan.Zero });
            }

            return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }
    }

    private static WireCall First(string id = "toolu_1") => TwoSteps(id: id).First;

    private static WireCall Second(string id = "toolu_1") => TwoSteps(id: id).Second;

    private static WireCall Responses(string body, string id) => new("{\"model\":\"gpt-5\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}}]," + body + "}")
    {
        Dialect = DialectKind.OpenAiResponses,
        Path = "/v1/responses",
        Answer = $$$"""{"id":"{{{id}}}","object":"response","status":"completed","model":"gpt-5","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Say yes, and I go on with it."}]}],"usage":{"input_tokens":5,"output_tokens":2}}""",
    };

    private async Task<(OpenTask?, int)> PlaceOf(WireCall call)
    {
        var place = await _lab.SendAsync(call);
        return (place.Task, place.StepIndex);
    }
}
