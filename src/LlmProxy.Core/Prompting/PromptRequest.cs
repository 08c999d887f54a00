namespace LlmProxy.Core.Prompting;

/// <summary>A call whose prompt may be rewritten.</summary>
/// <param name="Tenant">The tenant that owns the task.</param>
/// <param name="ConversationId">The conversation: its prompt stays the same in all its turns.</param>
/// <param name="TaskDescription">What the task is.</param>
/// <param name="Provider">The provider of the model.</param>
/// <param name="Model">The model.</param>
/// <param name="Reading">The request.</param>
public sealed record PromptRequest(string Tenant, string ConversationId, string TaskDescription, string Provider, string Model, RequestReading Reading)
{
    /// <summary>Whether this is its conversation's first step: then a prompt is chosen where none is pinned.</summary>
    public bool IsFirstStep { get; init; }

    /// <summary>Working directory or repository that the client states, or null.</summary>
    public string? Project { get; init; }

    /// <summary>Whether only trajectories of the same project may be examples.</summary>
    public bool IsProjectScope { get; init; }

    /// <summary>Value of the header <c>LlmProxy-Few-Shot</c>: <c>off</c>, a count, or null.</summary>
    public string? FewShot { get; init; }
}

/// <summary>What became of a call's prompt.</summary>
/// <param name="Body">The rewritten body; null where the request goes as it is.</param>
/// <param name="SentPrompt">The system prompt text that was put into it, or null.</param>
/// <param name="ExampleIds">Trajectories whose examples are in it.</param>
/// <param name="FewShotResult">Value of the header <c>LlmProxy-Few-Shot-Result</c>, or null where prompts do not apply.</param>
/// <param name="Arm">Arm of the experiment, or null if there is none.</param>
public sealed record PromptResult(byte[]? Body, string? SentPrompt, IReadOnlyList<string> ExampleIds, string? FewShotResult, string? Arm)
{
    /// <summary>Hash of the template set that the prompt was rendered with; null where the request goes as it is.</summary>
    public string? TemplateSet { get; init; }

    /// <summary>The request goes as it is, and nothing is said of it.</summary>
    public static PromptResult Unchanged { get; } = new(null, null, [], null, null);
}
