using LlmProxy.Core.Experiments;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// Finds recorded runs that can teach a task, shows the section that a prompt would get of them, and keeps what is known
/// of examples. The API's search and <c>llmproxy search</c> are this.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class TrajectorySearch(
    LearningHost start,
    IExampleStore store,
    TaskService tasks,
    FewShotService fewShot,
    EmbeddingService embeddings,
    TemplateDirectory templates,
    Redactor redactor,
    LlmProxyOptions options,
    TimeProvider time)
{
    /// <summary>Whether tasks of other models get examples: few-shot and prompts are on, and more than none are asked for.</summary>
    public bool IsAvailable => options.FewShot is { Enabled: true, Count: > 0 } && options.Prompts.Enabled;

    /// <summary>Finds similar runs, best first, with the reasons why others were left out. It takes at most 30 s.</summary>
    /// <param name="query">What is looked for. No providers are all providers.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    /// <returns>The runs in <see cref="ExampleSearchResult.Chosen"/> of <see cref="FewShotSelection.Search"/>, and their condensed form in <see cref="FewShotSelection.Examples"/>. A search that failed has no <c>Search</c>, and its <see cref="FewShotSelection.Reason"/> says why.</returns>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public async Task<FewShotSelection> FindSimilarAsync(ExampleQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        await start.StartAsync(cancellationToken);
        return await fewShot.ExplainAsync(query, cancellationToken);
    }

    /// <summary>The same for a text: as many examples of those providers that the settings say, and the default tenant.</summary>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public Task<FewShotSelection> FindSimilarAsync(string taskDescription, CancellationToken cancellationToken = default) =>
        FindSimilarAsync(new ExampleQuery(TrajectoryRecorder.DefaultTenant, taskDescription, Math.Max(1, options.FewShot.Count)) { Providers = options.FewShot.SourceProviders }, cancellationToken);

    /// <summary>The section that a prompt gets of some runs, by the template <c>few-shot.sbn</c>: recorded texts are fenced, shortened and without role marks. Empty if there are none.</summary>
    /// <param name="found">What a search found.</param>
    /// <param name="taskDescription">The task at hand.</param>
    public string FormatAsFewShot(FewShotSelection found, string taskDescription = "")
    {
        ArgumentNullException.ThrowIfNull(found);
        return PromptRenderer.RenderExamples(templates.Current, new PromptValues("", taskDescription, "openai", "", [], found.Examples)).Text ?? "";
    }

    /// <summary>Makes a run's vectors from a text, in place of those of its task description.</summary>
    /// <param name="trajectoryId">The run's or its task's id.</param>
    /// <param name="taskDescription">The text; secrets are taken out of it before anything else.</param>
    /// <param name="tenant">The tenant that owns the run.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    /// <returns>The run and the models of its vectors; null where there is no such run.</returns>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<(Trajectory Run, IReadOnlyList<string> Models)?> StoreEmbeddingAsync(
        string trajectoryId, string taskDescription, string tenant = TrajectoryRecorder.DefaultTenant, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(taskDescription);
        await start.StartAsync(cancellationToken);
        if (await tasks.FindAsync(tenant, trajectoryId, cancellationToken) is not { } run)
        {
            return null;
        }

        var made = await embeddings.EmbedForStoreAsync(redactor.For(tenant).Redact(taskDescription), cancellationToken);
        return await tasks.SaveEmbeddingsAsync(run, made.Embeddings, cancellationToken) ? (run, [.. made.Embeddings.Select(e => e.Model)]) : null;
    }

    /// <summary>Examples, pinned ones first, then by uses.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public async Task<IReadOnlyList<FewShotExampleRow>> GetTopExamplesAsync(int limit = 10, string tenant = TrajectoryRecorder.DefaultTenant, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        await start.StartAsync(cancellationToken);
        return await store.ListExamplesAsync(tenant, limit, cancellationToken);
    }

    /// <summary>Counts one use of an example, by an application that puts it into prompts itself.</summary>
    /// <param name="exampleId">The run's or its task's id.</param>
    /// <param name="success">How the task that used it ended; null where that is not known.</param>
    /// <param name="tenant">The tenant that owns the example.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    /// <returns>The trajectory that the example condenses; null if there is none.</returns>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<Trajectory?> RecordExampleUsageAsync(string exampleId, bool? success = null, string tenant = TrajectoryRecorder.DefaultTenant, CancellationToken cancellationToken = default)
    {
        await start.StartAsync(cancellationToken);
        if (await tasks.FindAsync(tenant, exampleId, cancellationToken) is not { } run)
        {
            return null;
        }

        await store.RecordExampleUsageAsync(tenant, [run.Id], time.GetUtcNow(), cancellationToken);
        if (success is { } outcome)
        {
            await store.RecordExampleOutcomeAsync(tenant, run.Id, outcome, cancellationToken);
        }

        return run;
    }
}
