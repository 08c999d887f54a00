using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Recording;

public sealed class ExchangeHeadTests
{
    /// <summary>As spools of earlier versions hold it.</summary>
    private const string Stored = """
        {"exchangeId":"e1","tenant":"t","taskId":"task","trajectoryId":"run","conversationId":"talk","parentId":"above","sessionId":"s","stepIndex":3,"isRetry":true,"isSideCall":false,"dialect":"AnthropicMessages","provider":"anthropic","model":"m","client":"c","preset":"generic","path":"/v1/messages","stream":true,"taskDescription":"What","exampleIds":["x"],"keepContent":true,"startedAt":"2026-01-02T03:04:05+00:00"}
        """;

    private static readonly TaskIdentity Identity = new() { TaskId = "task", TrajectoryId = "run", Tenant = "t", ConversationId = "talk", ParentId = "above", SessionId = "s" };

    [Fact]
    public void A_head_of_an_earlier_version_is_read_with_its_tasks_ids_and_written_as_it_was()
    {
        var head = ExchangeHead.FromUtf8(Encoding.UTF8.GetBytes(Stored))!;

        Assert.Equal(Identity, head.Task);
        Assert.Equal(("run", "task", "talk", "above", "s"), (head.ToRow().Id, head.ToRow().TaskId, head.ToRow().ConversationId, head.ToRow().ParentId, head.ToRow().SessionId));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Stored), JsonNode.Parse(head.ToUtf8())), Encoding.UTF8.GetString(head.ToUtf8()));
    }

    [Fact]
    public void The_ids_of_a_task_are_properties_of_the_head_itself()
    {
        var head = new ExchangeHead { ExchangeId = "e1", Tenant = "t", Task = Identity, Dialect = DialectKind.AnthropicMessages, Provider = "anthropic", StartedAt = default };

        var json = JsonNode.Parse(head.ToUtf8())!.AsObject();

        Assert.Equal(Identity, head.Task);
        Assert.Equal(("task", "run", "talk", "above", "s"), ((string?)json["taskId"], (string?)json["trajectoryId"], (string?)json["conversationId"], (string?)json["parentId"], (string?)json["sessionId"]));
        Assert.False(json.ContainsKey("task"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("""
        "taskId":"task",
        """)]
    public void A_side_call_of_an_unknown_task_has_no_identity(string ids)
    {
        var head = ExchangeHead.FromUtf8(Encoding.UTF8.GetBytes($$"""{"exchangeId":"e1","tenant":"t",{{ids}}"isSideCall":true,"dialect":"AnthropicMessages","provider":"anthropic","startedAt":"2026-01-02T03:04:05+00:00"}"""))!;

        Assert.Null(head.Task);
        Assert.True(head.IsSideCall);
    }

    [Fact]
    public void A_head_without_a_conversation_takes_its_tasks_id_for_it()
    {
        var head = new ExchangeHead { ExchangeId = "e1", Tenant = "t", TaskId = "task", TrajectoryId = "run", Dialect = DialectKind.AnthropicMessages, Provider = "anthropic", StartedAt = default };

        Assert.Equal("task", head.Task!.ConversationId);
        Assert.Equal("task", head.ToRow().ConversationId);
    }
}
