using System.Numerics.Tensors;
using Microsoft.Extensions.AI;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// The built-in embedder: no model, no key, no network, the same vector on every machine. Words, word pairs and pieces
/// of words (3 to 5 characters) are hashed into a fixed number of signed buckets (feature hashing; Weinberger et al.,
/// "Feature Hashing for Large Scale Multitask Learning", 2009), weighted sublinearly and normalised to length 1.
/// </summary>
/// <remarks>
/// <para>
/// Stored vectors hold no document frequencies, so they do not go stale while the store grows. The query's side is
/// weighted with them instead (<see cref="EmbedQuery"/>).
/// </para>
/// <para>
/// Every constant here is part of the model <c>lexical-1</c>: vectors in stores were made with them. A change of
/// one needs a new <see cref="ModelName"/>.
/// </para>
/// </remarks>
public sealed class LexicalEmbedder : IEmbeddingGenerator<string, Embedding<float>>
{
    /// <summary>Name of the model, part of the key of every stored vector.</summary>
    public const string ModelName = "lexical-1";

    /// <summary>Length of the vectors. Below 2 000, the most that pgvector's HNSW index takes.</summary>
    public const int Dimensions = 1536;

    /// <summary>
    /// Default threshold for the cosine of two task descriptions.
    /// </summary>
    /// <remarks>
    /// Chosen on 88 recorded airline-service runs of 28 tasks and on task descriptions of other agents. At 0.4, 94 % of
    /// the pairs of trials of one task pass, 13 % of the pairs of different tasks of that one domain (whose requests
    /// often differ in a word or two), and no pair of tasks of different domains, the highest of which came to 0.33.
    /// Paraphrases of office tasks lie between 0.48 and 0.79. A test prints these figures for other thresholds too.
    /// </remarks>
    public const double DefaultMinSimilarity = 0.4;

    private const int MaxLength = 8_000;
    private const float CommonWeight = 0.45f;
    private const float PairWeight = 0.5f;
    private const float PieceWeight = 0.7f;

    // How much of a query's weight follows document frequencies, and how many documents it takes until they count half.
    private const double FrequencyShare = 0.6;
    private const double FrequencyPrior = 10;

    private static readonly EmbeddingGeneratorMetadata Metadata = new("llmproxy", providerUri: null, ModelName, Dimensions);

    /// <summary>The vector of a text as it is stored. Zero for a text without anything in it.</summary>
    public static float[] Embed(string text)
    {
        var vector = Count(text);
        Normalize(vector);
        return vector;
    }

    /// <summary>The vector of a text that is looked for: rare features weigh more than those that most documents have.</summary>
    /// <remarks>
    /// Each bucket's weight is multiplied by <c>(1 - c) + c·((1 - s) + s·ln(1 + N/(d + ½)) / ln(1 + 2N))</c> with N
    /// documents, d of them with the bucket, s = 0.6 and the confidence c = N/(N + 10): a damped inverse document
    /// frequency (Spärck Jones, 1972) that does nothing in an empty store, where frequencies mean nothing yet.
    /// </remarks>
    public static float[] EmbedQuery(string text, DocumentFrequencies frequencies)
    {
        var vector = Count(text);
        if (frequencies.Documents > 0)
        {
            double n = frequencies.Documents;
            var confidence = n / (n + FrequencyPrior);
            var highest = Math.Log(1 + (2 * n));
            for (var i = 0; i < vector.Length; i++)
            {
                if (vector[i] != 0)
                {
                    var rarity = Math.Log(1 + (n / (frequencies.Frequencies.GetValueOrDefault(i) + 0.5))) / highest;
                    vector[i] *= (float)(1 - confidence + (confidence * (1 - FrequencyShare + (FrequencyShare * rarity))));
                }
            }
        }

        Normalize(vector);
        return vector;
    }

    /// <summary>The buckets that a text fills, ascending: those whose document frequencies <see cref="EmbedQuery"/> wants.</summary>
    public static IReadOnlyList<int> Buckets(string text) => [.. Count(text).Index().Where(bucket => bucket.Item != 0).Select(bucket => bucket.Index)];

