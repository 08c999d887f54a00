namespace LlmProxy.Core.Retrieval;

/// <summary>Log events of retrieval, 2001 to 2999. None holds a task's text.</summary>
internal static partial class RetrievalLog
{
    [LoggerMessage(2001, LogLevel.Information, "Found {Count} similar trajectories (similarity >= {Threshold})")]
    public static partial void Found(ILogger logger, int count, double threshold);

    [LoggerMessage(2002, LogLevel.Warning, "Embedder {Model} failed for a query; using the lexical embedder: {Reason}")]
    public static partial void QueryFellBack(ILogger logger, string model, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "Stored {Count} texts without an embedding of {Model}: {Reason}")]
    public static partial void StoredWithoutRemoteVector(ILogger logger, int count, string model, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "No examples selected for a task: {Reason}")]
    public static partial void Skipped(ILogger logger, string reason, Exception? exception);

    [LoggerMessage(2005, LogLevel.Debug, "Removed {Count} fragments of recorded text from examples: {Removed}")]
    public static partial void TextRemoved(ILogger logger, int count, string removed);

    [LoggerMessage(2006, LogLevel.Warning, "Skipped trajectory {TrajectoryId} as an example: reading it failed")]
    public static partial void RunUnreadable(ILogger logger, string trajectoryId, Exception exception);
}
