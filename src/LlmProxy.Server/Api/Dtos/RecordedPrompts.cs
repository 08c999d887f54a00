using System.Text.Json;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>The rewritten prompts of a run.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Values">What was pinned for it.</param>
/// <param name="Templates">The templates' files, or null where they are not kept.</param>
/// <param name="Steps">The prompts.</param>
internal sealed record RecordedPromptsResponse(string TaskId, JsonElement Values, IReadOnlyDictionary<string, string>? Templates, IReadOnlyList<RecordedPromptDto> Steps);

/// <summary>The prompt of a step.</summary>
/// <param name="Index">Its number.</param>
/// <param name="SystemPrompt">The agent's own.</param>
/// <param name="SentSystemPrompt">What was sent.</param>
internal sealed record RecordedPromptDto(int Index, string SystemPrompt, string SentSystemPrompt);
