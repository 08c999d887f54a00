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

    /// <summary>The place of a response that was asked for in the background and is fetched now; null if no step of this process waits for it.</summary>
    public TaskAssignment? BeginFetch(string tenant, string responseId, TurnKeys keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        lock (_lock)
        {
            foreach (var entry in _index.Find(tenant, keys.Identifier("response", responseId), CorrelationKind.Response))
            {
                if (_index.Find(tenant, entry.TaskId) is { LastAnswered: false } task && task.LastStep == entry.StepIndex)
                {
                    task.InFlight++;
                    return new TaskAssignment(task, entry.StepIndex, IsNewTask: false, IsSideCall: false, IsRetry: true);
                }
            }

            return null;
        }
    }
}
