using BitFaster.Caching.Lru;
using LlmProxy.Core.Retrieval;
using Microsoft.Extensions.AI;

namespace LlmProxy.Embeddings.Local;

/// <summary>
/// A sentence encoder in this process: Snowflake's arctic-embed-xs (384 numbers) on ONNX Runtime. The model is a part of
/// the package; nothing is downloaded and no text is sent anywhere. The model is loaded by the first text.
/// </summary>
/// <remarks>
/// <para>
/// One session serves all callers. Texts for the store are encoded in small batches of similar length, one batch at a
/// time. A query (<see cref="LocalEmbedding.QueryOption"/>) runs at once, between the batches.
/// </para>
/// <para>Safe for concurrent use.</para>
/// </remarks>
public sealed class LocalEmbedder : IEmbeddingGenerator<string, Embedding<float>>
{
    // A batch holds the processors for a tenth of a second at most, so that a query does not wait for long. Larger ones
    // are no faster on processors and take more memory.
    private const int BatchSize = 8;
    private const int CacheSize = 512;

    private static readonly EmbeddingGeneratorMetadata Metadata = new("llmproxy", providerUri: null, LocalEmbedding.ModelName, LocalEmbedding.Dimensions);

    private readonly Lazy<ArcticModel> _model = new(() => new ArcticModel(), LazyThreadSafetyMode.ExecutionAndPublication);
    private readonly ConcurrentLru<string, float[]> _queries = new(CacheSize);
    private readonly SemaphoreSlim _storing = new(1, 1);
    private readonly SemaphoreSlim _asking = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <inheritdoc />
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var texts = values as IReadOnlyList<string> ?? [.. values];
        var vectors = LocalEmbedding.IsQuery(options)
            ? await EncodeQueriesAsync(texts, cancellationToken)
            : await EncodeForStoreAsync(texts, cancellationToken);
        return [.. vectors.Select(vector => new Embedding<float>(vector) { ModelId = LocalEmbedding.ModelName })];
    }

    /// <inheritdoc />
    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? Metadata
        : serviceType?.IsInstanceOfType(this) == true ? this
        : null;

    /// <inheritdoc />
    public void Dispose()
    {
        if (_model.IsValueCreated)
        {
            _model.Value.Dispose();
        }

        _storing.Dispose();
        _asking.Dispose();
    }

    private async Task<float[][]> EncodeQueriesAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        var result = new float[texts.Count][];
        for (var i = 0; i < texts.Count; i++)
        {
            if (!_queries.TryGet(texts[i], out var vector))
            {
                await _asking.WaitAsync(cancellationToken);
                try
                {
                    vector = (await EncodeAsync([ArcticModel.QueryPrefix + texts[i]], cancellationToken))[0];
                }
                finally
                {
                    _asking.Release();
                }

                _queries.AddOrUpdate(texts[i], vector);
            }

            result[i] = vector;
        }

        return result;
    }

    private async Task<float[][]> EncodeForStoreAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        // Texts of one batch are as long as its longest, so those of similar length go together.
        var result = new float[texts.Count][];
        foreach (var batch in Enumerable.Range(0, texts.Count).OrderBy(i => texts[i].Length).Chunk(BatchSize))
        {
            await _storing.WaitAsync(cancellationToken);
            try
            {
                var vectors = await EncodeAsync([.. batch.Select(i => texts[i])], cancellationToken);
                foreach (var (vector, i) in vectors.Zip(batch))
                {
                    result[i] = vector;
                }
            }
            finally
            {
                _storing.Release();
            }
        }

        return result;
    }

    // On a thread of the pool: encoding is work for the processor, and the first text loads the model.
    private Task<float[][]> EncodeAsync(string[] texts, CancellationToken cancellationToken) =>
        Task.Run(() => _model.Value.Encode(texts, cancellationToken), cancellationToken);
}
