using System.Text;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Retrieval;

/// <summary>Runs written by hand.</summary>
internal static class TestRuns
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 9, 0, 0, TimeSpan.Zero);

    public static Trajectory Run(string id, string task, params string[] tools) => new()
    {
        Id = id,
        TaskId = "task-" + id,
        Tenant = "default",
        ConversationId = "task-" + id,
        Provider = "anthropic",
        Model = "claude-sonnet-4-5",
        TaskDescription = task,
        Status = TrajectoryStatus.Completed,
        Success = true,
        QualityScore = 0.9,
        IterationCount = 4,
        StartedAt = Start,
        LastActivityAt = Start.AddMinutes(1),
        CompletedAt = Start.AddMinutes(1),
        OutcomeSource = OutcomeSource.Agent,
        HasContent = true,
        ToolsUsed = tools,
    };

    /// <summary>A step with text and at most one call.</summary>
    public static StepView Step(int index, string text, string? tool = null, string arguments = "{}", string? result = null, bool? isError = false, bool hasImage = false)
    {
        var id = "call_" + index;
        return new StepView
        {
            Step = Row(index),
            Reply = Reply(text, tool is null ? [] : [new ToolCall(id, tool, arguments)]),
            ToolResults = result is null ? [] : [new ToolResult(id, result, isError, hasImage)],
        };
    }

    public static ConversationMessage Reply(string text, IReadOnlyList<ToolCall> calls, string? reasoning = null) => new()
    {
        Role = "assistant",
        IsAssistant = true,
        Json = Encoding.UTF8.GetBytes("{}"),
        Text = text,
        Reasoning = reasoning,
        ToolCalls = calls,
    };

    public static TrajectoryStep Row(int index) => new()
    {
        TrajectoryId = "run",
        Index = index,
        ExchangeId = "exchange-" + index,
        Dialect = DialectKind.AnthropicMessages,
        StartedAt = Start,
    };
}
