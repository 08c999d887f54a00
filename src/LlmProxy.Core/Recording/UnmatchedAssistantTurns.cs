namespace LlmProxy.Core.Recording;

/// <summary>
/// Assistant turns in the history of a run that no recorded reply produced, so far: with several processes a call may
/// be recorded before the one whose response it continues.
/// </summary>
internal sealed class UnmatchedAssistantTurns
{
    private readonly SortedDictionary<int, (TrajectoryStep Step, IReadOnlyList<TurnKey[]> Keys)> _steps = [];

    /// <summary>Whether there are any.</summary>
    public bool IsEmpty => _steps.Count == 0;

    /// <summary>Takes a step as it is now.</summary>
    /// <param name="step">The step.</param>
    /// <param name="keys">The keys under which each of its messages is known.</param>
    public void Note(TrajectoryStep step, IReadOnlyList<TurnKey[]> keys)
    {
        if (step.Messages.Any(m => m.IsForeign))
        {
            _steps[step.Index] = (step, keys);
        }
        else
        {
            _steps.Remove(step.Index);
        }
    }

    /// <summary>Forgets a step that is taken back.</summary>
    public void Forget(int index) => _steps.Remove(index);

    /// <summary>
    /// Finds the reply of a step that comes late in the steps after it. Where a later one brought the late one's
    /// messages, each gets its own.
    /// </summary>
    /// <param name="late">The late step.</param>
    /// <param name="length">How many messages its call had.</param>
    /// <param name="reply">Keys of its reply.</param>
    /// <returns>The late step with its own messages, and the steps that it changes.</returns>
    public (TrajectoryStep Late, List<TrajectoryStep> Changed) Explain(TrajectoryStep late, int length, TurnKey[] reply)
    {
        List<TrajectoryStep> changed = [];
        foreach (var (step, keys) in _steps.Values.ToList())
        {
            var messages = step.Messages;
            var place = step.Index <= late.Index ? -1 : Enumerable.Range(0, messages.Count).FirstOrDefault(i => messages[i].IsForeign && keys[i].Intersect(reply).Any(), -1);
            if (place < 0)
            {
                continue;
            }

            TrajectoryStep explained;
            if (late.Messages.Count == 0 && step.HistoryKept + place == length)
            {
                late = late with { HistoryKept = step.HistoryKept, Messages = [.. messages.Take(place)] };
                Note(late, [.. keys.Take(place)]);
                explained = step with { HistoryKept = length + 1, Messages = [.. messages.Skip(place + 1)] };
                Note(explained, [.. keys.Skip(place + 1)]);
            }
            else
            {
                explained = step with { Messages = [.. messages.Select((m, i) => i == place ? m with { IsForeign = false } : m)] };
                Note(explained, keys);
            }

            changed.Add(explained);
        }

        return (late, changed);
    }
}
