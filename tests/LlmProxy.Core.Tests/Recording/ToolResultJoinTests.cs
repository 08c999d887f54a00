using LlmProxy.Core.Recording;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Recording;

/// <summary>Results are joined to their calls also where ids do not match.</summary>
public sealed class ToolResultJoinTests
{
    [Fact]
    public async Task Results_of_a_client_that_rewrites_ids_are_those_of_the_calls()
    {
        await using var lab = await RecordingLab.StartAsync();
        var first = await lab.SendAsync(new WireCall(Claude.Request(Claude.User("Read a.txt for me"))) { Answer = Claude.Calls("toolu_01x") });

        await lab.SendAsync(new WireCall(Claude.Request(string.Join(',', Claude.User("Read a.txt for me"), Claude.Call("toolu01x"), Claude.Result("toolu01x", "the text of a")))) { Answer = Claude.Says("It says hello, that is all.") });

        await lab.SettleAsync();
        var steps = await lab.StepsAsync(first.Task!.TaskId);
        Assert.Equal(("toolu_01x", "the text of a"), Assert.Single(steps[0].ToolResults.Select(r => (r.Id, r.Content))));
    }

    [Fact]
    public void Two_calls_of_one_function_get_their_results_in_order_where_only_names_are_known()
    {
        ToolCall[] calls = [new("read#1", "read", "{}"), new("read#2", "read", "{}"), new("list#1", "list", "{}")];

        var joined = ToolResultJoin.Of(calls, [Results(("list", "c"), ("read", "a"), ("read", "b"))]);

        Assert.Equal([("list#1", "c"), ("read#1", "a"), ("read#2", "b")], joined.Select(r => (r.Id, r.Content)));
    }

    [Fact]
    public void Results_of_earlier_turns_and_of_another_number_are_not_joined()
    {
        ToolCall[] calls = [new("toolu_1", "read", "{}"), new("toolu_2", "read", "{}")];
        var reply = new ConversationMessage { Role = "assistant", IsAssistant = true, Json = default };

        Assert.Empty(ToolResultJoin.Of(calls, [Results(("x1", "old"), ("x2", "old")), reply]));
        Assert.Empty(ToolResultJoin.Of(calls, [Results(("x1", "one of two"))]));
        Assert.Equal(["a"], ToolResultJoin.Of(calls, [Results(("x1", "old")), reply, Results(("toolu_1", "a"))]).Select(r => r.Content));
    }

    private static ConversationMessage Results(params (string Id, string Content)[] results) =>
        new() { Role = "user", Json = default, ToolResults = [.. results.Select(r => new ToolResult(r.Id, r.Content, null, false))] };
}
