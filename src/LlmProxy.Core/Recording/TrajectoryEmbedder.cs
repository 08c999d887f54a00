using System.Collections.Concurrent;

namespace LlmProxy.Core.Recording;

/// <summary>
/// Asks for the vectors of runs that may become examples. Those that are made here are there at once; a remote
/// embedder's come when they come. What could not be made is asked for again with the run's next change.
/// </summary>
/// <remarks>Its methods are called by the recorder's workers alone, for each task by one of them.</remarks>
internal sealed partial class TrajectoryEmbedder(EmbedTrajectory embed, ContentPolicy policy, TaskQueues queues, ILogger logger, CancellationToken stopping)
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<string, (string Text, Task<IReadOnlyList<TrajectoryEmbedding>?> Vectors)> _underWay = new(StringComparer.Ordinal);

    /// <summary>Adds the vectors to a run's change where the run wants them and they are there at once.</summary>
    public async Task<TrajectoryUpdate> EmbedAsync(TrajectoryUpdate made, TrajectoryState run)
    {
        var row = made.Row!;
        if (made.IsDeleted || !Wants(row) || run.EmbeddedText == row.TaskDescription || (_underWay.TryGetValue(row.Id, out var known) && known.Text == row.TaskDescription))
        {
            return made;
        }

        var vectors = TryMakeAsync(row);
        if (!vectors.IsCompleted)
        {
            await Task.WhenAny(vectors, Task.Delay(AtOnce, stopping));
        }

        if (!vectors.IsCompleted)
        {
            _underWay[row.Id] = (row.TaskDescription, vectors);
            return made;
        }

        if (await vectors is not { } embeddings)
        {
            return made;
        }

        run.EmbeddedText = row.TaskDescription;
        return made with { Change = made.Change! with { Embeddings = embeddings } };
    }

    /// <summary>Saves vectors that were not ready at once after the trajectory, so that a slow embedder delays nothing.</summary>
    public void Follow(TrajectoryUpdate saved)
    {
        if (saved is { IsDeleted: false, Row: { } row } && _underWay.TryGetValue(row.Id, out var late) && late.Text == row.TaskDescription)
        {
            _ = FollowAsync(saved.Queue, row, late);
        }
    }

    private async Task FollowAsync(TaskQueue queue, Trajectory row, (string Text, Task<IReadOnlyList<TrajectoryEmbedding>?> Vectors) late)
    {
        var made = await late.Vectors;
        if (!_underWay.TryRemove(KeyValuePair.Create(row.Id, late)) || made is null)
        {
            // Handed on already, asked for anew with another text, or not to be had.
            return;
        }

        queues.Add(queue.Tenant, queue.TaskId, new WorkItem
        {
            IsReady = true,
            Change = run =>
            {
                if (run is null || !Wants(run.Row) || run.Row.TaskDescription != row.TaskDescription)
                {
                    return null;
                }

                run.EmbeddedText = row.TaskDescription;
                run.GiveEmbeddings(made);
                return run;
            },
        });
    }

    private bool Wants(Trajectory row) => row is { QualityScore: not null, HasUsableContent: true } && row.TaskDescription.Length > 0 && policy.Of(row).Keep;

    /// <summary>The vectors, or null where they cannot be made now.</summary>
    private async Task<IReadOnlyList<TrajectoryEmbedding>?> TryMakeAsync(Trajectory row)
    {
        try
        {
            return await embed(row.TaskDescription, stopping) is { Count: > 0 } made ? made : null;
        }
        catch (Exception error)
        {
            // The run is worth more than its vector, which `embed --missing` can make at any time.
            LogFailed(row.TaskId, error);
            return null;
        }
    }

    [LoggerMessage(4011, LogLevel.Warning, "Task {TaskId} was stored without an embedding")]
    private partial void LogFailed(string taskId, Exception error);
}
