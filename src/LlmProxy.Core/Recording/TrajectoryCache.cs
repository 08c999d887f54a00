namespace LlmProxy.Core.Recording;

/// <summary>Runs as the recorder knows them, in front of the store.</summary>
/// <remarks>
/// Not a cache that may evict when it likes: within a batch it holds what the store does not have yet, so that
/// <see cref="Trim"/> alone forgets, between batches. Safe for concurrent use; the runs themselves belong to the recorder's worker.
/// </remarks>
internal sealed class TrajectoryCache
{
    private const int MaxRuns = 1_000;

    private readonly Dictionary<(string Tenant, string TaskId), TrajectoryState> _runs = [];
    private readonly Lock _lock = new();

    public TrajectoryState? Find(string tenant, string taskId)
    {
        lock (_lock)
        {
            return _runs.GetValueOrDefault((tenant, taskId));
        }
    }

    public void Remember(TrajectoryState run)
    {
        lock (_lock)
        {
            _runs[(run.Row.Tenant, run.Row.TaskId)] = run;
        }
    }

    public void Forget(string tenant, string taskId)
    {
        lock (_lock)
        {
            _runs.Remove((tenant, taskId));
        }
    }

    /// <summary>The runs for which something holds.</summary>
    public List<(string Tenant, string TaskId)> Where(Func<TrajectoryState, bool> condition)
    {
        lock (_lock)
        {
            return [.. _runs.Where(r => condition(r.Value)).Select(r => r.Key)];
        }
    }

    /// <summary>Forgets the runs that were quiet for longest; only between batches, when the store has all of them.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            if (_runs.Count > MaxRuns)
            {
                foreach (var old in _runs.OrderBy(r => r.Value.Row.LastActivityAt).Take(MaxRuns / 4).Select(r => r.Key).ToList())
                {
                    _runs.Remove(old);
                }
            }
        }
    }
}
