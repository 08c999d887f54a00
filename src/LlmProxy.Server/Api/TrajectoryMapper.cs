using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.Server.Api;

/// <summary>Maps trajectories with their steps to the API's DTOs.</summary>
internal sealed class TrajectoryMapper(TrajectoryReader reader, IJudgementStore judgements, LlmProxyOptions options, TaskRulesCatalog catalog)
{
    // What is nested deeper is shown as text: with the response around it, it stays within the 64 levels that readers of
    // JSON usually take.
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 50 };

    /// <summary>A trajectory with the terms of its score and its steps.</summary>
    public async Task<TrajectoryDetailDto> ReadAsync(Trajectory run, CancellationToken cancellationToken) =>
        new(run)
        {
            Scoring = Score(run),
            Judgements = await judgements.ListJudgementsAsync(run.Tenant, [run.Id], cancellationToken) is { Count: > 0 } found ? [.. found.Select(JudgementDto.Of)] : null,
            Steps = [.. (await reader.ReadAsync(run.Id, cancellationToken)).Select(Step)],
        };

    /// <summary>One step of a trajectory, or null.</summary>
    public async Task<StepDto?> ReadStepAsync(Trajectory run, int index, CancellationToken cancellationToken) =>
        (await reader.ReadAsync(run.Id, cancellationToken)).FirstOrDefault(view => view.Step.Index == index) is { } view ? Step(view) : null;

    /// <summary>How a trajectory's score was computed.</summary>
    internal ScoringDto Score(Trajectory run)
    {
        var scoring = QualityScore.Compute(run, options.Quality, catalog.Get(run.Preset).FreeIterations, options.GetEffectiveOutcome());
        return new ScoringDto(scoring.Preset, scoring.Inputs, scoring.Terms);
    }

    /// <summary>The reply's text; that of a refusal if there is no other.</summary>
    private static string TextOf(ConversationMessage? reply) =>
        reply is null ? "" : reply.Text.Length > 0 ? reply.Text : string.Concat(reply.Parts.OfType<RefusalPart>().Select(part => part.Text));

    private static StepDto Step(StepView view) => new(
        view.Step.Index,
        view.SystemPrompt,
        view.SentSystemPrompt,
        [.. view.Messages.SelectMany(entry => Messages(entry.Message, entry.IsForeign))],
        view.Reply is null && view.Step.StopReason is null ? null : new ReplyDto(TextOf(view.Reply), view.Step.StopReason),
        view.Reply?.Reasoning,
        [.. (view.Reply?.ToolCalls ?? []).Select(call => new ToolCallDto(call.Id, call.Name, Arguments(call.Arguments)))],
        [.. view.ToolResults.Select(result => new ToolResultDto(result.Id, result.Content, result.IsError))],
        TokenUsageDto.Of(view.Step.TokenUsage),
        view.Step.StartedAt.UtcDateTime,
        view.Step.DurationMs,
        view.Step.TimeToFirstByteMs,
        view.Step.Status.ToWord())
    {
        Unreadable = view.Unreadable > 0 ? view.Unreadable : null,
    };

    /// <summary>The message as it was sent; a message of several items becomes one for each, with its role.</summary>
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
            // What a writer refuses (half a surrogate pair, broken UTF-8) is replaced by U+FFFD.
            var isPlain = json.Span.IndexOf("\\u"u8) < 0 && Utf8.IsValid(json.Span);
            if (!isPlain && !JsonDepth.IsOver(json.Span, Reading.MaxDepth))
            {
                json = StrictJson.Bytes(writer => StrictJson.Write(writer, json));
            }

            // Duplicate keys show only when a node is first looked into; a parsed document has them all read here.
            var node = JsonNode.Parse(json.Span, null, Reading);
            _ = (node as JsonObject)?.Count;
            return node;
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            return null;
        }
    }
}
