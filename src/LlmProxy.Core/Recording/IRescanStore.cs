namespace LlmProxy.Core.Recording;

/// <summary>Redacts what is stored already.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
internal interface IRescanStore
{
    /// <summary>
    /// Cleans the next rows of a tenant, in transactions of one trajectory or some short rows. A trajectory that is recorded at
    /// the same time loses nothing: its recorder reads it again, since its version has changed.
    /// </summary>
    /// <param name="tenant">The tenant.</param>
    /// <param name="cursor">Where to continue, or null for the beginning.</param>
    /// <param name="cleaner">Redacts, and counts what it found.</param>
    /// <param name="dryRun">Whether the rows are only looked at.</param>
    /// <param name="cancellationToken">Cancels; the rows of finished transactions stay cleaned.</param>
    /// <exception cref="ArgumentException">The cursor is none.</exception>
    Task<RescanPart> RescanAsync(string tenant, string? cursor, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken);
}

/// <summary>One part of a rescan.</summary>
/// <param name="NextCursor">Where to continue; null at the end.</param>
/// <param name="RenamedTasks">Earlier ids of tasks whose id held a secret.</param>
internal sealed record RescanPart(string? NextCursor, IReadOnlyList<string> RenamedTasks);
