using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Retrieval;

/// <summary>The sentence encoder in the package LlmProxy.Embeddings.Local: what is known of it without that package, and how it is found.</summary>
/// <remarks>A reference to the package is enough: its assembly is loaded only for <c>Embeddings:Provider=local</c>.</remarks>
public static class LocalEmbedding
{
    /// <summary>Name of the model, part of the key of every stored vector.</summary>
    public const string ModelName = "arctic-embed-xs";

    /// <summary>Length of its vectors.</summary>
    public const int Dimensions = 384;

    /// <summary>Default threshold for the cosine of a query and a task description.</summary>
    /// <remarks>
    /// Chosen on recorded airline-service runs, on tasks of other agents, and on one half of 72 tasks in two wordings that
    /// share hardly a word: at 0.62 all trials of one task pass, half of the tasks in other words, and one in 200 pairs of
    /// tasks of different domains. <c>LlmProxy.Benchmarks retrieval</c> prints these figures for other thresholds too.
    /// </remarks>
    public const double DefaultMinSimilarity = 0.62;

    /// <summary>Name of an additional property of <see cref="EmbeddingGenerationOptions"/>: a text that is searched for, not stored. The model reads the two differently.</summary>
    public const string QueryOption = "llmproxy.query";

    internal static EmbeddingGenerationOptions Query { get; } = new() { AdditionalProperties = new() { [QueryOption] = true } };

    /// <summary>Whether a text is searched for.</summary>
    public static bool IsQuery(EmbeddingGenerationOptions? options) => options?.AdditionalProperties?.TryGetValue(QueryOption, out bool isQuery) == true && isQuery;

    /// <summary>The embedder; null without the package. The model is loaded by its first text.</summary>
    internal static IEmbeddingGenerator<string, Embedding<float>>? TryCreate() =>
        LocalEmbedderPackage.Find() is { } type ? (IEmbeddingGenerator<string, Embedding<float>>?)Activator.CreateInstance(type) : null;
}
