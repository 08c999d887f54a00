using System.Globalization;
using System.Text.RegularExpressions;
using LlmProxy.Core.Dialects;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Core.Retrieval;

/// <summary>A run with its steps, to be condensed.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Steps">Its steps in order.</param>
/// <param name="Similarity">Cosine to the task at hand.</param>
/// <param name="EditedJson">What a person made of the example, see <see cref="EditedExample"/>, or null.</param>
public sealed record RunToCondense(Trajectory Trajectory, IReadOnlyList<StepView> Steps, double Similarity, string? EditedJson = null);

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
public sealed partial class RunCondenser
{
    /// <summary>Characters of layout that a template is taken to add for an example and for a step.</summary>
    private const int ExampleLayout = 160;
    private const int StepLayout = 24;

    // Beyond this an example teaches no more, whatever the budget.
    private const int MaxSteps = 40;
    private const int EnoughSteps = 8;

    // Weight from which a step is one of those that mattered.
    private const int Must = 4;

    /// <summary>Longest texts by level: task, reasoning, arguments, result.</summary>
    private static readonly (int Task, int Reasoning, int Arguments, int Result)[] Levels =
    [
        (500, 320, 400, 320),
        (400, 220, 240, 180),
        (300, 140, 140, 110),
        (200, 90, 80, 60),
        (120, 50, 48, 36),
    ];

    /// <summary>Estimated tokens of an example in a prompt: characters of its texts and of a usual layout, divided by 4, rounded up.</summary>
    public static int CountTokens(FewShotExample example)
    {
        ArgumentNullException.ThrowIfNull(example);
        return Tokens(ExampleLayout + example.Task.Length + example.Outcome.Length + example.ToolsUsed.Sum(t => t.Length + 2) + example.Steps.Sum(Length));
    }

    /// <summary>Condenses one run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="steps">Its steps in order.</param>
    /// <param name="similarity">Cosine to the task at hand.</param>
    /// <param name="tokenBudget">Most tokens by <see cref="CountTokens"/>. Below what the task alone takes the example has no steps.</param>
    /// <param name="removed">Where to count what was taken out of texts, or null.</param>
    public FewShotExample Condense(Trajectory run, IReadOnlyList<StepView> steps, double similarity, int tokenBudget, RemovedText? removed = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(steps);
        removed ??= new RemovedText();
        var actions = Select(Fold(Read(steps)));

        // From the most words to the fewest: the first level at which everything that must stay fits, or at least
        // enough of it. Eight steps in whole sentences teach more than forty in scraps.
        foreach (var level in Levels)
        {
            var tally = new RemovedText();
            var example = Frame(run, similarity, level.Task, tally);
            var left = (tokenBudget * 4) - Cost(example);
            if (left < 0)
            {
                continue;
            }

            var (chosen, isWhole) = Fill(actions, i => Text(actions[i], level, tally), left);
            if (isWhole || chosen.Count >= EnoughSteps || level == Levels[^1])
            {
                removed.Add(tally);
                return example with { Steps = [.. chosen.Values] };
            }
        }

        // Not even the shortest task fits: as much of it as does.
        var bare = Frame(run, similarity, Levels[^1].Task, removed) with { ToolsUsed = [] };
        var room = (tokenBudget * 4) - (Cost(bare) - bare.Task.Length);
        return bare with { Task = room > 0 ? Sentences.Cut(bare.Task, room) : "" };
    }

    /// <summary>
    /// Condenses several runs, best first, into one budget. The n-th gets a share of 1/(1 + n/2), and what one leaves
    /// over goes to the next. Runs for which no step fits are left out.
    /// </summary>
    public IReadOnlyList<FewShotExample> CondenseMany(IReadOnlyList<RunToCondense> runs, int totalBudget, RemovedText? removed = null)
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

