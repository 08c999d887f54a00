using System.ClientModel;
using System.ClientModel.Primitives;
using System.Numerics.Tensors;
using BitFaster.Caching.Lru;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Embeddings;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// An embedder over the OpenAI SDK: OpenAI's own endpoint or any that speaks its dialect. Retries are the SDK's own.
/// It is given the operator's key; the key of a client that the proxy serves never comes here. Why
/// this is not AsIEmbeddingGenerator of Microsoft.Extensions.AI.OpenAI: docs/decisions/0006.
/// </summary>
public sealed class OpenAiEmbedder : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>OpenAI's own endpoint.</summary>
    public const string DefaultEndpoint = "https://api.openai.com/v1";

    // OpenAI takes 2 048 texts and 300 000 tokens a call; 128 texts of 2 000 characters are well below both.
    private const int BatchSize = 128;
    private const int CacheSize = 512;

    private readonly EmbeddingClient _client;
    private readonly EmbeddingGeneratorMetadata _metadata;
    private readonly ConcurrentLru<string, ReadOnlyMemory<float>> _cache = new(CacheSize);
    private readonly Uri _endpoint;
    private readonly int _dimensions;
    private readonly bool _sendsDimensions;

    /// <summary>An embedder.</summary>
    /// <param name="endpoint">The address with <c>/v1</c>.</param>
    /// <param name="apiKey">The operator's key; for a server without keys any text.</param>
    /// <param name="model">The model.</param>
    /// <param name="dimensions">Length of its vectors. Asked for only where a model can shorten its vectors; checked always.</param>
    /// <param name="timeout">Longest time of one attempt.</param>
    /// <param name="maxRetries">Further attempts after connection failures, 408, 429 and 5xx.</param>
    public OpenAiEmbedder(Uri endpoint, string apiKey, string model, int dimensions, TimeSpan? timeout = null, int maxRetries = 2)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentException.ThrowIfNullOrEmpty(apiKey);
        ArgumentException.ThrowIfNullOrEmpty(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        _client = new EmbeddingClient(model, new ApiKeyCredential(apiKey), new OpenAIClientOptions
        {
            Endpoint = endpoint,
            NetworkTimeout = timeout ?? TimeSpan.FromSeconds(30),
            RetryPolicy = new ClientRetryPolicy(maxRetries),
        });
        Model = model;
        _endpoint = endpoint;
        _dimensions = dimensions;
        _metadata = new EmbeddingGeneratorMetadata("openai", endpoint, model, dimensions);

        // Only these models shorten their vectors; other servers respond 400 to the field.
        _sendsDimensions = model.StartsWith("text-embedding-3-", StringComparison.Ordinal)
            && dimensions != (string.Equals(model, "text-embedding-3-large", StringComparison.Ordinal) ? 3072 : 1536);
    }

    /// <summary>The model.</summary>
    public string Model { get; }

    /// <inheritdoc />
    /// <remarks>The vector of a single text, such as a query, is kept for the next time; those of lists are not.</remarks>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, Microsoft.Extensions.AI.EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var texts = values as IReadOnlyList<string> ?? [.. values];
        var result = new GeneratedEmbeddings<Embedding<float>>();
        if (texts.Count == 1 && _cache.TryGet(texts[0], out var cached))
        {
            result.Add(new Embedding<float>(cached) { ModelId = Model });
            return result;
        }

        var request = new OpenAI.Embeddings.EmbeddingGenerationOptions { Dimensions = _sendsDimensions ? _dimensions : null };
        long tokens = 0;
        foreach (var batch in texts.Chunk(BatchSize))
        {
            OpenAIEmbeddingCollection answer = await _client.GenerateEmbeddingsAsync(batch, request, cancellationToken);
            if (answer.Count != batch.Length)
            {
                throw new InvalidOperationException($"{_endpoint} answered {answer.Count} vectors for {batch.Length} texts.");
            }

            tokens += answer.Usage?.TotalTokenCount ?? 0;
            foreach (var item in answer.OrderBy(e => e.Index))
            {
                result.Add(new Embedding<float>(Check(item.ToFloats().ToArray())) { ModelId = Model });
            }
        }

        result.Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens };
        if (texts.Count == 1)
        {
            _cache.AddOrUpdate(texts[0], result[0].Vector);
        }

        return result;
    }

    /// <inheritdoc />
    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
        : serviceType == typeof(EmbeddingClient) ? _client
        : serviceType?.IsInstanceOfType(this) == true ? this
        : null;

    /// <inheritdoc />
    public void Dispose()
    {
    }

    private float[] Check(float[] vector)
    {
        if (vector.Length != _dimensions)
        {
            throw new InvalidOperationException(
                $"{Model} answered a vector of {vector.Length} numbers, not {_dimensions}. Set Embeddings:Dimensions to {vector.Length}.");
        }

        // Stores count on length 1, and not every server normalises.
        var length = TensorPrimitives.Norm<float>(vector);
        if (!float.IsFinite(length) || length == 0)
        {
            throw new InvalidOperationException($"{Model} answered a vector without a direction.");
        }

        TensorPrimitives.Divide(vector, length, vector);
        return vector;
    }
}
