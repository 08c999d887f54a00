using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Core.Recording;

/// <summary>Asks for the vectors of finished runs. Those that are made here are there at once; a remote embedder's come when they come.</summary>
/// <remarks>Used by the recorder's worker alone.</remarks>
internal sealed partial class RunEmbedder(EmbedRun embed, ILogger logger, CancellationToken stopping)
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(20);

    private readonly Dictionary<string, Task<IReadOnlyList<TrajectoryEmbedding>>> _late = new(StringComparer.Ordinal);

    /// <summary>The vectors; null where they are not there at once, or could not be made.</summary>
    public async Task<IReadOnlyList<TrajectoryEmbedding>?> TryAtOnceAsync(Trajectory row)
    {
        var vectors = EmbedAsync(row);
        if (!vectors.IsCompleted)
        {
            await Task.WhenAny(vectors, Task.Delay(AtOnce, stopping));
        }

        if (vectors.IsCompleted)
        {
            return await vectors is { Count: > 0 } made ? made : null;
        }

        _late[row.Id] = vectors;
        return null;
    }

    /// <summary>Hands the vectors on that were not there at once, when they are.</summary>
    public void WhenMade(Trajectory row, Action<IReadOnlyList<TrajectoryEmbedding>> take)
    {
        if (_late.Remove(row.Id, out var vectors))
        {
            _ = HandOnAsync(vectors, take);
        }
    }

    private static async Task HandOnAsync(Task<IReadOnlyList<TrajectoryEmbedding>> vectors, Action<IReadOnlyList<TrajectoryEmbedding>> take)
    {
        if (await vectors is { Count: > 0 } made)
        {
            take(made);
        }
    }

    private async Task<IReadOnlyList<TrajectoryEmbedding>> EmbedAsync(Trajectory row)
    {
        try
        {
            return await embed(row.TaskDescription, stopping);
        }
        catch (Exception error)
        {
            // The run is worth more than its vector, which `embed --missing` can make at any time.
            LogFailed(row.TaskId, error);
            return [];
        }
    }

    [LoggerMessage(4011, LogLevel.Warning, "Task {TaskId} is stored without a vector")]
    private partial void LogFailed(string taskId, Exception error);
}