    private static List<RunAction> Read(IReadOnlyList<StepView> steps)
    {
        var actions = new List<RunAction>();
        foreach (var step in steps)
        {
            if (step.Reply is not { } reply)
            {
                continue;
            }

            if (reply.ToolCalls.Count == 0)
            {
                if (!string.IsNullOrWhiteSpace(reply.Text))
                {
                    actions.Add(new RunAction { Reasoning = reply.Text });
                }

                continue;
            }

            var unclaimed = step.ToolResults.ToList();
            var reasoning = reply.Text;
            foreach (var call in reply.ToolCalls)
            {
                // Some dialects send one result per text block; Gemini names the function and answers in order.
                var mine = unclaimed.Where(r => string.Equals(r.Id, call.Id, StringComparison.Ordinal)).ToList();
                if (mine.Count == 0)
                {
                    mine = [.. unclaimed.Where(r => string.Equals(r.Id, call.Name, StringComparison.Ordinal)).Take(1)];
                }

                unclaimed.RemoveAll(mine.Contains);
                var content = string.Join('\n', mine.Select(r => Bounded(r.Content)));
                actions.Add(new RunAction
                {
                    Reasoning = reasoning,
                    Call = call,
                    Result = content,
                    HasImage = mine.Exists(r => r.HasImage),
                    Failed = mine.Exists(r => r.IsError ?? LooksFailed(r.Content)),
                    Observes = ToolNames.IsObservation(call.Name),
                });
                reasoning = "";
            }
        }

        return actions;
    }

    // Where a result says what it is about; the middle of a long one never gets into an example. JSON stays whole, it is cut by its structure.
    private static string Bounded(string content) => content.Length <= 8_000 || (content.Length <= 60_000 && content.AsSpan().TrimStart() is ['{' or '[', ..])
        ? content
        : string.Concat(content.AsSpan(0, 5_000), "\n", content.AsSpan(content.Length - 2_000));

    // The same call with the same arguments one after another is one step that was done n times.
    private static List<RunAction> Fold(List<RunAction> actions)
    {
        var result = new List<RunAction>();
        foreach (var action in actions)
        {
            if (result.Count > 0 && result[^1] is { Call: { } last } before && action.Call is { } call
                && string.Equals(last.Name, call.Name, StringComparison.Ordinal) && string.Equals(last.Arguments, call.Arguments, StringComparison.Ordinal))
            {
                // The last result is where the run went on from.
                result[^1] = action with { Reasoning = before.Reasoning.Length > 0 ? before.Reasoning : action.Reasoning, Times = before.Times + 1 };
                continue;
            }

            result.Add(action);
        }

        return result;
    }

    // Failures without a recovery go, and everything gets its weight.
    private static List<RunAction> Select(List<RunAction> actions)
    {
        var result = new List<RunAction>();
        var seen = new HashSet<(string, string)>();
        var lastWords = actions.FindLastIndex(a => a.Call is null);
        for (var i = 0; i < actions.Count; i++)
        {
            var action = actions[i];
            var weight = action switch
            {
                { Call: null } => i == lastWords && i == actions.Count - 1 ? 5 : 1,
                { Failed: true } => 4,
                { Observes: true } => seen.Add((action.Call!.Name, action.Call.Arguments)) ? 2 : 0,
                _ => 6,
            };
            if (action.Failed)
            {
                var next = actions.FindIndex(i + 1, a => string.Equals(a.Call?.Name, action.Call?.Name, StringComparison.Ordinal));
                if (next < 0 || actions[next].Failed)
                {
                    continue;
                }

                // The recovery is as important as the failure that it answers.
                actions[next] = actions[next] with { Recovers = true };
            }

            result.Add(action with { Weight = action.Recovers ? Math.Max(weight, Must) : weight });
        }

        if (result.Count <= MaxSteps)
        {
            return result;
        }

        var dropped = DropOrder(result).Take(result.Count - MaxSteps).ToHashSet();
        return [.. result.Where((_, i) => !dropped.Contains(i))];
    }

