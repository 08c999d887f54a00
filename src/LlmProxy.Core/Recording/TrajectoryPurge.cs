using System.Globalization;
using LlmProxy.Core.Experiments;

namespace LlmProxy.Core.Recording;

/// <summary>Which trajectories to purge; all conditions hold together.</summary>
/// <param name="Tenant">The tenant that owns them.</param>
public sealed record PurgeSelection(string Tenant)
{
    /// <summary>Those that a key of this name took part in.</summary>
    public string? Key { get; init; }

    /// <summary>Those that started at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Those that hold this text.</summary>
    public string? Contains { get; init; }

    /// <summary>The selection in words. The text is not part of it: it may be the very secret that has to go.</summary>
    public string Describe() => string.Join(", ", new[]
    {
        Key is { } key ? $"key {key}" : null,
        Since is { } since ? string.Create(CultureInfo.InvariantCulture, $"since {since.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}") : null,
        Contains is { } text ? string.Create(CultureInfo.InvariantCulture, $"containing a text of {text.Length} characters") : null,
    }.OfType<string>());
}

/// <summary>What a purge removed, or would remove.</summary>
/// <param name="Trajectories">The trajectories.</param>
/// <param name="Examples">Rows of curated or used examples among them.</param>
/// <param name="NextCursor">Where to continue; null if nothing is left.</param>
public sealed record PurgeResult(IReadOnlyList<Trajectory> Trajectories, int Examples, string? NextCursor);

/// <summary>
/// Removes the trajectories of a key, of a time or with a text, and everything that was made from them: steps, content that
/// nothing else refers to, vectors, examples, pins, the words in the full-text index. Tasks that are under way lose them as
/// examples, too. Each removal leaves an audit entry.
/// </summary>
/// <param name="store">Finds the trajectories.</param>
/// <param name="examples">Counts their examples.</param>
/// <param name="tasks">Deletes them.</param>
/// <param name="audit">Takes the entries.</param>
/// <param name="time">The clock.</param>
public sealed class TrajectoryPurge(ITrajectoryStore store, IExampleStore examples, TaskService tasks, IAuditStore audit, TimeProvider time)
{
    private const int PageSize = 200;

    // A caller waits for the answer: what is left comes with the next cursor.
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(20);

    /// <summary>Finds or removes a portion of the selected trajectories.</summary>
    /// <param name="selection">Which.</param>
    /// <param name="actor">Who asks for it.</param>
    /// <param name="cursor">Where to continue, or null.</param>
    /// <param name="dryRun">Whether they are only found.</param>
    /// <param name="cancellationToken">Cancels; what was removed by then is audited.</param>
    public async Task<PurgeResult> RunAsync(PurgeSelection selection, string actor, string? cursor, bool dryRun, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var found = new List<Trajectory>();
        var exampleCount = 0;
        try
        {
            do
            {
                var page = await store.ListAsync(
                    new TrajectoryQuery(selection.Tenant) { Key = selection.Key, Since = selection.Since, Contains = selection.Contains, Limit = PageSize, Cursor = cursor }, cancellationToken);
                cursor = page.NextCursor;
                if (page.Items.Count > 0)
                {
                    exampleCount += (await examples.FindExamplesAsync(selection.Tenant, [.. page.Items.Select(run => run.Id)], cancellationToken)).Count;
                }

                foreach (var run in page.Items)
                {
                    if (dryRun || await tasks.RemoveAsync(run, cancellationToken))
                    {
                        found.Add(run);
                    }
                }
            }
            while (cursor is not null && time.GetElapsedTime(started) < MaxTime);
        }
        finally
        {
            if (!dryRun && found.Count > 0)
            {
                await AddAuditAsync(selection.Tenant, actor, AuditAction.Purge, selection.Describe(), found.Count, exampleCount);
            }
        }

        if (!dryRun)
        {
            await store.EraseDeletedAsync(cancellationToken);
        }

        return new PurgeResult(found, exampleCount, cursor);
    }

    /// <summary>Deletes one trajectory. False if there is none.</summary>
    public async Task<bool> DeleteAsync(Trajectory run, string actor, CancellationToken cancellationToken)
    {
        var exampleCount = (await examples.FindExamplesAsync(run.Tenant, [run.Id], cancellationToken)).Count;
        if (!await tasks.RemoveAsync(run, cancellationToken))
        {
            return false;
        }

        await AddAuditAsync(run.Tenant, actor, AuditAction.Delete, "trajectory " + run.Id, 1, exampleCount);
        await store.EraseDeletedAsync(cancellationToken);
        return true;
    }

    /// <summary>Deletes old trajectories with a low score; see <see cref="ITrajectoryStore.CleanupAsync"/>.</summary>
    public async Task<int> CleanupAsync(string tenant, string actor, DateTimeOffset endedBefore, double maxQuality, bool includeUnscored, bool dryRun, CancellationToken cancellationToken)
    {
        var deleted = await store.CleanupAsync(tenant, endedBefore, maxQuality, includeUnscored, dryRun, cancellationToken);
        if (!dryRun && deleted > 0)
        {
            var subject = string.Create(CultureInfo.InvariantCulture, $"ended before {endedBefore.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}, score at most {maxQuality}{(includeUnscored ? " or none" : "")}");
            await AddAuditAsync(tenant, actor, AuditAction.Cleanup, subject, deleted, null);
        }

        return deleted;
    }

    // What is gone is gone: the entry is written even if the caller has left.
    private Task AddAuditAsync(string tenant, string actor, AuditAction action, string subject, int trajectories, int? exampleCount)
    {
        var now = time.GetUtcNow();
        var counts = new Dictionary<string, long>(StringComparer.Ordinal) { ["trajectories"] = trajectories };
        if (exampleCount is { } number)
        {
            counts["examples"] = number;
        }

        return audit.AddAuditAsync(new AuditEntry(Guid.CreateVersion7(now).ToString("N"), now, tenant, actor, action, subject, counts), CancellationToken.None);
    }
}