    /// <inheritdoc />
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var result = new GeneratedEmbeddings<Embedding<float>>();
        foreach (var value in values)
        {
            cancellationToken.ThrowIfCancellationRequested();
            result.Add(new Embedding<float>(Embed(value)) { ModelId = ModelName });
        }

        return Task.FromResult(result);
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
    }

    private static float[] Count(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var vector = new float[Dimensions];
        var words = LexicalText.Words(text.Length > MaxLength ? text[..MaxLength] : text);
        if (words.Count == 0)
        {
            // Only signs or emoji: the text itself is the one feature.
            var trimmed = text.AsSpan().Trim();
            if (!trimmed.IsEmpty)
            {
                Add(vector, Hash(trimmed[..Math.Min(trimmed.Length, 64)], 't'), 1);
            }

            return vector;
        }

        var counts = new Dictionary<string, (int Count, bool IsCommon)>(words.Count, StringComparer.Ordinal);
        var pairs = new HashSet<uint>(words.Count);
        var (previous, previousIsCommon) = ("", true);
        foreach (var (word, isCommon) in words)
        {
            counts[word] = (counts.GetValueOrDefault(word).Count + 1, isCommon);
            if (previous.Length > 0)
            {
                var hash = Hash(word, 'b', Hash(previous, 'a'));
                if (pairs.Add(hash))
                {
                    Add(vector, hash, PairWeight * (isCommon ? 0.5f : 1) * (previousIsCommon ? 0.5f : 1));
                }
            }

            (previous, previousIsCommon) = (word, isCommon);
        }

        Span<char> framed = stackalloc char[34];
        foreach (var (word, (count, isCommon)) in counts)
        {
            var weight = isCommon ? CommonWeight : 1;
            Add(vector, Hash(word, 'w'), weight * (1 + MathF.Log(count)));

            // Longer "words" are ids, keys or encoded data: their start represents them.
            var length = Math.Min(word.Length, framed.Length - 2);
            framed[0] = ' ';
            word.AsSpan(0, length).CopyTo(framed[1..]);
            framed[length + 1] = ' ';
            AddPieces(vector, framed[..(length + 2)], PieceWeight * weight);
        }

        return vector;
    }

    // All pieces of a word together weigh as much as the word times the weight, however long it is.
    private static void AddPieces(float[] vector, ReadOnlySpan<char> framed, float weight)
    {
        var pieces = Math.Max(0, framed.Length - 2) + Math.Max(0, framed.Length - 3) + Math.Max(0, framed.Length - 4);
        var each = weight / MathF.Sqrt(Math.Max(1, pieces));
        for (var i = 0; i + 3 <= framed.Length; i++)
        {
            var hash = Start('c');
            for (var n = 0; n < 5 && i + n < framed.Length; n++)
            {
                hash = Next(hash, framed[i + n]);
                if (n >= 2)
                {
                    Add(vector, hash, each);
                }
            }
        }
    }

    private static void Add(float[] vector, uint hash, float weight)
    {
        // The finaliser of MurmurHash3: FNV alone mixes its low bits poorly.
        hash ^= hash >> 16;
        hash *= 0x85ebca6b;
        hash ^= hash >> 13;
        hash *= 0xc2b2ae35;
        hash ^= hash >> 16;
        var bucket = (int)(((ulong)(hash >> 1) * Dimensions) >> 31);
        vector[bucket] += (hash & 1) == 0 ? weight : -weight;
    }

    // FNV-1a over UTF-16 units, begun with the kind of feature.
    private static uint Hash(ReadOnlySpan<char> text, char kind, uint seed = 2166136261)
    {
        var hash = Next(seed, kind);
        foreach (var c in text)
        {
            hash = Next(hash, c);
        }

        return hash;
    }

    private static uint Start(char kind) => Next(2166136261, kind);

    private static uint Next(uint hash, char c) => (((hash ^ (byte)c) * 16777619) ^ (uint)(c >> 8)) * 16777619;

    private static void Normalize(float[] vector)
    {
        var length = TensorPrimitives.Norm<float>(vector);
        if (length > 0)
        {
            TensorPrimitives.Divide(vector, length, vector);
        }
    }
}
