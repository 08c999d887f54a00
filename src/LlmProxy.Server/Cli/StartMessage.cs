using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using LlmProxy.Server.Dashboard;
using LlmProxy.Server.Hosting;
using LlmProxy.Server.Upstreams;

namespace LlmProxy.Server.Cli;

/// <summary>
/// The message of <c>serve</c> after its start: base URLs for agents, store and embedder, where texts are sent, what is
/// off and why, and how to list runs. Plain text, since it also ends up in logs.
/// </summary>
internal sealed class StartMessage(WebApplication app, ProxyConfiguration configuration, bool isShared)
{
    private LlmProxyOptions Options => configuration.Options;

    /// <summary>Writes the message.</summary>
    public async Task WriteAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var store = app.Services.GetRequiredService<IStoreLifecycle>();
        var health = await HealthEndpoints.CheckAsync(store, cancellationToken);
        foreach (var line in Lines(store, health))
        {
            await output.WriteLineAsync(line);
        }

        await output.FlushAsync(CancellationToken.None);
    }

    private IEnumerable<string> Lines(IStoreLifecycle store, StoreHealth health)
    {
        var origins = app.Urls.ToList();
        var origin = origins[0].Replace("://0.0.0.0", "://localhost", StringComparison.Ordinal).Replace("://[::]", "://localhost", StringComparison.Ordinal);
        yield return $"LlmProxy {StatusEndpoints.ProgramVersion} listens on {string.Join(", ", origins)}";
        yield return "";
        yield return "Point agents here:";
        foreach (var url in BaseUrls.Of(configuration.Root, origin))
        {
            yield return $"  {Speaks(url),-30} {url.Address,-38} -> {url.Upstream}";
        }

        yield return "  \"llmproxy connect claude-code\" (codex, gemini-cli, opencode, bytebot, sdk) prints the settings of a client.";
        yield return "";
        yield return Field("Settings", configuration.File ?? "built-in defaults (\"llmproxy init\" writes them to files)");
        yield return Field("Store", $"{store.Provider}, {StorePlace.Describe(Options.Storage, configuration.BaseDirectory)}{(health.Ok ? "" : $" -- UNAVAILABLE: {health.Error}")}");
        yield return Field("Spool", configuration.Resolve(Options.Recording.Spool.Directory));
        foreach (var line in Embeddings())
        {
            yield return line;
        }

        yield return Field("Recording", Recording());
        yield return Field("Examples", Examples());
        yield return Field("Prompts", Prompts());
        yield return Field("Text goes to", TextGoesTo());
        foreach (var off in Off(health))
        {
            yield return Field("Off", off);
        }

        yield return Field("Runs", $"llmproxy tasks list, llmproxy tasks show last, {origin}{ApiEndpoints.Prefix}/trajectories");
        if (Options.Dashboard.Enabled)
        {
            yield return Field("Dashboard", $"{origin}{DashboardEndpoints.Prefix}{(Options.Auth.Keys.Count == 0 ? " (\"llmproxy ui\" opens it for editing)" : "")}");
        }

        yield return Field("Problems", "llmproxy doctor");
        yield return "";
    }

    private IEnumerable<string> Embeddings()
    {
        var embeddings = app.Services.GetRequiredService<EmbeddingService>();
        yield return Field("Embedder", $"{embeddings.Provider}, {embeddings.Model}. {embeddings.Describe()}");
        if (embeddings.Problem is { } problem)
        {
            yield return Field("", problem);
        }
    }

    private string TextGoesTo()
    {
        var fewShot = Options.FewShot;
        var places = new List<string> { "requests to the upstream of their route", "recorded text to the store above" };
        if (fewShot.Enabled && fewShot.Count > 0 && Options.Prompts.Enabled)
        {
            places.Add($"recorded text of {string.Join(", ", fewShot.SourceProviders)} runs, as examples in the prompts of other models, to the upstreams of their routes");
        }

        if (Options.Telemetry is { Otlp: not null, CaptureContent: true })
        {
            places.Add("prompts and replies to the telemetry receiver");
        }

        if (Options.Judge.Enabled)
        {
            places.Add(JudgeDestination.Describe(Options.Judge));
        }

        places.Add(app.Services.GetRequiredService<EmbeddingService>().IsRemote ? "task descriptions to the embedder above." : "nothing else is sent anywhere.");
        return string.Join("; ", places);
    }

    private string Recording()
    {
        var recording = Options.Recording;
        if (!recording.Enabled)
        {
            return "off";
        }

        return $"content of {(recording.Providers.Count == 0 ? "no" : string.Join(", ", recording.Providers))} runs; metrics of every run. "
            + (recording.MinDuration is not { } least ? "Runs under 5 s without a tool call lose their content. "
                : least > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"Runs under {least.TotalSeconds:0.##} s lose their content. ") : "")
            + (recording.Failures ? "" : "Failed runs lose their content. ")
            + (recording.Redaction.Enabled ? "Secrets are redacted before storing." : "Secrets are NOT redacted (LlmProxy:Recording:Redaction is off).");
    }

    private string Examples()
    {
        var fewShot = Options.FewShot;
        return !fewShot.Enabled || fewShot.Count == 0
            ? "off"
            : string.Create(CultureInfo.InvariantCulture, $"up to {fewShot.Count} for each task, from {string.Join(", ", fewShot.SourceProviders)} runs that score {Options.Quality.Threshold:0.##} or more");
    }

    private string Prompts()
    {
        if (!Options.Prompts.Enabled)
        {
            return "off";
        }

        var templates = app.Services.GetRequiredService<TemplateDirectory>().Status;
        var folder = configuration.Resolve(Options.Prompts.Directory);
        return (Directory.Exists(folder) ? folder : "built-in templates") + $" ({templates.Count} files), before the heading \"{Options.Prompts.InsertBefore}\"; "
            + (Options.Prompts.RewriteClaude ? "Claude's prompts too" : "requests to Claude are never changed");
    }

    private IEnumerable<string> Off(StoreHealth health)
    {
        if (!Options.Recording.Enabled)
        {
            yield return "recording: LlmProxy:Recording:Enabled is false";
        }

        if (isShared)
        {
            yield return "examples: with --insecure and no keys, all callers share one tenant. Configure keys, or allow it with LlmProxy:Auth:SharedTenant=true";
        }
        else if (StatusEndpoints.WhyNoExamples(Options, health) is { } reason)
        {
            yield return "examples: " + reason;
        }

        if (!Options.Prompts.Enabled)
        {
            yield return "prompts: LlmProxy:Prompts:Enabled is false";
        }

        foreach (var broken in app.Services.GetRequiredService<TemplateDirectory>().Status.Where(file => !file.Ok))
        {
            yield return $"template {broken.Path}: {broken.Error}";
        }

        if (Options.Auth.Keys.Count == 0)
        {
            yield return $"keys: anyone who can connect to this address can use the proxy. Changing and deleting needs the token in {app.Services.GetRequiredService<LocalAccess>().TokenFile}";
        }

        if (UncheckedUpstreams.Of(configuration.Root) is { Count: > 0 } clusters)
        {
            yield return $"certificate checks: not for the upstreams {string.Join(", ", clusters)} (--insecure-upstreams); their connections can be read and changed on the way";
        }
    }

    private static string Speaks(BaseUrl url) => url.Route switch
    {
        "anthropic" => "Anthropic Messages",
        "openai" => "OpenAI Chat and Responses",
        "codex" => "Codex with a ChatGPT login",
        "gemini" => "Gemini",
        "proxy" => "any other server",
        _ => $"{url.Route} ({url.Provider})",
    };

    private static string Field(string name, string value) => $"{name,-14}{value}";
}
