using System.Globalization;

namespace LlmProxy.Core.Retrieval;

/// <summary>The examples for a task's prompt.</summary>
/// <param name="Examples">The condensed runs, best first; empty for none.</param>
/// <param name="Result">Value of the header <c>LlmProxy-Few-Shot-Result</c>: <c>injected=2</c>, or <c>none; reason=below-threshold; best=0.61</c>.</param>
/// <param name="Reason">Why there are none: <c>disabled</c>, <c>no-task-text</c>, <c>no-runs</c>, <c>below-threshold</c>, <c>tools</c>, <c>no-content</c>, <c>no-vector</c>, <c>budget</c>, <c>timeout</c>, <c>cancelled</c>, <c>error</c>; null where there are some.</param>
/// <param name="Search">What the search found, or null where there was none.</param>
/// <param name="Removed">What was taken out of recorded texts.</param>
/// <param name="Elapsed">How long it took.</param>
public sealed record FewShotSelection(
    IReadOnlyList<FewShotExample> Examples,
    string Result,
    string? Reason,
    ExampleSearchResult? Search,
    RemovedText Removed,
    TimeSpan Elapsed)
{
    /// <summary>Ids of the runs that stand behind the examples.</summary>
    public IReadOnlyList<string> ExampleIds => [.. Examples.Select(e => e.TrajectoryId)];
}

/// <summary>Selects examples: search, read, condense, within a budget of tokens and of time. It never throws.</summary>
public sealed class FewShotService
{
    // A person who searches waits longer than a request.
    private static readonly TimeSpan ExplainTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LexicalTimeout = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan RemoteTimeout = TimeSpan.FromMilliseconds(1500);

    // About 30 MB with what is made of them.
    private const int MostPreparedCharacters = 6_000_000;

    /// <summary>Characters of a section's own words, around the examples.</summary>
    private const int SectionLayout = 600;

    private readonly ExampleSearch _search;
    private readonly EmbeddingService _embeddings;
    private readonly TrajectoryCondenser _condenser = new();
    private readonly PreparedTrajectoryCache _prepared = new(MostPreparedCharacters);
    private readonly FewShotOptions _options;
    private readonly Func<Trajectory, CancellationToken, Task<IReadOnlyList<StepView>>> _readSteps;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <summary>A service.</summary>
    /// <param name="search">The search.</param>
    /// <param name="embeddings">The embedder in use decides the time limit.</param>
    /// <param name="options">The settings.</param>
    /// <param name="readSteps">Reads a run's steps with their texts.</param>
    /// <param name="logger">Where failures go.</param>
    /// <param name="time">The clock; null for the system's.</param>
    public FewShotService(
        ExampleSearch search,
        EmbeddingService embeddings,
        FewShotOptions options,
        Func<Trajectory, CancellationToken, Task<IReadOnlyList<StepView>>> readSteps,
        ILogger<FewShotService> logger,
        TimeProvider? time = null)
    {
        _search = search;
        _embeddings = embeddings;
        _options = options;
        _readSteps = readSteps;
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Longest time of <see cref="SelectAsync"/>.</summary>
    public TimeSpan Timeout => _options.Timeout ?? (_embeddings.IsRemote ? RemoteTimeout : LexicalTimeout);

    /// <summary>
    /// The section's size in tokens for a prompt of some characters: <c>max(MaxTokens, MaxPromptShare · prompt/4)</c>.
    /// A share of a small prompt would leave no room for a single example, and a share as a further limit would never
    /// bind a large one, so the share counts when a prompt is large: there the section may grow with it.
    /// </summary>
    public int TokenBudget(int promptLength) => (int)Math.Max(_options.MaxTokens, _options.MaxPromptShare * Math.Max(0, promptLength) / TokenEstimate.CharactersPerToken);

    /// <summary>
    /// The examples for a task's first call, within <see cref="Timeout"/>. Without providers in the query those of the
    /// settings are the source.
    /// </summary>
    public Task<FewShotSelection> SelectAsync(ExampleQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        return !_options.Enabled || query.Count <= 0
            ? Task.FromResult(None("disabled", null, TimeSpan.Zero))
            : RunAsync(query.Providers.Count > 0 ? query : query with { Providers = _options.SourceProviders }, withReasons: false, Timeout, cancellationToken);
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
                return None("no-task-text", null, TimeSpan.Zero);
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
            return None("cancelled", null, _time.GetElapsedTime(start));
        }
        catch (Exception e) when (e is TimeoutException || limit.IsCancellationRequested)
        {
            await limit.CancelAsync();
            RetrievalLog.Skipped(_logger, "timeout", null);
            return None("timeout", null, _time.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            RetrievalLog.Skipped(_logger, "error", e);
            return None("error", null, _time.GetElapsedTime(start));
        }
    }

    private async Task<FewShotSelection> FindAndCondenseAsync(ExampleQuery query, bool withReasons, long start, CancellationToken cancellationToken)
    {
        var found = await _search.FindAsync(query, withReasons, cancellationToken);
        if (found.Chosen.Count == 0)
        {
            return None(ReasonOf(found), found, _time.GetElapsedTime(start));
        }

        var runs = (await Task.WhenAll(found.Chosen.Select(c => PrepareAsync(c, cancellationToken)))).OfType<TrajectoryToCondense>().ToList();
        if (runs.Count == 0)
        {
            return None("error", found, _time.GetElapsedTime(start));
        }

        cancellationToken.ThrowIfCancellationRequested();
        var removed = new RemovedText();
        var examples = _condenser.CondenseMany(runs, TokenBudget(query.PromptLength) - (SectionLayout / 4), removed);
        if (removed.Total > 0)
        {
            RetrievalLog.TextRemoved(_logger, removed.Total, removed.ToString());
        }

        return examples.Count == 0
            ? None("budget", found, _time.GetElapsedTime(start))
            : new FewShotSelection(examples, string.Create(CultureInfo.InvariantCulture, $"injected={examples.Count}"), null, found, removed, _time.GetElapsedTime(start));
    }

    private async Task<TrajectoryToCondense?> PrepareAsync(ChosenTrajectory chosen, CancellationToken cancellationToken)
    {
        try
        {
            if (_prepared.Find(chosen.Trajectory) is not { } prepared)
            {
                prepared = PreparedTrajectory.Of(await _readSteps(chosen.Trajectory, cancellationToken));
                _prepared.Add(chosen.Trajectory, prepared);
            }

            return new TrajectoryToCondense(chosen.Trajectory, prepared, chosen.Similarity, chosen.EditedJson);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // One run that cannot be read costs that one only.
            RetrievalLog.RunUnreadable(_logger, chosen.Trajectory.Id, e);
            return null;
        }
    }

    // The reason of the run that came nearest to being chosen.
    private static string ReasonOf(ExampleSearchResult found)
    {
        foreach (var reason in (string[])["tools", "no-content", "below-threshold", "no-vector"])
        {
            if (found.LeftOut.Any(l => string.Equals(l.Reason, reason, StringComparison.Ordinal)))
            {
                return reason;
            }
        }

        return "no-runs";
    }

    private static FewShotSelection None(string reason, ExampleSearchResult? found, TimeSpan elapsed)
    {
        // Rounded down, so that a similarity just below the threshold does not read as if it had reached it.
        var best = found?.Best is { } b ? string.Create(CultureInfo.InvariantCulture, $"; best={Math.Floor(b * 100) / 100:0.00}") : "";
        return new FewShotSelection([], $"none; reason={reason}{best}", reason, found, new RemovedText(), elapsed);
    }
}
