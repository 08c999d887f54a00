using LlmProxy.Core.Configuration;
using LlmProxy.Core.Retrieval;
using Microsoft.Extensions.AI;

namespace LlmProxy.Tests.Retrieval;

public sealed class EmbeddingServiceTests
{
    private static readonly Func<string, string?> NoEnvironment = _ => null;

    [Theory]
    [InlineData(EmbeddingProvider.Auto, null, null, "lexical", 0.4)]
    [InlineData(EmbeddingProvider.Auto, "sk-1", null, "openai", 0.7)]
    [InlineData(EmbeddingProvider.Auto, null, "sk-1", "openai", 0.7)]
    [InlineData(EmbeddingProvider.OpenAi, "sk-1", null, "openai", 0.7)]
    [InlineData(EmbeddingProvider.Lexical, "sk-1", "sk-1", "lexical", 0.4)]
    public void The_settings_and_the_environment_decide_which_embedder_is_in_use(EmbeddingProvider provider, string? key, string? environmentKey, string expected, double threshold)
    {
        using var service = new EmbeddingService(new EmbeddingOptions { Provider = provider, ApiKey = key }, environment: n => n is "OPENAI_API_KEY" ? environmentKey : null);

        Assert.Equal((expected, threshold), (service.Provider, service.DefaultMinSimilarity));
        Assert.Null(service.Problem);
    }

    [Fact]
    public void A_wish_for_openai_without_a_key_is_a_problem_with_its_fix_and_lexical_answers()
    {
        using var service = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.OpenAi }, environment: NoEnvironment);

        Assert.False(service.IsRemote);
        Assert.Contains("OPENAI_API_KEY", service.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wish_for_the_local_embedder_without_its_package_is_a_problem_with_its_fix_and_lexical_answers()
    {
        using var service = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Local, ApiKey = "sk-1" }, environment: NoEnvironment);

        Assert.Equal(("lexical", false, false), (service.Provider, service.IsRemote, service.IsLocal));
        Assert.Contains("dotnet add package LlmProxy.Embeddings.Local", service.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_own_server_needs_no_key()
    {
        using var service = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.OpenAi, Endpoint = "http://127.0.0.1:11434/v1", Model = "nomic-embed-text", Dimensions = 768 }, environment: NoEnvironment);

        Assert.True(service.IsRemote);
        Assert.Equal(("nomic-embed-text", 768), (service.Model, service.Dimensions));
    }

    [Fact]
    public void One_sentence_says_what_is_sent_where_and_holds_no_key()
    {
        using var local = new EmbeddingService(new EmbeddingOptions(), environment: NoEnvironment);
        using var remote = new EmbeddingService(new EmbeddingOptions { ApiKey = "sk-hidden" }, environment: NoEnvironment);

        Assert.Equal("Task descriptions are embedded in this process by lexical-1; no text is sent anywhere.", local.Describe());
        Assert.Contains("sent to https://api.openai.com/v1 to be embedded by text-embedding-3-small", remote.Describe(), StringComparison.Ordinal);
        Assert.DoesNotContain("sk-hidden", remote.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_remote_embedder_that_misses_its_time_is_replaced_by_the_lexical_one()
    {
        using var service = Remote(new ScriptedEmbedder(async _ =>
        {
            await Task.Delay(Timeout.Infinite);
            return null!;
        }));

        var query = await service.EmbedQueryAsync("cancel my flight", TimeSpan.FromMilliseconds(20), null, default);

        Assert.Equal((LexicalEmbedder.ModelName, "timeout", LexicalEmbedder.DefaultMinSimilarity), (query.Model, query.FallbackReason, query.DefaultMinSimilarity));
        Assert.Equal(LexicalEmbedder.Embed("cancel my flight"), query.Vector);
    }

    [Fact]
    public async Task A_failure_leaves_the_lexical_vector_and_says_so_without_the_text()
    {
        using var service = Remote(new ScriptedEmbedder(_ => throw new InvalidOperationException("401 wrong key\nthe text itself")));

        var stored = await service.EmbedForStoreAsync("cancel my flight", default);
        var query = await service.EmbedQueryAsync("cancel my flight", TimeSpan.FromSeconds(30), null, default);

        Assert.Equal([LexicalEmbedder.ModelName], stored.Embeddings.Select(e => e.Model));
        Assert.Equal("401 wrong key", stored.RemoteError);
        Assert.Equal("401 wrong key", query.FallbackReason);
        Assert.Equal("401 wrong key", service.LastError);
    }

    [Fact]
    public async Task After_three_failures_queries_do_not_wait_for_it_for_a_while()
    {
        var calls = 0;
        var embedder = new ScriptedEmbedder(_ =>
        {
            calls++;
            throw new InvalidOperationException("down");
        });
        using var service = Remote(embedder);

        for (var i = 0; i < 6; i++)
        {
            Assert.Equal("down", (await service.EmbedQueryAsync("x", TimeSpan.FromSeconds(30), null, default)).FallbackReason);
        }

        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task Empty_texts_are_not_sent_and_the_others_keep_their_vectors()
    {
        using var service = Remote(new ScriptedEmbedder(texts => Task.FromResult(new GeneratedEmbeddings<Embedding<float>>(texts.Select(t => new Embedding<float>(new[] { 1f, t.Length }))))));

        var stored = await service.EmbedForStoreAsync(["one", " ", "three"], default);

        Assert.Equal([2, 1, 2], stored.Select(s => s.Embeddings.Count));
        Assert.Equal([1f, 5f], stored[2].Embeddings[1].Vector);
        Assert.All(stored, s => Assert.Null(s.RemoteError));
    }

    [Fact]
    public async Task A_caller_who_leaves_gets_no_fallback()
    {
        using var service = Remote(new ScriptedEmbedder(_ => throw new InvalidOperationException("down")));
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => service.EmbedForStoreAsync("x", gone.Token));
    }

    internal static EmbeddingService Remote(IEmbeddingGenerator<string, Embedding<float>> embedder) =>
        new(new EmbeddingOptions { Provider = EmbeddingProvider.OpenAi, Model = "remote", Dimensions = 2 }, environment: NoEnvironment, remote: embedder);

    internal sealed class ScriptedEmbedder(Func<IReadOnlyList<string>, Task<GeneratedEmbeddings<Embedding<float>>>> answer) : IEmbeddingGenerator<string, Embedding<float>>
    {
        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default) => answer([.. values]);

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
