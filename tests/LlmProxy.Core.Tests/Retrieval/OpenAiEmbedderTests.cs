using System.Numerics.Tensors;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Tests.Retrieval;

public sealed class OpenAiEmbedderTests : IDisposable
{
    private readonly EmbeddingServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public async Task It_sends_the_texts_the_model_and_the_operators_key_and_returns_vectors_of_length_1_in_order()
    {
        using var embedder = new OpenAiEmbedder(_server.Endpoint, "operator-key", "text-embedding-3-small", 1536);

        var answer = await embedder.GenerateAsync(["one", "three"]);

        var request = Assert.Single(_server.Requests);
        Assert.Equal("Bearer operator-key", request.Authorization);
        Assert.Equal("/v1/embeddings", request.Path);
        using var body = JsonDocument.Parse(request.Body);
        Assert.Equal("text-embedding-3-small", body.RootElement.GetProperty("model").GetString());
        Assert.Equal(["one", "three"], body.RootElement.GetProperty("input").EnumerateArray().Select(e => e.GetString()));
        Assert.False(body.RootElement.TryGetProperty("dimensions", out _), "the model's own length is not asked for");
        Assert.Equal(2, answer.Count);
        Assert.All(answer, e => Assert.Equal(1, TensorPrimitives.Norm(e.Vector.Span), 1e-5));
        Assert.NotEqual(0, answer[0].Vector.Span["one".Length]);
        Assert.NotEqual(0, answer[1].Vector.Span["three".Length]);
    }

    [Fact]
    public async Task A_shorter_vector_is_asked_for_where_the_model_can_and_never_elsewhere()
    {
        using var shorter = new OpenAiEmbedder(_server.Endpoint, "k", "text-embedding-3-large", 256);
        await shorter.GenerateAsync(["one"]);
        using var local = new OpenAiEmbedder(_server.Endpoint, "k", "nomic-embed-text", 768);
        await local.GenerateAsync(["one"]);

        Assert.Contains("\"dimensions\":256", _server.Requests.First().Body, StringComparison.Ordinal);
        Assert.DoesNotContain("dimensions", _server.Requests.Last().Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_vector_of_a_query_is_asked_for_once()
    {
        using var embedder = new OpenAiEmbedder(_server.Endpoint, "k", "m", 8);

        var first = await embedder.GenerateAsync(["same"]);
        var second = await embedder.GenerateAsync(["same"]);

        Assert.Single(_server.Requests);
        Assert.Equal(first[0].Vector.ToArray(), second[0].Vector.ToArray());
    }

    [Fact]
    public async Task Many_texts_go_in_batches()
    {
        using var embedder = new OpenAiEmbedder(_server.Endpoint, "k", "m", 8);

        var answer = await embedder.GenerateAsync(Enumerable.Range(0, 300).Select(i => new string('x', i % 7)));

        Assert.Equal(300, answer.Count);
        Assert.Equal(3, _server.Requests.Count);
        Assert.NotEqual(0, answer[299].Vector.Span[299 % 7]);
    }

    [Fact]
    public async Task A_server_that_is_busy_once_is_asked_again_by_the_sdk()
    {
        _server.Failures.Enqueue(429);
        using var embedder = new OpenAiEmbedder(_server.Endpoint, "k", "m", 8);

        Assert.Single(await embedder.GenerateAsync(["one"]));
        Assert.Equal(2, _server.Requests.Count);
    }

    [Fact]
    public async Task A_vector_of_another_length_is_refused_with_the_setting_that_fits()
    {
        _server.Length = 4;
        using var embedder = new OpenAiEmbedder(_server.Endpoint, "k", "m", 8);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => embedder.GenerateAsync(["one"]));
        Assert.Contains("Set Embeddings:Dimensions to 4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_service_uses_it_with_the_key_of_the_environment()
    {
        using var service = new EmbeddingService(
            new EmbeddingOptions { Endpoint = _server.Endpoint.ToString(), Model = "m", Dimensions = 8 },
            environment: n => n switch { "OPENAI_API_KEY" => "second", "BYTEBOT_EMBEDDING_API_KEY" => "first", _ => null });

        var query = await service.EmbedQueryAsync("one", TimeSpan.FromSeconds(30), null, default);
        var stored = await service.EmbedForStoreAsync("one", default);

        Assert.Equal(("m", 8, null), (query.Model, query.Vector.Length, query.FallbackReason));
        Assert.Equal(["lexical-1", "m"], stored.Embeddings.Select(e => e.Model));
        Assert.All(_server.Requests, r => Assert.Equal("Bearer first", r.Authorization));
    }
}
