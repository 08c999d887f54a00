
namespace LlmProxy.Core.Retrieval;

/// <summary>The examples for a task's prompt.</summary>
/// <param name="Examples">The condensed runs, best first; empty for none.</param>
/// <param name="Outcome">How many there are, or why there are none.</param>
/// <param name="Search">What the search found, or null where there was none.</param>
/// <param name="Removed">What was taken out of recorded texts.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record FewShotSelection(
    IReadOnlyList<FewShotExample> Examples,
    FewShotResult Outcome,
    ExampleSearchResult? Search,
    RemovedText Removed,
    TimeSpan Elapsed)
{
    /// <summary>Value of the header <c>LlmProxy-Few-Shot-Result</c>.</summary>
    public string Result => Outcome.ToString();

    /// <summary>Why there are no examples, or null.</summary>
    public SkipReason? Reason => Outcome.Reason;

    /// <summary>Ids of the trajectories that the examples condense.</summary>
    public IReadOnlyList<string> ExampleIds => [.. Examples.Select(e => e.TrajectoryId)];
}

/// <summary>Selects examples: search, read, condense, within a budget of tokens and of time. It never throws.</summary>
/// <param name="search">The search.</param>
/// <param name="embeddings">The embedder in use decides the time limit.</param>
/// <param name="options">The settings.</param>
/// <param name="readSteps">Reads a run's steps with their texts.</param>
/// <param name="logger">Where failures go.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class FewShotService(
    ExampleSearch search,
    EmbeddingService embeddings,
    FewShotOptions options,
    Func<Trajectory, CancellationToken, Task<IReadOnlyList<StepView>>> readSteps,
    ILogger<FewShotService> logger,
    TimeProvider? time = null)
{
    // A person who searches waits longer than a request.
    private static readonly TimeSpan ExplainTimeout = TimeSpan.FromSeconds(30);

    // About 30 MB with what is made of them.
    private const int MostPreparedCharacters = 6_000_000;

    /// <summary>Characters of a section's own words, around the examples.</summary>
    private const int SectionLayout = 600;

    private readonly TrajectoryCondenser _condenser = new();
    private readonly PreparedTrajectoryCache _prepared = new(MostPreparedCharacters);
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Longest time of <see cref="SelectAsync"/>.</summary>
    public TimeSpan Timeout => options.Timeout ?? embeddings.DefaultTimeout;

    /// <summary>
    /// The section's size in tokens for a prompt of some characters: <c>max(MaxTokens, MaxPromptShare · prompt/4)</c>.
    /// A share of a small prompt would leave no room for a single example, and a share as a further limit would never
    /// bind a large one, so the share counts when a prompt is large: there the section may grow with it.
    /// </summary>
    public int TokenBudget(int promptLength) => (int)Math.Max(options.MaxTokens, options.MaxPromptShare * Math.Max(0, promptLength) / TokenEstimate.CharactersPerToken);

    /// <summary>
    /// The examples for a task's first call, within <see cref="Timeout"/>. Without providers in the query those of the
    /// settings are the source.
    /// </summary>
    public Task<FewShotSelection> SelectAsync(ExampleQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        return !options.Enabled || query.Count <= 0
            ? Task.FromResult(None(SkipReason.Disabled, null, TimeSpan.Zero))
            : RunAsync(query.Providers.Count > 0 ? query : query with { Providers = options.SourceProviders }, withReasons: false, Timeout, cancellationToken);
    }

    /// <summary>The same for a person who asks: whatever is switched off, with all reasons and more time. No providers are all providers.</summary>
    public Task<FewShotSelection> ExplainAsync(ExampleQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        return RunAsync(query, withReasons: true, ExplainTimeout, cancellationToken);
    }

    private async Task<FewShotSelection> RunAsync(ExampleQuery query, bool withReasons, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            if (string.IsNullOrWhiteSpace(query.TaskDescription))
            {
                return None(SkipReason.NoTaskText, null, TimeSpan.Zero);
            }

            // On a thread of its own and waited for with a limit: a driver that blocks, or does not heed its token,
            // must not hold the request.
            limit.CancelAfter(timeout);
            var work = Task.Run(() => FindAndCondenseAsync(query, withReasons, start, limit.Token), limit.Token);
            _ = work.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return await work.WaitAsync(timeout, _time, cancellationToken);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            return None(SkipReason.Cancelled, null, _time.GetElapsedTime(start));
        }
        catch (Exception e) when (e is TimeoutException || limit.IsCancellationRequested)
        {
            await limit.CancelAsync();
            RetrievalLog.Skipped(logger, SkipReason.Timeout.ToWord(), null);
            return None(SkipReason.Timeout, null, _time.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            RetrievalLog.Skipped(logger, SkipReason.Error.ToWord(), e);
            return None(SkipReason.Error, null, _time.GetElapsedTime(start));
        }
    }

    private async Task<FewShotSelection> FindAndCondenseAsync(ExampleQuery query, bool withReasons, long start, CancellationToken cancellationToken)
    {
        var found = await search.FindAsync(query, withReasons, cancellationToken);
        if (found.Chosen.Count == 0)
        {
            return None(ReasonOf(found), found, _time.GetElapsedTime(start));
        }

        var runs = (await Task.WhenAll(found.Chosen.Select(c => PrepareAsync(c, cancellationToken)))).OfType<TrajectoryToCondense>().ToList();
        if (runs.Count == 0)
        {
            return None(SkipReason.Error, found, _time.GetElapsedTime(start));
        }

        cancellationToken.ThrowIfCancellationRequested();
        var removed = new RemovedText();
        var examples = _condenser.CondenseMany(runs, TokenBudget(query.PromptLength) - (SectionLayout / 4), removed);
        if (removed.Total > 0)
        {
            RetrievalLog.TextRemoved(logger, removed.Total, removed.ToString());
        }

        return examples.Count == 0
            ? None(SkipReason.Budget, found, _time.GetElapsedTime(start))
            : new FewShotSelection(examples, new FewShotResult(examples.Count), found, removed, _time.GetElapsedTime(start));
    }

    private async Task<TrajectoryToCondense?> PrepareAsync(ChosenTrajectory chosen, CancellationToken cancellationToken)
    {
        try
        {
            if (_prepared.Find(chosen.Trajectory) is not { } prepared)
            {
                prepared = PreparedTrajectory.Of(await readSteps(chosen.Trajectory, cancellationToken));
                _prepared.Add(chosen.Trajectory, prepared);
            }

            return new TrajectoryToCondense(chosen.Trajectory, prepared, chosen.Similarity, chosen.EditedJson);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // One run that cannot be read costs that one only.
            RetrievalLog.RunUnreadable(logger, chosen.Trajectory.Id, e);
            return null;
        }
    }

    // The reason of the trajectory that came nearest to being chosen.
    private static SkipReason ReasonOf(ExampleSearchResult found) =>
        ((SkipReason[])[SkipReason.Tools, SkipReason.NoContent, SkipReason.BelowThreshold, SkipReason.NoVector])
            .Where(reason => found.LeftOut.Any(l => l.Reason == reason)).FirstOrDefault(SkipReason.NoRuns);

    private static FewShotSelection None(SkipReason reason, ExampleSearchResult? found, TimeSpan elapsed) =>
        new([], FewShotResult.None(reason, found?.Best), found, new RemovedText(), elapsed);
}
