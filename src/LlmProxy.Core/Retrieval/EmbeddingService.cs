using System.ClientModel;
using System.Globalization;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Core.Retrieval;

/// <summary>The vector of a task that is looked for.</summary>
/// <param name="Model">The model that made it; it is compared with vectors of that model alone.</param>
/// <param name="Vector">The vector, of length 1 (zero for a text without words).</param>
/// <param name="DefaultMinSimilarity">That model's own threshold.</param>
/// <param name="FallbackReason">Why the lexical embedder was used instead of the remote one (<c>timeout</c>, or the failure), else null.</param>
public sealed record EmbeddedQuery(string Model, float[] Vector, double DefaultMinSimilarity, string? FallbackReason);

/// <summary>The vectors of a text for the store.</summary>
/// <param name="Embeddings">Always a lexical one, and the remote one if it is configured and responded.</param>
/// <param name="RemoteError">Why the remote one is missing, or null.</param>
public sealed record StoreEmbeddings(IReadOnlyList<TrajectoryEmbedding> Embeddings, string? RemoteError)
{
    /// <summary>Whether the remote embedder refused a text (400, 413, 422): others may pass, the same never will.</summary>
    public bool RemoteRefused { get; init; }
}

/// <summary>Decides which embedder is in use and falls back to the built-in one when a remote one does not respond.</summary>
public sealed class EmbeddingService : IDisposable
{
    /// <summary>Cosine threshold for text-embedding-3-small, and the start for other remote models until their owner sets one.</summary>
    public const double DefaultRemoteMinSimilarity = 0.7;

    /// <summary>Kind of an embedding of the task's description.</summary>
    public const string TaskKind = "task";

    // A remote embedder that just failed is not asked again for queries at once: each task's first call would wait for it.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);
    private const int FailuresUntilPause = 3;

    private readonly IEmbeddingGenerator<string, Embedding<float>>? _model;
    private readonly EmbeddingOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private int _failures;
    private long _pausedUntil;

    /// <summary>A service for some settings.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="logger">Where failures of the remote embedder go.</param>
    /// <param name="environment">Reads an environment variable; null for the process's own.</param>
    /// <param name="remote">The remote embedder in place of <see cref="OpenAiEmbedder"/>, for applications with one of their own. The service disposes it.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public EmbeddingService(
        EmbeddingOptions options,
        ILogger<EmbeddingService>? logger = null,
        Func<string, string?>? environment = null,
        IEmbeddingGenerator<string, Embedding<float>>? remote = null,
        TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _logger = (ILogger?)logger ?? NullLogger.Instance;
        _time = time ?? TimeProvider.System;
        environment ??= Environment.GetEnvironmentVariable;
        if (options.Provider == EmbeddingProvider.Local)
        {
            _model = remote ?? LocalEmbedding.TryCreate();
            Problem = _model is null ? $"Embeddings:Provider is local and the package LlmProxy.Embeddings.Local is missing: {LocalEmbedderPackage.HowToAdd} Until then the lexical embedder answers." : null;
            IsLocal = _model is not null;
            return;
        }

        var key = FirstOf(options.ApiKey, environment("BYTEBOT_EMBEDDING_API_KEY"), environment("OPENAI_API_KEY"));
        var wantsRemote = options.Provider == EmbeddingProvider.OpenAi
            || (options.Provider == EmbeddingProvider.Auto && (key is not null || remote is not null));
        if (!wantsRemote)
        {
            remote?.Dispose();
            return;
        }

        if (remote is null && key is null && options.Endpoint is null)
        {
            Problem = "Embeddings:Provider is openai and there is no key: set Embeddings:ApiKey, BYTEBOT_EMBEDDING_API_KEY or OPENAI_API_KEY. Until then the lexical embedder answers.";
            return;
        }

        if (!Uri.TryCreate(options.Endpoint ?? OpenAiEmbedder.DefaultEndpoint, UriKind.Absolute, out var endpoint))
        {
            remote?.Dispose();
            Problem = $"Embeddings:Endpoint '{options.Endpoint}' is no address, such as {OpenAiEmbedder.DefaultEndpoint}. Until then the lexical embedder answers.";
            return;
        }

