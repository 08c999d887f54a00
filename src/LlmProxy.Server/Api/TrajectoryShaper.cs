using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Shapes;
using LlmProxy.Wire;

namespace LlmProxy.Server.Api;

/// <summary>Makes the API's shapes of runs with their steps.</summary>
internal sealed class TrajectoryShaper(TrajectoryReader reader, QualityOptions quality, TaskRulesCatalog catalog)
{
    /// <summary>A run with its score's terms and its steps.</summary>
    public async Task<TrajectoryDetailShape> ReadAsync(Trajectory run, CancellationToken cancellationToken) =>
        new(TrajectoryShape.Of(run))
        {
            Scoring = ScoringShape.Of(QualityScore.Compute(run, quality, catalog.Get(run.Preset).FreeIterations)),
            Steps = [.. (await reader.ReadAsync(run.Id, cancellationToken)).Select(Step)],
        };

    /// <summary>One step of a run, or null.</summary>
    public async Task<StepShape?> ReadStepAsync(Trajectory run, int index, CancellationToken cancellationToken) =>
        (await reader.ReadAsync(run.Id, cancellationToken)).FirstOrDefault(view => view.Step.Index == index) is { } view ? Step(view) : null;

    private static StepShape Step(StepView view) => new()
    {
        Index = view.Step.Index,
        SystemPrompt = view.SystemPrompt,
        SentSystemPrompt = view.SentSystemPrompt,
        Messages = [.. view.Messages.SelectMany(entry => Messages(entry.Message, entry.IsForeign))],
        Response = view.Reply is null && view.Step.StopReason is null ? null : new ResponseShape(view.Reply?.Text ?? "", view.Step.StopReason),
        Reasoning = view.Reply?.Reasoning,
        ToolCalls = [.. (view.Reply?.ToolCalls ?? []).Select(call => new ToolCallShape(call.Id, call.Name, Arguments(call.Arguments)))],
        ToolResults = [.. view.ToolResults.Select(result => new ToolResultShape(result.Id, result.Content, result.IsError))],
        TokenUsage = TokenUsageShape.Of(view.Step.TokenUsage),
        StartedAt = view.Step.StartedAt.UtcDateTime,
        DurationMs = view.Step.DurationMs,
        TimeToFirstByteMs = view.Step.TimeToFirstByteMs,
        Status = view.Step.Status.ToWord(),
    };

    /// <summary>The message as it was sent; a turn of several items is several, each with its role.</summary>
    private static IEnumerable<JsonNode> Messages(ConversationMessage message, bool isForeign)
    {
        var node = Parse(message.Json) ?? JsonValue.Create(message.Text);
        if (node is JsonArray items)
        {
            foreach (var item in items.ToList())
            {
                items.Remove(item);
                yield return Mark(item);
            }
        }
        else
        {
            yield return Mark(node);
        }

        JsonObject Mark(JsonNode? item)
        {
            var marked = item as JsonObject ?? new JsonObject { ["content"] = item };
            if (!marked.ContainsKey("role"))
            {
                marked.Insert(0, "role", message.Role);
            }

            if (isForeign)
            {
                marked["foreign"] = true;
            }

            return marked;
        }
    }

    private static JsonNode? Arguments(string text) =>
        Parse(System.Text.Encoding.UTF8.GetBytes(text)) is JsonObject known ? known : JsonValue.Create(text);

    private static JsonNode? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            // Duplicate keys show only when a node is first looked into; a parsed document has them all read here.
            var node = JsonNode.Parse(json.Span);
            _ = (node as JsonObject)?.Count;
            return node;
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            return null;
        }
    }
}
