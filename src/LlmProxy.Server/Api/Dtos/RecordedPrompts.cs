using System.Text.Json;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>The rewritten prompts of a trajectory.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Values">The pinned values of the task.</param>
/// <param name="Templates">The template files, or null if they are not kept.</param>
/// <param name="Steps">The prompts.</param>
internal sealed record RecordedPromptsResponse(string TaskId, JsonElement Values, IReadOnlyDictionary<string, string>? Templates, IReadOnlyList<RecordedPromptDto> Steps);

/// <summary>The prompt of a step.</summary>
/// <param name="Index">Number of the step.</param>
/// <param name="SystemPrompt">The agent's own system prompt.</param>
/// <param name="SentSystemPrompt">The system prompt that was sent upstream.</param>
internal sealed record RecordedPromptDto(int Index, string SystemPrompt, string SentSystemPrompt);
