namespace LlmProxy.Core.Trajectories;

/// <content>Responses that come later than their call: asked for in the background, or resumed after a break (Responses API).</content>
public sealed partial class TaskCorrelator
{
    /// <summary>Puts the id of a response that did not come in full into the index.</summary>
    public void PublishId(OpenTask task, string responseId, TurnKeys keys, int stepIndex)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(keys);
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            var entry = new CorrelationEntry(keys.Identifier("response", responseId), CorrelationKind.Response, task.TaskId, stepIndex, now);
            _index.Add(task, entry);
            Announce?.Invoke(task.Snapshot([entry], now));
        }
    }

    /// <summary>
    /// The place of a response that was asked for in the background and is fetched now; null if no step waits for it. Another
    /// process may have made that call, or this one before a restart: the store then knows the response's id.
    /// </summary>
    public async ValueTask<TaskAssignment?> BeginFetchAsync(string tenant, string responseId, TurnKeys keys, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var key = keys.Identifier("response", responseId);
        var place = TakeFetch(tenant, key, out var isKnown);
        if (isKnown)
        {
            return place;
        }

        return await LoadAsync(tenant, [key], cancellationToken) is true ? TakeFetch(tenant, key, out _) : null;
    }

    private TaskAssignment? TakeFetch(string tenant, TurnKey key, out bool isKnown)
    {
        lock (_lock)
        {
            var entries = _index.Find(tenant, key, CorrelationKind.Response);
            isKnown = entries.Count > 0;
            foreach (var entry in entries)
            {
                // Of a task that only the store has, the recorder knows whether its last step is complete.
                if (_index.Find(tenant, entry.TaskId) is { } task && task.LastStep == entry.StepIndex && (!task.LastAnswered || task.Frame is null))
                {
                    task.InFlight++;
                    return new TaskAssignment(task, entry.StepIndex, IsNewTask: false, IsSideCall: false, IsRetry: true);
                }
            }

            return null;
        }
    }
}