        // Servers on one's own machine often take no key; the SDK wants a text.
        _model = remote ?? new OpenAiEmbedder(endpoint, key ?? "none", options.Model, options.Dimensions);
        Endpoint = endpoint;
    }

    /// <summary>Whether a remote embedder is in use: texts leave this process.</summary>
    public bool IsRemote => _model is not null && !IsLocal;

    /// <summary>Whether the sentence encoder of LlmProxy.Embeddings.Local is in use. Its vectors are fused with the lexical ones.</summary>
    public bool IsLocal { get; }

    /// <summary><c>openai</c>, <c>local</c> or <c>lexical</c>.</summary>
    public string Provider => IsRemote ? "openai" : IsLocal ? "local" : "lexical";

    /// <summary>Model of the embedder in use.</summary>
    public string Model => IsRemote ? _options.Model : IsLocal ? LocalEmbedding.ModelName : LexicalEmbedder.ModelName;

    /// <summary>Length of its vectors.</summary>
    public int Dimensions => IsRemote ? _options.Dimensions : IsLocal ? LocalEmbedding.Dimensions : LexicalEmbedder.Dimensions;

    /// <summary>Its default threshold.</summary>
    public double DefaultMinSimilarity => IsRemote ? DefaultRemoteMinSimilarity : IsLocal ? LocalEmbedding.DefaultMinSimilarity : LexicalEmbedder.DefaultMinSimilarity;

    /// <summary>The longest time for finding examples if the settings do not say one.</summary>
    public TimeSpan DefaultTimeout => TimeSpan.FromMilliseconds(IsRemote ? 1500 : IsLocal ? 600 : 300);

    /// <summary>Where texts are sent, or null.</summary>
    public Uri? Endpoint { get; }

    /// <summary>What keeps the configured embedder from being used, with the fix, or null.</summary>
    public string? Problem { get; }

    /// <summary>The last failure of the remote embedder while it lasts, or null.</summary>
    public string? LastError { get; private set; }

    /// <summary>One sentence for people: which text goes where.</summary>
    public string Describe() => IsRemote
        ? string.Create(CultureInfo.InvariantCulture, $"Task descriptions (first user messages without secrets and boilerplate, at most {TaskText.DefaultMaxLength} characters) are sent to {Endpoint!.GetLeftPart(UriPartial.Path)} to be embedded by {Model}; the built-in {LexicalEmbedder.ModelName} answers when it does not.")
        : $"Task descriptions are embedded in this process by {(IsLocal ? $"{Model} and {LexicalEmbedder.ModelName}" : Model)}; no text is sent anywhere.";

    /// <summary>The vectors to store for a text. Never fails because of the remote embedder.</summary>
    /// <param name="text">The text.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    /// <param name="kind">What the text is.</param>
    public async Task<StoreEmbeddings> EmbedForStoreAsync(string text, CancellationToken cancellationToken, string kind = TaskKind) =>
        (await EmbedForStoreAsync([text], cancellationToken, kind))[0];

    /// <summary>The vectors to store for several texts, with as few calls of the remote embedder as it allows.</summary>
    public async Task<IReadOnlyList<StoreEmbeddings>> EmbedForStoreAsync(IReadOnlyList<string> texts, CancellationToken cancellationToken, string kind = TaskKind)
    {
        ArgumentNullException.ThrowIfNull(texts);
        GeneratedEmbeddings<Embedding<float>>? remote = null;
        string? error = null;
        var isRefused = false;

        // The remote embedder responds 400 to an empty text.
        var sent = texts.Where(t => !string.IsNullOrWhiteSpace(t)).ToList();
        if (_model is not null && sent.Count > 0)
        {
            try
            {
                remote = await _model.GenerateAsync(sent, cancellationToken: cancellationToken);
                Succeeded();
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                error = Failed(e);
                isRefused = e is ClientResultException { Status: 400 or 413 or 422 };
                RetrievalLog.StoredWithoutRemoteVector(_logger, texts.Count, Model, error);
            }
        }

        var result = new List<StoreEmbeddings>(texts.Count);
        var next = 0;
        foreach (var text in texts)
        {
            List<TrajectoryEmbedding> vectors = [new(LexicalEmbedder.ModelName, kind, LexicalEmbedder.Embed(text), text)];
            if (remote is not null && !string.IsNullOrWhiteSpace(text))
            {
                vectors.Add(new TrajectoryEmbedding(Model, kind, remote[next++].Vector.ToArray(), text));
            }

            result.Add(new StoreEmbeddings(vectors, error) { RemoteRefused = isRefused });
        }

        return result;
    }

    /// <summary>The vector to search with: the remote embedder's if it responds in time, else the lexical one.</summary>
    /// <param name="text">The task at hand.</param>
    /// <param name="timeout">Longest wait for the remote embedder.</param>
    /// <param name="frequencies">Document frequencies for the lexical vector, or null for none.</param>
    /// <param name="cancellationToken">Cancels everything, the fallback too.</param>
    public async Task<EmbeddedQuery> EmbedQueryAsync(
        string text,
        TimeSpan timeout,
        Func<IReadOnlyCollection<int>, CancellationToken, Task<DocumentFrequencies>>? frequencies,
        CancellationToken cancellationToken)
    {
        string? reason = null;
        if (_model is not null)
        {
            (var vector, reason) = await AskRemoteAsync(_model, text, timeout, cancellationToken);
            if (vector is not null)
            {
                return new EmbeddedQuery(Model, vector, DefaultMinSimilarity, null);
            }
        }

        return await EmbedLexicallyAsync(text, reason, frequencies, cancellationToken);
    }

    /// <summary>The lexical vector to search with.</summary>
    /// <param name="text">The task at hand.</param>
    /// <param name="reason">Why the remote embedder's is not used; null if there is none.</param>
    /// <param name="frequencies">Document frequencies, or null for none.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    public async Task<EmbeddedQuery> EmbedLexicallyAsync(
        string text, string? reason, Func<IReadOnlyCollection<int>, CancellationToken, Task<DocumentFrequencies>>? frequencies, CancellationToken cancellationToken)
    {
        var known = frequencies is null ? null : await frequencies(LexicalEmbedder.Buckets(text), cancellationToken);
        var lexical = known is null ? LexicalEmbedder.Embed(text) : LexicalEmbedder.EmbedQuery(text, known);
        return new EmbeddedQuery(LexicalEmbedder.ModelName, lexical, LexicalEmbedder.DefaultMinSimilarity, reason);
    }

    /// <inheritdoc />
    public void Dispose() => _model?.Dispose();

    private async Task<(float[]? Vector, string? Reason)> AskRemoteAsync(
        IEmbeddingGenerator<string, Embedding<float>> remote, string text, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_time.GetTimestamp() < Interlocked.Read(ref _pausedUntil))
        {
            return (null, LastError ?? "paused");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            // WaitAsync in addition to the token: an embedder that ignores its token must not block a request either.
            var answer = await remote.GenerateAsync([text], IsLocal ? LocalEmbedding.Query : null, limit.Token).WaitAsync(limit.Token);
            Succeeded();
            return (answer[0].Vector.ToArray(), null);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var reason = limit.IsCancellationRequested ? Failed(new TimeoutException("timeout")) : Failed(e);
            RetrievalLog.QueryFellBack(_logger, Model, reason);
            return (null, reason);
        }
    }

    private void Succeeded()
    {
        LastError = null;
        Interlocked.Exchange(ref _failures, 0);
        Interlocked.Exchange(ref _pausedUntil, 0);
    }

    private string Failed(Exception e)
    {
        // The first line: SDK messages carry the whole response below it, and that may repeat the text.
        var reason = e.Message.AsSpan().Trim();
        var end = reason.IndexOfAny('\r', '\n');
        LastError = (end < 0 ? reason : reason[..end]).ToString();
        if (LastError.Length == 0)
        {
            LastError = e.GetType().Name;
        }

        if (Interlocked.Increment(ref _failures) >= FailuresUntilPause)
        {
            Interlocked.Exchange(ref _pausedUntil, _time.GetTimestamp() + (long)(Pause.TotalSeconds * _time.TimestampFrequency));
        }

        return LastError;
    }

    private static string? FirstOf(params string?[] values) => Array.Find(values, value => !string.IsNullOrWhiteSpace(value))?.Trim();
}
