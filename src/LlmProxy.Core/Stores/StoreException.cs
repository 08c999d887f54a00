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
    /// Whether the data itself stands against it: another run has the task, another step has the exchange, another
    /// tenant has the id, or the run was changed since it was read. Trying the same
    /// again does not help.
    /// </summary>
    public bool IsConflict { get; init; }

    /// <summary>
    /// Whether it is the store that is not well (away, no room, no rights, damaged), though it may still answer
    /// questions: the same succeeds when somebody has mended it, and nothing may be given up for it.
    /// </summary>
    public bool IsOutage { get; init; }
}
