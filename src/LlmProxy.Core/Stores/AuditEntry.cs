namespace LlmProxy.Core.Stores;

/// <summary>What was done.</summary>
public enum AuditAction
{
    /// <summary>Trajectories were selected by key, time or text, and deleted.</summary>
    Purge,
    /// <summary>One trajectory was deleted.</summary>
    Delete,
    /// <summary>Old trajectories with a low score were deleted.</summary>
    Cleanup,
    /// <summary>Secrets in stored texts were redacted.</summary>
    Redact,
}

/// <summary>One operation that removed something, for those who ask later where it went.</summary>
/// <param name="Id">Its id; later entries have greater ones.</param>
/// <param name="At">When.</param>
/// <param name="Tenant">In whose trajectories.</param>
/// <param name="Actor">Name of the key that asked for it; <c>local</c> without keys, <c>schedule</c> for the scheduled cleanup.</param>
/// <param name="Action">What was done.</param>
/// <param name="Subject">On what, in words. A text that was searched is not part of it: it may be the very secret that had to go.</param>
/// <param name="Counts">How many of what are gone.</param>
public sealed record AuditEntry(string Id, DateTimeOffset At, string Tenant, string Actor, AuditAction Action, string Subject, IReadOnlyDictionary<string, long> Counts);

/// <summary>Keeps the audit entries.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IAuditStore
{
    /// <summary>Adds an entry; one that is there already stays.</summary>
    Task AddAuditAsync(AuditEntry entry, CancellationToken cancellationToken);

    /// <summary>The latest entries of a tenant, newest first; with an id those before it.</summary>
    Task<IReadOnlyList<AuditEntry>> ListAuditAsync(string tenant, int limit, string? beforeId, CancellationToken cancellationToken);
}
