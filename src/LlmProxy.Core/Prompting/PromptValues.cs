using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// What a task's prompt is made of besides the agent's own prompt: every value but <c>system.*</c>. Frozen with the
/// task's pin, so that every call of the task gets the same part (see <c>PromptPin.ValuesJson</c>).
/// </summary>
/// <param name="TaskId">The task.</param>
/// <param name="TaskDescription">What it was asked; empty where unknown.</param>
/// <param name="Provider">The provider of its model.</param>
/// <param name="Model">Its model; empty where unknown.</param>
/// <param name="Tools">The tools that its first request offers.</param>
/// <param name="Examples">The chosen runs, best first.</param>
public sealed record PromptValues(
    string TaskId,
    string TaskDescription,
    string Provider,
    string Model,
    IReadOnlyList<ToolOffer> Tools,
    IReadOnlyList<FewShotExample> Examples)
{
    /// <summary>The values as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, PromptValuesJson.Relaxed.PromptValues);

    /// <summary>Reads <see cref="ToJson"/> back.</summary>
    /// <returns>The values; null if the text is no such JSON, upon which a request is forwarded unmodified.</returns>
    public static PromptValues? FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, PromptValuesJson.Relaxed.PromptValues) is { } values && IsWhole(values) ? values : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The serializer refuses nulls in properties, but not as elements of lists.</summary>
    private static bool IsWhole(PromptValues values)
        => values.Tools.All(tool => tool is not null)
            && values.Examples.All(example => example is not null && example.ToolsUsed.All(tool => tool is not null) && example.Steps.All(step => step is not null));
}

/// <summary>How pinned values are written: known names, nothing left out, nothing null, text as readable as JSON allows.</summary>
[JsonSerializable(typeof(PromptValues))]
internal sealed partial class PromptValuesJson : JsonSerializerContext
{
    // The pin goes into the store, never into a page: letters of other languages need no escapes.
    public static PromptValuesJson Relaxed { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
