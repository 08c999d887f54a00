namespace LlmProxy.Core.Trajectories.Strategies;

/// <summary>
/// The history continues a recorded call after a response that came back changed (some clients give tool calls ids of
/// their own), was cut off or could not be read: no other call continued that one.
/// </summary>
internal sealed class UnextendedRequestStrategy : IMatchStrategy
{
    public TaskMatch? Find(MatchContext context)
    {
        var requests = context.Probe.RequestChains;
        for (var i = requests.Count - 1; i >= 0; i--)
        {
            var unextended = context.Entries(requests[i], CorrelationKind.Request)
                .FindAll(e => context.TaskOf(e) is { IsUnderWay: false } task && task.LastStep == e.StepIndex);
            if (context.Choose(context.SameSession(unextended)) is { } found)
            {
                return new TaskMatch(found.Task, found.Task.LastEndedTurn || !found.Task.LastReadable || !found.Task.LastAnswered);
            }
        }

        return null;
    }
}
