namespace LlmProxy.Core.Stores;

/// <summary>A failure of the store, with the driver's exception inside.</summary>
public sealed class StoreException : Exception
{
    /// <summary>A failure with its message.</summary>
    public StoreException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>
    /// Whether the data itself conflicts: another run has the task, another step has the exchange, another
    /// tenant has the id, or the run was changed since it was read. A retry of the
    /// same change does not help.
    /// </summary>
    public bool IsConflict { get; init; }

    /// <summary>
    /// Whether the store itself has a problem (not reachable, disk full, no rights, damaged), though it may still answer
    /// queries: the same change succeeds after the repair, so it must be kept.
    /// </summary>
    public bool IsOutage { get; init; }
}
