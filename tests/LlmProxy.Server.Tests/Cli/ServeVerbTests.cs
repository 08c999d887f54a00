using System.Diagnostics;
using LlmProxy.Server.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

public sealed class ServeVerbTests
{
    [Fact]
    public async Task It_says_where_to_point_agents_what_is_in_use_and_what_is_off()
    {
        using var folder = new TestFolder();
        var (text, code) = await ServeAsync([.. folder.Alone[2..], "--LlmProxy:Recording:MinDuration=00:00:05"], "--urls", "http://127.0.0.1:0");

        Assert.Equal(0, code);
        Assert.Matches(@"^LlmProxy [\d.]+ listens on http://127\.0\.0\.1:\d+\n", text);
        Assert.Matches(@"Anthropic Messages +http://127\.0\.0\.1:\d+/anthropic +-> https://api\.anthropic\.com/\n", text);
        Assert.Matches(@"OpenAI Chat and Responses +http://127\.0\.0\.1:\d+/openai/v1 +-> https://api\.openai\.com/\n", text);
        Assert.Matches(@"Codex with a ChatGPT login +http://127\.0\.0\.1:\d+/codex +-> https://chatgpt\.com/backend-api/codex/\n", text);
        Assert.Matches(@"Gemini +http://127\.0\.0\.1:\d+/gemini +-> https://generativelanguage\.googleapis\.com/\n", text);
        Assert.Matches(@"any other server +http://127\.0\.0\.1:\d+/proxy/v1 +-> http://localhost:4000/\n", text);
        Assert.Contains($"Store         sqlite, {folder["llmproxy.db"]}\n", text, StringComparison.Ordinal);
        Assert.Contains("Embedder      lexical, lexical-1. ", text, StringComparison.Ordinal);
        Assert.Contains("content of anthropic runs; metrics of every run. Runs under 5 s lose their content.", text, StringComparison.Ordinal);
        Assert.Contains("; recorded text of anthropic runs, as examples in the prompts of other models, to the upstreams of their routes; nothing else is sent anywhere.\n", text, StringComparison.Ordinal);
        Assert.Contains("keys: anyone who can connect to this address can use the proxy", text, StringComparison.Ordinal);
        Assert.Contains("llmproxy tasks list", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', text);
    }

    [Fact]
    public async Task It_says_what_text_is_sent_to_an_embedder_of_somebody_elses_and_where_that_is()
    {
        using var folder = new TestFolder();
        var (text, _) = await ServeAsync(
            [.. folder.Alone[2..4], "--LlmProxy:Embeddings:Provider=openai", "--LlmProxy:Embeddings:ApiKey=sk-operator", "--LlmProxy:Embeddings:Endpoint=http://127.0.0.1:9/v1?secret=x"], "--urls", "http://127.0.0.1:0");

        Assert.Contains(
            "Embedder      openai, text-embedding-3-small. Task descriptions (first user messages without secrets and boilerplate, at most 2000 characters) are sent to http://127.0.0.1:9/v1 to be embedded by text-embedding-3-small; the built-in lexical-1 answers when it does not.\n",
            text,
            StringComparison.Ordinal);
        Assert.Contains("task descriptions to the embedder above.\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("sk-operator", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Insecure_without_keys_shares_no_examples()
    {
        using var folder = new TestFolder();
        var (text, code) = await ServeAsync(folder.Alone[2..], "--urls", "http://0.0.0.0:0", "--insecure");

        Assert.Equal(0, code);
        Assert.Contains("examples: with --insecure and no keys", text, StringComparison.Ordinal);
        Assert.Contains("Examples      off\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("prompts of other models", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upstreams_whose_certificate_is_not_checked_are_refused_and_named()
    {
        using var folder = new TestFolder();
        string[] settings = [.. folder.Alone[2..], "--ReverseProxy:Clusters:proxy:HttpClient:DangerousAcceptAnyServerCertificate=True", "--ReverseProxy:Clusters:codex:HttpClient:DangerousAcceptAnyServerCertificate=true", "--ReverseProxy:Clusters:openai:HttpClient:DangerousAcceptAnyServerCertificate=false"];

        var refused = await Llmproxy.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. settings]);
        var (allowed, code) = await ServeAsync(settings, "--urls", "http://127.0.0.1:0", "--insecure-upstreams");

        Assert.Equal((1, ""), (refused.Code, refused.Output));
        Assert.Contains("codex, proxy", refused.Error, StringComparison.Ordinal);
        Assert.Contains("--insecure-upstreams", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, code);
        Assert.Contains("Off           certificate checks: not for the upstreams codex, proxy", allowed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--ReverseProxy:Clusters:openai:SessionAffinity:Policy=Nonsense", "Nonsense")]
    [InlineData("--ReverseProxy:Clusters:openai:SessionAffinity:FailurePolicy=Nonsense", "Nonsense")]
    [InlineData("--ReverseProxy:Clusters:openai:SessionAffinity:AffinityKeyName=", "key name")]
    public async Task Session_affinity_that_cannot_work_is_refused_with_a_message(string setting, string named)
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. folder.Alone[2..], "--ReverseProxy:Clusters:openai:SessionAffinity:Enabled=true", "--ReverseProxy:Clusters:openai:SessionAffinity:AffinityKeyName=x", setting]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains("openai", outcome.Error, StringComparison.Ordinal);
        Assert.Contains(named, outcome.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("section ReverseProxy", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_local_embedder_without_its_package_is_refused_with_the_command_that_adds_it()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. folder.Alone[2..4], "--LlmProxy:Embeddings:Provider=local"]);

        Assert.Equal((1, ""), (outcome.Code, outcome.Output));
        Assert.Contains("Embeddings:Provider", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("dotnet tool install -g llmproxy-local", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_used_port_is_told_with_the_fix()
    {
        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        var outcome = await Llmproxy.RunAsync(proxy, ["serve", .. folder.Alone[2..]]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains($"127.0.0.1:{proxy.Address.Port}", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("is in use", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("--urls", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>Serves until it has said that it does.</summary>
    private static async Task<(string Text, int Code)> ServeAsync(string[] settings, params string[] arguments)
    {
        using var output = new Lines();
        using var error = new StringWriter();
        using var stop = new CancellationTokenSource();
        var serving = CommandLine.RunAsync([.. arguments, .. settings], new CliConsole(output, error, isTerminal: false), stop.Token);
        var started = Stopwatch.GetTimestamp();
        while (!serving.IsCompleted && !output.Text.Contains("llmproxy doctor", StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60), output.Text + error);
            await Task.Delay(20);
        }

        await stop.CancelAsync();
        var code = await serving;
        Assert.Equal("", error.ToString());
        return (output.Text, code);
    }

    /// <summary>A writer that another thread may read.</summary>
    private sealed class Lines : StringWriter
    {
        private readonly Lock _lock = new();

        public string Text
        {
            get
            {
                lock (_lock)
                {
                    return ToString();
                }
            }
        }

        public override Task WriteLineAsync(string? value)
        {
            lock (_lock)
            {
                WriteLine(value);
            }

            return Task.CompletedTask;
        }
    }
}
