using System.Collections.Concurrent;

namespace LlmProxy.Core.Experiments;

/// <summary>
/// The evidence for each example, read from the store from time to time. Callers get what is known so far without
/// waiting; harmful examples are retired at a reading where <c>Experiments:RetireHarmful</c> is on.
/// </summary>
/// <remarks>Safe for concurrent use. A failure leaves the evidence as it is until the next reading.</remarks>
public sealed partial class ExampleLedger(IExampleStore store, ExperimentOptions options, TimeProvider time, ILogger<ExampleLedger> logger)
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromMinutes(1);
    private static readonly IReadOnlyDictionary<string, ExampleEvidence> Nothing = new Dictionary<string, ExampleEvidence>(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, Page> _pages = new(StringComparer.Ordinal);

    /// <summary>What is known of a tenant's examples; at most about a minute old while it is asked for.</summary>
    public IReadOnlyDictionary<string, ExampleEvidence> Peek(string tenant)
    {
        if (!options.Enabled)
        {
            return Nothing;
        }

        var page = _pages.GetOrAdd(tenant, static _ => new Page());
        var now = time.GetUtcNow();
        if (now - page.ReadAt >= ReadEvery && Interlocked.CompareExchange(ref page.Reading, 1, 0) == 0)
        {
            page.ReadAt = now;
            _ = Task.Run(() => ReadAgainAsync(tenant, page));
        }

        return page.Evidence;
    }

    /// <summary>Reads the evidence now, and retires what harms if the setting is on.</summary>
    /// <returns>The evidence for each example.</returns>
    public async Task<IReadOnlyDictionary<string, ExampleEvidence>> ReadAsync(string tenant, CancellationToken cancellationToken)
    {
        var evidence = await JudgeAsync(tenant, cancellationToken);
        if (options.RetireHarmful)
        {
            await RetireAsync(tenant, [.. evidence.Values.Where(e => e.Finding == "harms")], cancellationToken);
        }

        _pages.GetOrAdd(tenant, static _ => new Page()).Evidence = evidence;
        return evidence;
    }

    /// <summary>Reads the evidence now and changes nothing.</summary>
    /// <returns>The evidence for each example.</returns>
    public async Task<IReadOnlyDictionary<string, ExampleEvidence>> JudgeAsync(string tenant, CancellationToken cancellationToken) =>
        ExampleJudge.Judge(await store.ReadExampleOutcomesAsync(tenant, cancellationToken));

    private async Task RetireAsync(string tenant, List<ExampleEvidence> harmful, CancellationToken cancellationToken)
    {
        var rows = harmful.Count == 0 ? [] : await store.FindExamplesAsync(tenant, [.. harmful.Select(e => e.TrajectoryId)], cancellationToken);
        foreach (var row in rows.Where(r => !r.Retired && !r.Pinned))
        {
            // A pin is a decision of a person and is respected.
            if (await store.UpdateExampleAsync(tenant, row with { Retired = true }, cancellationToken))
            {
                var evidence = harmful.Find(e => string.Equals(e.TrajectoryId, row.TrajectoryId, StringComparison.Ordinal))!;
                LogRetired(row.TrajectoryId, evidence.Successes, evidence.Tasks, evidence.ProbabilityOfHarm ?? 0);
            }
        }
    }

    private async Task ReadAgainAsync(string tenant, Page page)
    {
        try
        {
            await ReadAsync(tenant, CancellationToken.None);
        }
        catch (StoreException error)
        {
            LogUnread(error);
        }
        finally
        {
            Interlocked.Exchange(ref page.Reading, 0);
        }
    }

    [LoggerMessage(6101, LogLevel.Information, "Retired example {TrajectoryId}: {Successes} of {Tasks} tasks that used it succeeded; probability {Probability:0.000} that it lowers the success rate")]
    private partial void LogRetired(string trajectoryId, long successes, long tasks, double probability);

    [LoggerMessage(6102, LogLevel.Warning, "Reading the success of examples failed; using the previous figures")]
    private partial void LogUnread(Exception error);

    private sealed class Page
    {
        public volatile IReadOnlyDictionary<string, ExampleEvidence> Evidence = Nothing;

        public int Reading;

        public DateTimeOffset ReadAt { get; set; } = DateTimeOffset.MinValue;
    }
}
