using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Recording;
using LlmProxy.Wire;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories;

/// <summary>Tasks with the same words: each call goes on with the one that it means.</summary>
public sealed class TwinTasksTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task Their_tool_call_ids_tell_them_apart()
    {
        await AssertApartAsync(TwoSteps(id: "toolu_1"), TwoSteps(id: "toolu_2"));
    }

    [Fact]
    public async Task Their_instructions_tell_them_apart_where_a_server_gives_the_same_ids_out_again()
    {
        await AssertApartAsync(
            Steps(c => c.Replace("You are an agent.", "You are an agent that is brief.", StringComparison.Ordinal)),
            Steps(c => c.Replace("You are an agent.", "You are an agent that is polite.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Their_tools_tell_them_apart_even_where_instructions_hold_a_clock()
    {
        var minute = 0;
        await AssertApartAsync(Steps(c => At(c).Replace("Reads a file", "Opens a file", StringComparison.Ordinal)), Steps(At));

        string At(string call) => call.Replace("You are an agent.", $"You are an agent. It is 10:{minute++:00}.", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_that_nothing_tells_apart_the_one_goes_on_that_did_not_yet()
    {
        var (first, second) = TwoSteps();
        var tasks = new[] { (await _lab.SendAsync(first)).Task, (await _lab.SendAsync(first)).Task };

        var later = new[] { (await _lab.SendAsync(second)).Task, (await _lab.SendAsync(second)).Task };

        Assert.Equal(tasks.ToHashSet(), later.ToHashSet());
    }

    [Fact]
    public async Task Gemini_s_thought_signatures_tell_them_apart_in_either_alphabet()
    {
        await AssertApartAsync(Gemini('a'), Gemini('b'));
    }

    [Fact]
    public async Task A_call_without_id_and_arguments_is_not_taken_for_another_task_s()
    {
        await _lab.SendAsync(Gemini('a').First);
        var next = Gemini('b').Second;

        var place = await _lab.SendAsync(next with { Request = next.Request.Replace("What is here?", "What is there?", StringComparison.Ordinal) });

        Assert.True(place.IsNewTask);
    }

    [Theory]
    [InlineData("""{"type":"message","id":"ID","role":"assistant","content":[{"type":"output_text","text":"Shall I go on with it?"}]}""")]
    [InlineData("""{"id":"ID","type":"item_reference"}""")]
    [InlineData("""{"type":"compaction","id":"ID","encrypted_content":"gAAAA"}""")]
    public async Task Ids_of_output_items_tell_them_apart(string item)
    {
        await AssertApartAsync(Responses(item, "msg_1"), Responses(item, "msg_2"));
    }

    [Fact]
    public async Task A_first_call_with_other_tools_is_no_retry_of_one_that_failed()
    {
        var failed = await _lab.SendAsync(TwoSteps().First with { Status = 529, Answer = Error("overloaded_error", "later") });

        var other = await _lab.SendAsync(Steps(c => c.Replace("Reads a file", "Opens a file", StringComparison.Ordinal)).First);

        Assert.NotEqual(failed.Task, other.Task);
        Assert.Equal((failed.Task, 1, true), await PlaceOf(TwoSteps().First));
    }

    [Fact]
    public async Task Of_two_that_failed_the_one_with_the_same_instructions_is_sent_again()
    {
        var brief = Steps(c => c.Replace("an agent", "a brief agent", StringComparison.Ordinal)).First with { Status = 529, Answer = Error("overloaded_error", "later") };
        var polite = Steps(c => c.Replace("an agent", "a polite agent", StringComparison.Ordinal)).First with { Status = 529, Answer = Error("overloaded_error", "later") };
        var calls = new[] { await _lab.BeginAsync(brief), await _lab.BeginAsync(polite) };
        _lab.End(calls[0]);
        _lab.End(calls[1]);

        Assert.NotEqual(calls[0].Place.Task, calls[1].Place.Task);
        Assert.Equal((calls[0].Place.Task, 1, true), await PlaceOf(brief));
        Assert.Equal((calls[1].Place.Task, 1, true), await PlaceOf(polite));
    }

    [Fact]
    public async Task Another_process_that_was_told_of_them_tells_them_apart_too()
    {
        var told = new List<ReplicaTask>();
        _lab.Correlator.Announce = told.Add;
        var (brief, polite) = (Steps(c => c.Replace("an agent", "a brief agent", StringComparison.Ordinal)), Steps(c => c.Replace("an agent", "a polite agent", StringComparison.Ordinal)));
        var one = await _lab.SendAsync(brief.First);
        var two = await _lab.SendAsync(polite.First);
        await using var other = await _lab.OpenBesideAsync();
        told.ForEach(other.Correlator.Apply);

        Assert.Equal(one.Task!.TaskId, (await other.SendAsync(brief.Second)).Task!.TaskId);
        Assert.Equal(two.Task!.TaskId, (await other.SendAsync(polite.Second)).Task!.TaskId);
    }

    [Fact]
    public async Task A_process_that_knows_only_one_of_them_asks_before_it_takes_it_for_the_other()
    {
        await using var other = await _lab.OpenBesideAsync(isShared: true);
        var one = await _lab.SendAsync(Gemini('a').First);
        await _lab.SettleAsync();
        var two = await other.SendAsync(Gemini('b').First);

        Assert.Equal(one.Task!.TaskId, (await other.SendAsync(Gemini('a').Second)).Task!.TaskId);
        Assert.Equal(two.Task, (await other.SendAsync(Gemini('b').Second)).Task);
    }

    /// <summary>In the order in which the latest, and the one that did not go on yet, is the wrong one.</summary>
    private async Task AssertApartAsync((WireCall First, WireCall Second) one, (WireCall First, WireCall Second) two)
    {
        var tasks = new[] { (await _lab.SendAsync(one.First)).Task, (await _lab.SendAsync(two.First)).Task };

        Assert.Equal((tasks[0], 2, false), await PlaceOf(one.Second));
        Assert.Equal((tasks[1], 2, false), await PlaceOf(two.Second));
        Assert.NotEqual(tasks[0], tasks[1]);
    }

    private static (WireCall First, WireCall Second) Steps(Func<string, string> change)
    {
        var (first, second) = TwoSteps();
        return (first with { Request = change(first.Request) }, second with { Request = change(second.Request) });
    }

    private static (WireCall First, WireCall Second) Gemini(char letter)
    {
        var signature = new string(letter, 90) + "+/";
        var call = """{"functionCall":{"name":"list_files","args":{}},"thoughtSignature":"SIGNATURE=="}""";
        var first = new WireCall("""{"contents":[{"role":"user","parts":[{"text":"What is here?"}]}],"tools":[{"functionDeclarations":[{"name":"list_files"}]}]}""")
        {
            Dialect = DialectKind.Gemini,
            Path = "/v1beta/models/gemini-3-flash-preview:generateContent",
            Answer = """{"candidates":[{"content":{"role":"model","parts":[CALL]},"finishReason":"STOP"}]}""".Replace("CALL", call, StringComparison.Ordinal).Replace("SIGNATURE", signature, StringComparison.Ordinal),
        };
        var sentBack = call.Replace("SIGNATURE", signature.Replace("+/", "-_", StringComparison.Ordinal), StringComparison.Ordinal);
        return (first, first with
        {
            Request = first.Request.Replace(
                """}]}],"tools""",
                """}]},{"role":"model","parts":[CALL]},{"role":"user","parts":[{"functionResponse":{"name":"list_files","response":{"result":"a.txt"}}}]}],"tools""".Replace("CALL", sentBack, StringComparison.Ordinal),
                StringComparison.Ordinal),
            Answer = """{"candidates":[{"content":{"role":"model","parts":[{"text":"There is one file, a.txt."}]},"finishReason":"STOP"}]}""",
        });
    }

    private static (WireCall First, WireCall Second) Responses(string item, string id)
    {
        item = item.Replace("ID", id, StringComparison.Ordinal);
        var said = item.Contains("output_text", StringComparison.Ordinal) ? item : item.Replace("item_reference", "reasoning", StringComparison.Ordinal);
        var first = new WireCall("""{"model":"gpt-5","tools":[{"type":"function","name":"f","parameters":{}}],"input":[{"role":"user","content":"Begin."}]}""")
        {
            Dialect = DialectKind.OpenAiResponses,
            Path = "/v1/responses",
            Answer = $$$"""{"id":"resp_{{{id}}}","object":"response","status":"completed","model":"gpt-5","output":[{{{said}}}],"usage":{"input_tokens":5,"output_tokens":2}}""",
        };
        return (first, first with { Request = first.Request.Replace("Begin.\"}", $"Begin.\"}},{item},{{\"role\":\"user\",\"content\":\"Go on.\"}}", StringComparison.Ordinal) });
    }

    private async Task<(OpenTask?, int, bool)> PlaceOf(WireCall call)
    {
        var place = await _lab.SendAsync(call);
        return (place.Task, place.StepIndex, place.IsRetry);
    }
}
