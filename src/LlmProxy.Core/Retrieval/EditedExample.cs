using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// What a person made of an example (<c>PUT /_llmproxy/examples/{id}</c>, <c>edited</c>): <c>task</c>, <c>outcome</c> and
/// <c>steps</c> (each <c>reasoning</c>, <c>tool</c>, <c>arguments</c>, <c>result</c>) in place of the condensed ones; what is
/// missing stays.
/// </summary>
/// <remarks>It is cleaned like recorded text, since it is put into the same fence.</remarks>
public static class EditedExample
{
    /// <summary>What is wrong with an edit, for people, or null.</summary>
    public static string? FindProblem(JsonElement edited)
    {
        if (edited.ValueKind != JsonValueKind.Object)
        {
            return "must be an object";
        }

        foreach (var property in edited.EnumerateObject())
        {
            switch (property.NameText())
            {
                case "task" or "outcome" when property.Value.ValueKind == JsonValueKind.String:
                    break;
                case "steps" when property.Value.ValueKind == JsonValueKind.Array && property.Value.EnumerateArray().All(IsStep):
                    break;
                case "task" or "outcome":
                    return $"\"{property.NameText()}\" must be a text";
                case "steps":
                    return "\"steps\" must be a list of objects with the texts reasoning, tool, arguments, result";
                default:
                    return $"\"{property.NameText()}\" is not known; task, outcome and steps can be edited";
            }
        }

        return null;

        static bool IsStep(JsonElement step) => step.ValueKind == JsonValueKind.Object
            && step.EnumerateObject().All(p => p.NameText() is "reasoning" or "tool" or "arguments" or "result" && p.Value.ValueKind == JsonValueKind.String);
    }

    /// <summary>The example with the edit, within a budget: steps that do not fit are left out from the end. Null where the edit cannot be read.</summary>
    /// <param name="example">The condensed example.</param>
    /// <param name="editedJson">The edit.</param>
    /// <param name="tokenBudget">Most tokens by <see cref="TrajectoryCondenser.CountTokens"/>.</param>
    /// <param name="removed">Where to count what was taken out of texts.</param>
    public static FewShotExample? Apply(FewShotExample example, string editedJson, int tokenBudget, RemovedText removed)
    {
        ArgumentNullException.ThrowIfNull(example);
        try
        {
            using var document = JsonDocument.Parse(editedJson);
            var edited = document.RootElement;
            if (FindProblem(edited) is not null)
            {
                return null;
            }

            var result = example with
            {
                Task = edited.Text("task"u8) is { } task ? RecordedText.CleanLine(task, removed) : example.Task,
                Outcome = edited.Text("outcome"u8) is { } outcome ? RecordedText.CleanLine(outcome, removed) : example.Outcome,
                Steps = edited.Get("steps"u8) is { ValueKind: JsonValueKind.Array } steps ? [.. steps.EnumerateArray().Select(s => Step(s, removed))] : example.Steps,
            };
            while (result.Steps.Count > 1 && TrajectoryCondenser.CountTokens(result) > tokenBudget)
            {
                result = result with { Steps = [.. result.Steps.SkipLast(1)] };
            }

            return TrajectoryCondenser.CountTokens(result) <= tokenBudget ? result : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static FewShotStep Step(JsonElement step, RemovedText removed)
    {
        return new FewShotStep(Text("reasoning"u8), Text("tool"u8), Text("arguments"u8), Text("result"u8));

        string Text(ReadOnlySpan<byte> name) => step.Text(name) is { } value ? RecordedText.CleanLine(value, removed) : "";
    }
}
