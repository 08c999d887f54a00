namespace LlmProxy.Core.Prompting;

/// <summary>Keeps the prompt of each task, and knows which of its examples may still be used.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IPromptPinStore
{
    /// <summary>Pins a task's prompt: an atomic insert-if-absent. Returns what is pinned, the given one or an earlier one.</summary>
    Task<PromptPin> PinAsync(PromptPin pin, CancellationToken cancellationToken);

    /// <summary>The pin of a task, or null.</summary>
    Task<PromptPin?> FindPinAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>Keeps a template set by its hash; does nothing if the store has it.</summary>
    Task SaveTemplateSetAsync(string hash, IReadOnlyDictionary<string, string> files, CancellationToken cancellationToken);

    /// <summary>A template set by its hash, or null.</summary>
    Task<IReadOnlyDictionary<string, string>?> FindTemplateSetAsync(string hash, CancellationToken cancellationToken);

    /// <summary>
    /// Which of these runs may still be in a prompt: those that exist, have their content, and are not retired. A
    /// pin keeps the ids that it was made with; code that renders from a pin asks here first.
    /// </summary>
    Task<IReadOnlySet<string>> FindUsableExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, IReadOnlyCollection<string> exceptKeys, CancellationToken cancellationToken);

    /// <summary>
    /// Counts, for this process alone, what may take an example out of prompts (runs deleted or emptied, examples
    /// retired), so that a cache of prompts knows at once when to check its examples again.
    /// </summary>
    long ExampleChanges { get; }
}
