using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Prompting;

/// <summary>What a task's first call pinned, so that every later call renders the same prompt.</summary>
/// <param name="Tenant">The tenant that owns the task.</param>
/// <param name="TaskId">The task.</param>
/// <param name="TemplateSet">Hash of the template set's text.</param>
/// <param name="ValuesJson">Every value but <c>system.*</c> that templates may read, as JSON.</param>
/// <param name="ExampleIds">Trajectories whose examples are in it.</param>
/// <param name="Result">How many examples are in it, or why there are none.</param>
/// <param name="At">The time.</param>
public sealed record PromptPin(string Tenant, string TaskId, string TemplateSet, string ValuesJson, IReadOnlyList<string> ExampleIds, FewShotResult Result, DateTimeOffset At);