    /// <summary>The steps that fit, by index, the weightiest let in first, and whether all that must stay are among them.</summary>
    private static (SortedDictionary<int, FewShotStep> Chosen, bool IsWhole) Fill(List<RunAction> actions, Func<int, FewShotStep> text, int room)
    {
        var order = DropOrder(actions);
        var chosen = new SortedDictionary<int, FewShotStep>();
        var isWhole = true;
        for (var n = order.Count - 1; n >= 0; n--)
        {
            // Texts are made only while there is room for one: cleaning them is what takes the time.
            var mustStay = actions[order[n]].Weight >= Must;
            if (room < StepLayout + 12)
            {
                isWhole &= !mustStay;
                break;
            }

            var step = text(order[n]);
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

    // First to go: the lightest, and among equals those nearest to the middle.
    private static List<int> DropOrder(List<RunAction> actions) =>
        [.. Enumerable.Range(0, actions.Count).OrderBy(i => actions[i].Weight).ThenByDescending(i => Math.Min(i, actions.Count - 1 - i)).ThenByDescending(i => i)];

    private static FewShotStep Text(RunAction action, (int Task, int Reasoning, int Arguments, int Result) level, RemovedText removed)
    {
        var reasoning = StepText.Reasoning(action.Sentences(removed), level.Reasoning, removed);
        if (action.Call is not { } call)
        {
            return new FewShotStep(reasoning, "", "", "");
        }

        // A failure and its recovery are told in fewer words than what worked at once.
        var resultLength = action.Failed ? Math.Min(level.Result, 140) : level.Result;
        var result = StepText.Result(action.Result, action.Lines, action.HasImage, action.Failed, resultLength, removed);
        if (action.Failed)
        {
            result = result.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? result : result.Length == 0 ? "failed" : "failed: " + result;
        }

        if (action.Times > 1)
        {
            result = string.Create(CultureInfo.InvariantCulture, $"{result} (called {action.Times} times)").TrimStart();
        }

        return new FewShotStep(reasoning, ToolName(call.Name, removed), StepText.Arguments(call.Arguments, level.Arguments, removed), result);
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
        _ => "Ended; the outcome is not known",
    };

    private static string ToolName(string name, RemovedText removed) => Sentences.CutMiddle(RecordedText.CleanLine(name, removed), 64);

    private static int Cost(FewShotExample example) => CountTokens(example) * 4;

    private static int Length(FewShotStep step) => StepLayout + step.Reasoning.Length + step.Tool.Length + step.Arguments.Length + step.Result.Length;

    private static int Tokens(int characters) => (characters + 3) / 4;

    // For dialects that carry no error flag.
    private static bool LooksFailed(string content) => FailedResult().IsMatch(content.Length > 400 ? content[..400] : content);

    [GeneratedRegex("""^\s*(?:error\b|err:|exception\b|traceback|failed\b|failure\b|fatal\b|❌|\{\s*"(?:error|is_error|isError)"\s*:(?!\s*(?:null|false|""|\[\]|\{\}))|\{\s*"(?:success|ok)"\s*:\s*false)|\bexit(?:ed with)? (?:code|status):? (?!0\b)\d""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex FailedResult();

    /// <summary>One tool call with its reasoning and result, or words without a call.</summary>
    private sealed record RunAction
    {
        public string Reasoning { get; init; } = "";

        public ToolCall? Call { get; init; }

        public string Result { get; init; } = "";

        public bool HasImage { get; init; }

        public bool Failed { get; init; }

        public bool Recovers { get; init; }

        public bool Observes { get; init; }

        public int Times { get; init; } = 1;

        public int Weight { get; init; }

        // Cleaned once, whatever number of lengths is tried. Counted once too, which is what a count should do.
        private List<string>? _sentences;
        private List<string>? _lines;

        public List<string> Sentences(RemovedText removed) => _sentences ??= StepText.Sentences(Reasoning, removed);

        public List<string> Lines(RemovedText removed) => _lines ??= StepText.Lines(Result, removed);
    }
}
