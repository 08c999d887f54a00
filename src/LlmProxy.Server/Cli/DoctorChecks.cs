using System.Globalization;
using System.Runtime.CompilerServices;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Server.Cli;

/// <summary>Looks at each part by itself, without a server: what is broken must not hide the rest.</summary>
internal sealed class DoctorChecks(ProxyConfiguration configuration) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private SqlTrajectoryStore? _store;

    private LlmProxyOptions Options => configuration.Options;

    /// <summary>All findings.</summary>
    /// <param name="text">A task to look for examples for, or null.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async IAsyncEnumerable<Finding> RunAsync(string? text, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (store, storeFinding) = await StoreAsync(cancellationToken);
        yield return storeFinding;
        yield return Spool();
        using var embeddings = new EmbeddingService(Options.Embeddings);
        yield return await EmbeddingsAsync(embeddings, cancellationToken);
        yield return Recording();
        foreach (var finding in Templates())
        {
            yield return finding;
        }

        yield return Prompts();
        if (store is not null)
        {
            yield return await ExamplesAsync(store, embeddings, text, cancellationToken);
            if (await VectorsAsync(store, embeddings, cancellationToken) is { } vectors)
            {
                yield return vectors;
            }
        }
    }

    public ValueTask DisposeAsync() => _store?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<(SqlTrajectoryStore? Store, Finding Finding)> StoreAsync(CancellationToken cancellationToken)
    {
        var place = $"{Options.Storage.Provider.Word()}, {StorePlace.Describe(Options.Storage, configuration.BaseDirectory)}";
        var isPostgres = Options.Storage.Provider == StoreProvider.Postgres;
        var fix = isPostgres
            ? "Check LlmProxy:Storage:ConnectionString and that the server runs. pgvector: CREATE EXTENSION IF NOT EXISTS vector; in that database, as its owner."
            : "Check LlmProxy:Storage:ConnectionString, and that its folder exists and may be written.";
        try
        {
            _store = StoreFactory.Create(Options.Storage, configuration.BaseDirectory, TimeProvider.System);
            await _store.InitializeAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
            var health = await _store.CheckAsync(cancellationToken).WaitAsync(Patience, cancellationToken);
            return health.Ok
                ? (_store, Finding.Ok("store", string.Create(CultureInfo.InvariantCulture, $"{place}, schema {health.SchemaVersion}{(health.Details.Length > 0 ? ", " + health.Details : "")}")))
                : (null, new Finding("store", FindingLevel.Fail, $"{place}: {health.Error}", fix));
        }
        catch (Exception error) when (error is StoreException or TimeoutException or IOException or UnauthorizedAccessException)
        {
            return (null, new Finding("store", FindingLevel.Fail, $"{place}: {(error is TimeoutException ? $"no answer within {Patience.TotalSeconds} seconds" : Innermost(error))}", fix));
        }
    }

    private Finding Spool()
    {
        var folder = configuration.Resolve(Options.Recording.Spool.Directory);
        try
        {
            PrivateFiles.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".doctor-{Guid.NewGuid():N}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return Finding.Ok("spool", folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new Finding("spool", FindingLevel.Fail, $"{folder}: {error.Message}", "Nothing is recorded like this. Make the folder writable, or name another in LlmProxy:Recording:Spool:Directory.");
        }
    }

    private static async Task<Finding> EmbeddingsAsync(EmbeddingService embeddings, CancellationToken cancellationToken)
    {
        if (embeddings.Problem is { } problem)
        {
            return new Finding("embeddings", FindingLevel.Warn, "the lexical embedder answers in place of the configured one", problem);
        }

        if (!embeddings.IsRemote)
        {
            return Finding.Ok("embeddings", embeddings.Describe());
        }

        var answer = await embeddings.EmbedQueryAsync("llmproxy doctor", Patience, null, cancellationToken);
        return answer.FallbackReason is { } reason
            ? new Finding("embeddings", FindingLevel.Fail, $"{embeddings.Model} at {embeddings.Endpoint} does not answer: {reason}", "Check the key (BYTEBOT_EMBEDDING_API_KEY, OPENAI_API_KEY) and LlmProxy:Embeddings:Endpoint; LlmProxy:Embeddings:Provider=lexical does without. Until then the lexical embedder answers.")
            : Finding.Ok("embeddings", embeddings.Describe());
    }

    private Finding Recording()
    {
        var recording = Options.Recording;
        if (!recording.Enabled)
        {
            return new Finding("recording", FindingLevel.Warn, "off: nothing is recorded, so nothing is learnt", "LlmProxy:Recording:Enabled=true");
        }

        if (recording.Providers.Count == 0)
        {
            return new Finding("recording", FindingLevel.Warn, "metrics alone: no provider's content is kept", "LlmProxy:Recording:Providers=anthropic");
        }

        var sources = Options.FewShot.SourceProviders.Except(recording.Providers, StringComparer.OrdinalIgnoreCase).ToList();
        return sources.Count > 0
            ? new Finding("recording", FindingLevel.Warn, $"examples are wanted from {string.Join(", ", sources)}, whose content is not kept", "Name the same providers in LlmProxy:Recording:Providers and LlmProxy:FewShot:SourceProviders.")
            : Finding.Ok("recording", string.Create(CultureInfo.InvariantCulture, $"on for {string.Join(", ", recording.Providers)}; runs under {recording.MinDuration.TotalSeconds:0.##} s {(recording.Failures ? "lose their content" : "and failed ones lose their content")}"));
    }

    private IEnumerable<Finding> Templates()
    {
        using var directory = new TemplateDirectory(configuration.Resolve(Options.Prompts.Directory), NullLogger.Instance);
        var broken = directory.Status.Where(file => !file.Ok).ToList();
        foreach (var file in broken)
        {
            yield return new Finding("templates", FindingLevel.Fail, $"{file.Path}: {file.Error}", "Correct the file; a running proxy takes it up by itself. Until then the last good version serves, and after a restart none.");
        }

        if (broken.Count == 0)
        {
            var folder = configuration.Resolve(Options.Prompts.Directory);
            yield return Finding.Ok("templates", $"{directory.Status.Count} files, {(Directory.Exists(folder) ? folder : "built in")}");
        }
    }

    private Finding Prompts()
    {
        if (!Options.Prompts.Enabled)
        {
            return new Finding("prompts", FindingLevel.Warn, "off: no prompt is rewritten", "LlmProxy:Prompts:Enabled=true");
        }

        return !Options.FewShot.Enabled || Options.FewShot.Count == 0
            ? new Finding("prompts", FindingLevel.Warn, "on, without examples", "LlmProxy:FewShot:Enabled=true and LlmProxy:FewShot:Count=3")
            : Finding.Ok("prompts", $"on, before the heading \"{Options.Prompts.InsertBefore}\", for requests that offer tools");
    }

    private async Task<Finding> ExamplesAsync(SqlTrajectoryStore store, EmbeddingService embeddings, string? text, CancellationToken cancellationToken)
    {
        var runs = await store.ListAsync(new TrajectoryQuery(Caller.DefaultTenant) { Success = true, MinQuality = Options.Quality.Threshold, Limit = 500 }, cancellationToken);
        var usable = runs.Items.Count(run => run.HasContent && Options.FewShot.SourceProviders.Contains(run.Provider, StringComparer.OrdinalIgnoreCase));
        if (usable == 0)
        {
            return new Finding(
                "examples",
                FindingLevel.Warn,
                string.Create(CultureInfo.InvariantCulture, $"no run of {string.Join(", ", Options.FewShot.SourceProviders)} with content scores {Options.Quality.Threshold:0.##} or more"),
                "Let Claude do a task through the proxy; \"llmproxy tasks list\" shows what came of it, \"llmproxy demo\" how it should look.");
        }

        if (text is null)
        {
            return Finding.Ok("examples", string.Create(CultureInfo.InvariantCulture, $"{usable}{(runs.NextCursor is null ? "" : " or more")} runs may serve; --text \"a task\" says which for it"));
        }

        var search = new ExampleSearch(store, store, embeddings, Options.FewShot, Options.Quality, NullLogger<ExampleSearch>.Instance);
        var found = await search.FindAsync(
            new ExampleQuery(Caller.DefaultTenant, text, Math.Max(1, Options.FewShot.Count)) { Providers = Options.FewShot.SourceProviders }, cancellationToken);
        var best = found.Best is { } b ? string.Create(CultureInfo.InvariantCulture, $"; the best similarity is {Math.Floor(b * 1000) / 1000:0.000}") : "";
        return found.Chosen.Count > 0
            ? Finding.Ok("examples", string.Create(CultureInfo.InvariantCulture, $"{found.Chosen.Count} for this task (similarity >= {found.Threshold:0.00}{best})"))
            : new Finding("examples", FindingLevel.Warn, string.Create(CultureInfo.InvariantCulture, $"none for this task: the threshold is {found.Threshold:0.00}{best}"), "\"llmproxy search\" gives the reason for each run; LlmProxy:FewShot:MinSimilarity lowers the threshold.");
    }

    /// <summary>Runs that have no vector of the embedder in use; null where every run has one.</summary>
    private static async Task<Finding?> VectorsAsync(SqlTrajectoryStore store, EmbeddingService embeddings, CancellationToken cancellationToken)
    {
        var lacking = await store.CountRunTextsAsync(
            new TrajectoryTextsQuery(Caller.DefaultTenant, 1) { Lacking = [new VectorKind(embeddings.Model, embeddings.Dimensions)] }, cancellationToken);
        return lacking == 0
            ? null
            : new Finding("vectors", FindingLevel.Warn, string.Create(CultureInfo.InvariantCulture, $"{lacking} runs have no vector of {embeddings.Model} and are found by their words alone"), "llmproxy embed");
    }

    private static string Innermost(Exception error)
    {
        while (error.InnerException is { } inner)
        {
            error = inner;
        }

        return error.Message;
    }
}
