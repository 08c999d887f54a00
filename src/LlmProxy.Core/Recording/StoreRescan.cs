using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>What a portion of a rescan found.</summary>
/// <param name="Counts">Rows and secrets.</param>
/// <param name="NextCursor">Where to continue; null at the end.</param>
internal sealed record RescanResult(RescanCounts Counts, string? NextCursor);

/// <summary>
/// Applies the current table of secrets, and the patterns of the settings, to everything that a tenant has stored. A rescan
/// that was interrupted is started again: what is clean stays as it is. Each portion that changes something leaves an audit entry.
/// </summary>
internal sealed class StoreRescan(IRescanStore store, ITrajectoryStore trajectories, ICorrelationStore keys, TaskCorrelator correlator, RecordingOptions options, IAuditStore audit, TimeProvider time)
{
    // A caller waits for the answer: what is left comes with the next cursor.
    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(20);

    /// <summary>Whether new calls are redacted, too.</summary>
    public bool RecordsRedacted => options.Redaction.Enabled;

    /// <summary>Redacts a portion of a tenant's rows, or only counts what it would change.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="actor">Who asks for it.</param>
    /// <param name="cursor">Where to continue, or null.</param>
    /// <param name="dryRun">Whether rows are only counted.</param>
    /// <param name="cancellationToken">Cancels; what was redacted by then is audited.</param>
    /// <exception cref="ArgumentException">The cursor is none.</exception>
    public async Task<RescanResult> RunAsync(string tenant, string actor, string? cursor, bool dryRun, CancellationToken cancellationToken)
    {
        // The key of the placeholders is the store's. Asked for by a person, so it also works where new calls are stored as they are.
        var secret = new CorrelationSecret { Value = await keys.ReadCorrelationSecretAsync(cancellationToken) };
        var cleaner = new StoredTextCleaner(new Redactor(new RedactionOptions { Enabled = true, Patterns = options.Redaction.Patterns }, secret).For(tenant));
        var started = time.GetTimestamp();
        try
        {
            do
            {
                var part = await store.RescanAsync(tenant, cursor, cleaner, dryRun, cancellationToken);
                foreach (var task in part.RenamedTasks)
                {
                    correlator.Forget(tenant, task);
                }

                cursor = part.NextCursor;
            }
            while (cursor is not null && time.GetElapsedTime(started) < MaxTime);
        }
        finally
        {
            if (!dryRun && cleaner.Counts.Rows.Count > 0)
            {
                await AddAuditAsync(tenant, actor, cleaner.Counts);
            }
        }

        if (!dryRun && cursor is null)
        {
            await trajectories.EraseDeletedAsync(cancellationToken);
        }

        return new RescanResult(cleaner.Counts, cursor);
    }

    // What is redacted is redacted: the entry is written even if the caller has left.
    private Task AddAuditAsync(string tenant, string actor, RescanCounts counts)
    {
        var now = time.GetUtcNow();
        var numbers = new Dictionary<string, long>(counts.Rows, StringComparer.Ordinal) { ["secrets"] = counts.Secrets.Values.Sum() };
        return audit.AddAuditAsync(
            new AuditEntry(Guid.CreateVersion7(now).ToString("N"), now, tenant, actor, AuditAction.Redact, "rescan: " + string.Join(", ", counts.Secrets.Keys), numbers), CancellationToken.None);
    }
}
