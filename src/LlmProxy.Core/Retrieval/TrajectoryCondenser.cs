namespace LlmProxy.Core.Retrieval;

/// <summary>A run with its steps, to be condensed.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Steps">Its steps, prepared.</param>
/// <param name="Similarity">Cosine to the task at hand.</param>
/// <param name="EditedJson">What a person made of the example, see <see cref="EditedExample"/>, or null.</param>
public sealed record TrajectoryToCondense(Trajectory Trajectory, PreparedTrajectory Steps, double Similarity, string? EditedJson = null);

/// <summary>
/// Condenses a run to an example that teaches: each step that mattered with why, which tool with what, and what came
/// back. Hidden reasoning is never read. Everything is cleaned by <see cref="RecordedText"/>.
/// </summary>
/// <remarks>
/// What is kept, in this order: calls that change something, failures that a later call of the same tool made good
/// (both are kept, because the recovery teaches), the closing words, then calls that only look, then words in between.
/// Texts are long where the budget allows it and get shorter before steps are dropped; steps go from the middle, and
/// what stays keeps its order.
/// </remarks>
public sealed class TrajectoryCondenser
{
    /// <summary>Characters of layout that a template is taken to add for an example and for a step.</summary>
    private const int ExampleLayout = 160;
    private const int StepLayout = 24;

    private const int EnoughSteps = 8;

    /// <summary>Estimated tokens of an example in a prompt: characters of its texts and of a usual layout, divided by 4, rounded up.</summary>
    public static int CountTokens(FewShotExample example)
    {
        ArgumentNullException.ThrowIfNull(example);
        return TokenEstimate.OfLength(ExampleLayout + example.Task.Length + example.Outcome.Length + example.ToolsUsed.Sum(t => t.Length + 2) + example.Steps.Sum(Length));
    }

    /// <summary>Condenses one run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="steps">Its steps in order.</param>
    /// <param name="similarity">Cosine to the task at hand.</param>
    /// <param name="tokenBudget">Most tokens by <see cref="CountTokens"/>. Below what the task alone takes the example has no steps.</param>
    /// <param name="removed">Where to count what was taken out of texts, or null.</param>
    public FewShotExample Condense(Trajectory run, IReadOnlyList<StepView> steps, double similarity, int tokenBudget, RemovedText? removed = null)
    {
        ArgumentNullException.ThrowIfNull(steps);
        return Condense(run, PreparedTrajectory.Of(steps), similarity, tokenBudget, removed);
    }

    /// <summary>The same with steps that were prepared before.</summary>
    public FewShotExample Condense(Trajectory run, PreparedTrajectory prepared, double similarity, int tokenBudget, RemovedText? removed = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(prepared);
        removed ??= new RemovedText();

        // From the most words to the fewest: the first level at which everything that must stay fits, or at least
        // enough of it. Eight steps in whole sentences teach more than forty in scraps.
        for (var level = 0; level < PreparedTrajectory.Levels.Count; level++)
        {
            var tally = new RemovedText();
            var example = Frame(run, similarity, PreparedTrajectory.Levels[level].Task, tally);
            var left = (tokenBudget * 4) - Cost(example);
            if (left < 0)
            {
                continue;
            }

            var (chosen, isWhole) = Fill(prepared, level, left, tally);
            if (isWhole || chosen.Count >= EnoughSteps || level == PreparedTrajectory.Levels.Count - 1)
            {
                removed.Add(tally);
                return example with { Steps = [.. chosen.Values] };
            }
        }

        // Not even the shortest task fits: as much of it as does.
        var bare = Frame(run, similarity, PreparedTrajectory.Levels[^1].Task, removed) with { ToolsUsed = [] };
        var room = (tokenBudget * 4) - (Cost(bare) - bare.Task.Length);
        return bare with { Task = room > 0 ? Sentences.Cut(bare.Task, room) : "" };
    }

    /// <summary>
    /// Condenses several runs, best first, into one budget. The n-th gets a share of 1/(1 + n/2), and what one leaves
    /// over goes to the next. Runs for which no step fits are left out.
    /// </summary>
    public IReadOnlyList<FewShotExample> CondenseMany(IReadOnlyList<TrajectoryToCondense> runs, int totalBudget, RemovedText? removed = null)
    {
        ArgumentNullException.ThrowIfNull(runs);
        removed ??= new RemovedText();
        var result = new List<FewShotExample>(runs.Count);
        var left = totalBudget;
        for (var i = 0; i < runs.Count; i++)
        {
            double shares = 0;
            for (var n = i; n < runs.Count; n++)
            {
                shares += Share(n);
            }

            var budget = (int)(left * Share(i) / shares);
            var example = Condense(runs[i].Trajectory, runs[i].Steps, runs[i].Similarity, budget, removed);
            example = runs[i].EditedJson is { } edited ? EditedExample.Apply(example, edited, budget, removed) ?? example : example;
            if (example.Steps.Count > 0)
            {
                result.Add(example);
                left -= CountTokens(example);
            }
        }

        return result;

        static double Share(int n) => 1 / (1 + (n / 2.0));
    }

    /// <summary>The steps that fit, by index, the weightiest let in first, and whether all that must stay are among them.</summary>
    private static (SortedDictionary<int, FewShotStep> Chosen, bool IsWhole) Fill(PreparedTrajectory run, int level, int room, RemovedText removed)
    {
        var order = run.DropOrder;
        var chosen = new SortedDictionary<int, FewShotStep>();
        var isWhole = true;
        for (var n = order.Count - 1; n >= 0; n--)
        {
            // Texts are made only while there is room for one: cleaning them is what takes the time.
            var mustStay = run.MustStay(order[n]);
            if (room < StepLayout + 12)
            {
                isWhole &= !mustStay;
                break;
            }

            var (step, left) = run.Text(order[n], level);
            removed.Add(left);
            var length = Length(step);
            if (length > room)
            {
                isWhole &= !mustStay;
            }
            else if (length > StepLayout)
            {
                chosen.Add(order[n], step);
                room -= length;
            }
        }

        return (chosen, isWhole);
    }

    private static FewShotExample Frame(Trajectory run, double similarity, int taskLength, RemovedText removed) => new(
        run.Id,
        StepText.Task(run.TaskDescription, taskLength, removed),
        Outcome(run),
        similarity,
        run.QualityScore ?? 0,
        run.IterationCount,
        [.. run.ToolsUsed.Take(12).Select(t => ToolName(t, removed)).Where(t => t.Length > 0)],
        []);

    private static string Outcome(Trajectory run) => run.Success switch
    {
        true when run.UserInterventions > 0 => "Completed successfully with help from a person",
        true => "Completed successfully",
        false => "Failed",
        _ when run.SuccessProbability is not null => "Finished; not verified",
        _ => "Ended; the outcome is not known",
    };

    internal static string ToolName(string name, RemovedText removed) => Sentences.CutMiddle(RecordedText.CleanLine(name, removed), 64);

    private static int Cost(FewShotExample example) => CountTokens(example) * TokenEstimate.CharactersPerToken;

    private static int Length(FewShotStep step) => StepLayout + step.Reasoning.Length + step.Tool.Length + step.Arguments.Length + step.Result.Length;
}
