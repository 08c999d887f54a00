using System.Runtime.CompilerServices;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using Microsoft.Extensions.Logging.Abstractions;
using static System.FormattableString;

namespace LlmProxy.Server.Cli;

/// <summary>Checks each component separately, without a server, so that one failure does not hide others.</summary>
internal sealed class DoctorChecks(ProxyConfiguration configuration, string tenant) : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private SqlTrajectoryStore? _store;

    private LlmProxyOptions Options => configuration.Options;

    /// <summary>Runs all checks.</summary>
    /// <param name="text">A task to find examples for, or null.</param>
    /// <param name="cancellationToken">Cancels the checks.</param>
    public async IAsyncEnumerable<CheckResult> RunAsync(string? text, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (store, storeResult) = await StoreAsync(cancellationToken);
        yield return storeResult;
        yield return Spool();
        using var embeddings = new EmbeddingService(Options.Embeddings);
        yield return await EmbeddingsAsync(embeddings, cancellationToken);
        yield return Recording();
        foreach (var result in Templates())
        {
            yield return result;
        }

        yield return Prompts();
        if (store is not null)
        {
            yield return await ExamplesAsync(store, embeddings, text, cancellationToken);
            if (Options.Judge.Enabled)
            {
                yield return await JudgeAsync(store, cancellationToken);
            }

            if (await VectorsAsync(store, embeddings, cancellationToken) is { } vectors)
            {
                yield return vectors;
            }
        }
    }

    public ValueTask DisposeAsync() => _store?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<(SqlTrajectoryStore? Store, CheckResult Result)> StoreAsync(CancellationToken cancellationToken)
    {
        var place = $"{Options.Storage.Provider.Word()}, {StorePlace.Describe(Options.Storage, configuration.BaseDirectory)}";
        var isPostgres = Options.Storage.Provider == StoreProvider.Postgres;
        var fix = isPostgres
            ? "Check LlmProxy:Storage:ConnectionString and that the server is running. If pgvector is missing, run CREATE EXTENSION IF NOT EXISTS vector; in that database as its owner."
            : "Check LlmProxy:Storage:ConnectionString, and that its folder exists and is writable.";
        try
        {
            _store = StoreFactory.Create(Options.Storage, configuration.BaseDirectory, TimeProvider.System);
            await _store.InitializeAsync(cancellationToken).WaitAsync(Timeout, cancellationToken);
            var health = await _store.CheckAsync(cancellationToken).WaitAsync(Timeout, cancellationToken);
            return health.Ok
                ? (_store, CheckResult.Ok("store", Invariant($"{place}, schema {health.SchemaVersion}{(health.Details.Length > 0 ? ", " + health.Details : "")}")))
                : (null, CheckResult.Fail("store", $"{place}: {health.Error}", fix));
        }
        catch (Exception error) when (error is StoreException or TimeoutException or IOException or UnauthorizedAccessException)
        {
            return (null, CheckResult.Fail("store", $"{place}: {(error is TimeoutException ? $"timeout after {Timeout.TotalSeconds} seconds" : Innermost(error))}", fix));
        }
    }

    private async Task<CheckResult> JudgeAsync(IJudgementStore store, CancellationToken cancellationToken)
    {
        var model = Options.Judge.Model!;
        var verdicts = await store.ListStatedVerdictsAsync(tenant, model, JudgeRubric.Version, cancellationToken);
        var calibration = JudgeCalibration.Of([.. verdicts.Select(v => (v.Judged, v.Stated, v.Task))]);
        var found = Invariant($"{model}: kappa {(calibration.Kappa is { } kappa ? Invariant($"{kappa:0.00}") : "unknown")} on {calibration.Count} stated outcomes");
        return calibration.MaySetOutcomes
            ? CheckResult.Ok("judge", found + "; it sets outcomes")
            : CheckResult.Warn(
                "judge",
                found + "; below the bar, so it sets no outcome",
                Invariant($"State outcomes (\"llmproxy tasks outcome ID --success\" or --failure) and run \"llmproxy judge calibrate\". The bar: {JudgeCalibration.MinOutcomes} stated outcomes, kappa {JudgeCalibration.MinKappa:0.0} with an interval above 0. If the judge stays below it, use another model in LlmProxy:Judge:Model."));
    }

    private CheckResult Spool()
    {
        var folder = configuration.Resolve(Options.Recording.Spool.Directory);
        try
        {
            PrivateFiles.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".doctor-{Guid.NewGuid():N}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
            return CheckResult.Ok("spool", folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return CheckResult.Fail("spool", $"{folder}: {error.Message}", "Make the folder writable, or set another in LlmProxy:Recording:Spool:Directory. Until then nothing is recorded.");
        }
    }

    private static async Task<CheckResult> EmbeddingsAsync(EmbeddingService embeddings, CancellationToken cancellationToken)
    {
        if (embeddings.Problem is { } problem)
        {
            return CheckResult.Warn("embeddings", "using the lexical embedder instead of the configured one", problem);
        }

        if (!embeddings.IsRemote)
        {
            return CheckResult.Ok("embeddings", embeddings.Describe());
        }

        var answer = await embeddings.EmbedQueryAsync("llmproxy doctor", Timeout, null, cancellationToken);
        return answer.FallbackReason is { } reason
            ? CheckResult.Fail("embeddings", $"{embeddings.Model} at {embeddings.Endpoint} is unavailable: {reason}", "Check the key (BYTEBOT_EMBEDDING_API_KEY, OPENAI_API_KEY) and LlmProxy:Embeddings:Endpoint; or use LlmProxy:Embeddings:Provider=lexical, which needs neither. Until then the lexical embedder is used.")
            : CheckResult.Ok("embeddings", embeddings.Describe());
    }

    private CheckResult Recording()
    {
        var recording = Options.Recording;
        if (!recording.Enabled)
        {
            return CheckResult.Warn("recording", "off: nothing is recorded, so there are no examples", "LlmProxy:Recording:Enabled=true");
        }

        if (recording.Providers.Count == 0)
        {
            return CheckResult.Warn("recording", "metrics only: content is kept for no provider", "LlmProxy:Recording:Providers=anthropic");
        }

        var sources = Options.FewShot.SourceProviders.Except(recording.Providers, StringComparer.OrdinalIgnoreCase).ToList();
        return sources.Count > 0
            ? CheckResult.Warn("recording", $"examples are configured to come from {string.Join(", ", sources)}, whose content is not kept", "Set the same providers in LlmProxy:Recording:Providers and LlmProxy:FewShot:SourceProviders.")
            : CheckResult.Ok("recording", Invariant($"on for {string.Join(", ", recording.Providers)}; runs under {(recording.MinDuration ?? TimeSpan.FromSeconds(5)).TotalSeconds:0.##} s{(recording.MinDuration is null ? " without a tool call" : "")} {(recording.Failures ? "lose their content" : "and failed ones lose their content")}"));
    }

    private IEnumerable<CheckResult> Templates()
    {
        using var directory = new TemplateDirectory(configuration.Resolve(Options.Prompts.Directory), NullLogger.Instance);
        var broken = directory.Status.Where(file => !file.Ok).ToList();
        foreach (var file in broken)
        {
            yield return CheckResult.Fail("templates", $"{file.Path}: {file.Error}", "Correct the file; a running proxy reloads it automatically and keeps the last valid version until then.");
        }

        if (broken.Count == 0)
        {
            var folder = configuration.Resolve(Options.Prompts.Directory);
            yield return CheckResult.Ok("templates", $"{directory.Status.Count} files, {(Directory.Exists(folder) ? folder : "built in")}");
        }
    }

    private CheckResult Prompts()
    {
        if (!Options.Prompts.Enabled)
        {
            return CheckResult.Warn("prompts", "off: no prompt is rewritten", "LlmProxy:Prompts:Enabled=true");
        }

        return !Options.FewShot.Enabled || Options.FewShot.Count == 0
            ? CheckResult.Warn("prompts", "on, without examples", "LlmProxy:FewShot:Enabled=true and LlmProxy:FewShot:Count=3")
            : CheckResult.Ok("prompts", $"on, before the heading \"{Options.Prompts.InsertBefore}\", for requests that offer tools");
    }

    private async Task<CheckResult> ExamplesAsync(SqlTrajectoryStore store, EmbeddingService embeddings, string? text, CancellationToken cancellationToken)
    {
        var runs = await store.ListAsync(new TrajectoryQuery(tenant) { Success = true, MinQuality = Options.Quality.Threshold, Limit = 500 }, cancellationToken);
        var usable = runs.Items.Count(run => run.HasUsableContent && Options.FewShot.SourceProviders.Contains(run.Provider, StringComparer.OrdinalIgnoreCase));
        if (usable == 0)
        {
            return CheckResult.Warn(
                "examples",
                Invariant($"no run of {string.Join(", ", Options.FewShot.SourceProviders)} with content scores {Options.Quality.Threshold:0.##} or more"),
                "Run a task with Claude through the proxy, then check \"llmproxy tasks list\". \"llmproxy demo\" shows an example.");
        }

        if (text is null)
        {
            return CheckResult.Ok("examples", Invariant($"{usable}{(runs.NextCursor is null ? "" : " or more")} runs can be used; --text \"a task\" shows which are found for a task"));
        }

        var search = new ExampleSearch(store, store, embeddings, Options.FewShot, Options.Quality, NullLogger<ExampleSearch>.Instance);
        var found = await search.FindAsync(
            new ExampleQuery(tenant, text, Math.Max(1, Options.FewShot.Count)) { Providers = Options.FewShot.SourceProviders }, cancellationToken);
        var best = found.Best is { } b ? Invariant($"; the best similarity is {Math.Floor(b * 1000) / 1000:0.000}") : "";
        return found.Chosen.Count > 0
            ? CheckResult.Ok("examples", Invariant($"{found.Chosen.Count} for this task (similarity >= {found.Threshold:0.00}{best})"))
            : CheckResult.Warn("examples", Invariant($"none for this task: the threshold is {found.Threshold:0.00}{best}"), "\"llmproxy search\" shows the reason for each run; LlmProxy:FewShot:MinSimilarity sets the threshold.");
    }

    /// <summary>Counts trajectories without a vector of the current embedder; null if there are none.</summary>
    private async Task<CheckResult?> VectorsAsync(SqlTrajectoryStore store, EmbeddingService embeddings, CancellationToken cancellationToken)
    {
        var lacking = await store.CountRunTextsAsync(
            new TrajectoryTextsQuery(tenant, 1) { Lacking = [new VectorKind(embeddings.Model, embeddings.Dimensions)] }, cancellationToken);
        return lacking == 0
            ? null
            : CheckResult.Warn("vectors", Invariant($"{lacking} runs have no vector of {embeddings.Model} and are found by their words only"), "Run llmproxy embed.");
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
