using System.Collections.Concurrent;

namespace LlmProxy.Core.Recording;

/// <summary>Trajectories as the recorder knows them, in front of the store.</summary>
/// <remarks>
/// Not a cache that may evict at any time: within a batch it holds what the store does not have yet, so only
/// <see cref="Trim"/> evicts. Safe for concurrent use; a trajectory belongs to the worker that has its task.
/// </remarks>
internal sealed class TrajectoryCache
{
    private const int MaxRuns = 1_000;

    private readonly ConcurrentDictionary<(string Tenant, string TaskId), TrajectoryState> _runs = [];

    public TrajectoryState? Find(string tenant, string taskId) => _runs.GetValueOrDefault((tenant, taskId));

    public void Remember(TrajectoryState run) => _runs[(run.Row.Tenant, run.Row.TaskId)] = run;

    public void Forget(string tenant, string taskId) => _runs.TryRemove((tenant, taskId), out _);

    /// <summary>The trajectories that meet a condition.</summary>
    public List<(string Tenant, string TaskId)> Where(Func<TrajectoryState, bool> condition) => [.. _runs.Where(r => condition(r.Value)).Select(r => r.Key)];

    /// <summary>Evicts the trajectories that were idle for longest and that the store has: none for which something waits or is being recorded.</summary>
    /// <param name="isBusy">Whether that is so for a task of a tenant.</param>
    public void Trim(Func<string, string, bool> isBusy)
    {
        if (_runs.Count > MaxRuns)
        {
            foreach (var old in _runs.ToArray().OrderBy(r => r.Value.Row.LastActivityAt).Take(MaxRuns / 4).Where(r => !isBusy(r.Key.Tenant, r.Key.TaskId)))
            {
                _runs.TryRemove(old.Key, out _);
            }
        }
    }
}
