namespace LlmProxy.Server.Cli.Evaluation;

/// <summary>What an evaluation runs.</summary>
/// <param name="Tasks">The tasks.</param>
/// <param name="Arms">The arms; the others are compared with the first.</param>
/// <param name="Model">The model that the agent is to use.</param>
/// <param name="Agent">The agent's command.</param>
/// <param name="Repeats">How often each task runs in each arm.</param>
/// <param name="Timeout">Time limit of an agent and of a check.</param>
/// <param name="Seed">Seed of the order.</param>
internal sealed record EvaluationPlan(
    IReadOnlyList<EvaluationTask> Tasks, IReadOnlyList<EvaluationArm> Arms, string Model, IReadOnlyList<string> Agent, int Repeats, TimeSpan Timeout, int Seed)
{
    /// <summary>Number of runs.</summary>
    public int Count => Tasks.Count * Arms.Count * Repeats;

    /// <summary>
    /// The runs in order: tasks shuffled by the seed, all arms of a task one after the other, and each arm first equally
    /// often, so that what changes with time favours no arm.
    /// </summary>
    public IEnumerable<(EvaluationTask Task, int Repeat, EvaluationArm Arm)> Order()
    {
        var blocks = Enumerable.Range(1, Repeats).SelectMany(repeat => Tasks.Select(task => (task, repeat))).ToArray();

        // The same order for the same seed.
        new Random(Seed).Shuffle(blocks);
        foreach (var (index, (task, repeat)) in blocks.Index())
        {
            for (var i = 0; i < Arms.Count; i++)
            {
                yield return (task, repeat, Arms[(index + i) % Arms.Count]);
            }
        }
    }
}
