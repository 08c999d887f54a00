using System.Globalization;
using System.Text.RegularExpressions;

namespace LlmProxy.Core.Retrieval;

/// <summary>
/// A run's steps, read and weighed for an example. A text is cleaned and shortened when it is first wanted and is there
/// from then on, whatever task the run is an example for. Safe for concurrent use: two that want a text at the same
/// time may both make it.
/// </summary>
public sealed partial class PreparedTrajectory
{
    // Beyond this an example teaches no more, whatever the budget.
    private const int MaxSteps = 40;

    // Weight from which a step is one of those that mattered.
    private const int Must = 4;

    private readonly List<TrajectoryAction> _actions;

    private PreparedTrajectory(List<TrajectoryAction> actions)
    {
        _actions = actions;
        DropOrder = OrderOf(actions);
        Length = actions.Sum(a => a.Reasoning.Length + a.Result.Length + (a.Call?.Arguments.Length ?? 0));
    }

    /// <summary>Characters of the recorded texts that it holds.</summary>
    public int Length { get; }

    /// <summary>Longest texts by level: task, reasoning, arguments, result.</summary>
    internal static IReadOnlyList<(int Task, int Reasoning, int Arguments, int Result)> Levels { get; } =
    [
        (500, 320, 400, 320),
        (400, 220, 240, 180),
        (300, 140, 140, 110),
        (200, 90, 80, 60),
        (120, 50, 48, 36),
    ];

    /// <summary>Indexes of the steps: first to go the lightest, and among equals those nearest to the middle.</summary>
    internal IReadOnlyList<int> DropOrder { get; }

    /// <summary>Prepares a run.</summary>
    /// <param name="steps">Its steps in order.</param>
    public static PreparedTrajectory Of(IReadOnlyList<StepView> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        return new PreparedTrajectory(Select(Fold(Read(steps))));
    }

    /// <summary>Whether a step is one of those that mattered.</summary>
    internal bool MustStay(int index) => _actions[index].Weight >= Must;

    /// <summary>A step's texts at a level, and what was taken out of them.</summary>
    internal (FewShotStep Step, RemovedText Removed) Text(int index, int level) => _actions[index].Text(level);

    private static List<TrajectoryAction> Read(IReadOnlyList<StepView> steps)
    {
        var actions = new List<TrajectoryAction>();
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
                    actions.Add(new TrajectoryAction { Reasoning = reply.Text });
                }

                continue;
            }

            var unclaimed = step.ToolResults.ToList();
            // The text after a search or an execution on the provider's side is what the model made of it.
            var isAnswer = reply.ToolCalls.All(call => call.IsHosted);
            var reasoning = isAnswer ? "" : reply.Text;
            foreach (var call in reply.ToolCalls)
            {
                // Some dialects send one result per text block; Gemini names the function and returns results in order.
                var mine = unclaimed.Where(r => string.Equals(r.Id, call.Id, StringComparison.Ordinal)).ToList();
                if (mine.Count == 0)
                {
                    mine = [.. unclaimed.Where(r => string.Equals(r.Id, call.Name, StringComparison.Ordinal)).Take(1)];
                }

                unclaimed.RemoveAll(mine.Contains);
                var content = string.Join('\n', mine.Select(r => Bounded(r.Content)));
                actions.Add(new TrajectoryAction
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

            if (isAnswer && !string.IsNullOrWhiteSpace(reply.Text))
            {
                actions.Add(new TrajectoryAction { Reasoning = reply.Text });
            }
        }

        return actions;
    }

    // Where a result says what it is about; the middle of a long one never gets into an example. JSON stays whole, it is cut by its structure.
    private static string Bounded(string content) => content.Length <= 8_000 || (content.Length <= 60_000 && content.AsSpan().TrimStart() is ['{' or '[', ..])
        ? content
        : string.Concat(content.AsSpan(0, 5_000), "\n", content.AsSpan(content.Length - 2_000));

    // The same call with the same arguments one after another is one step that was done n times.
    private static List<TrajectoryAction> Fold(List<TrajectoryAction> actions)
    {
        var result = new List<TrajectoryAction>();
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
    private static List<TrajectoryAction> Select(List<TrajectoryAction> actions)
    {
        var result = new List<TrajectoryAction>();
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

                // The recovery is as important as the failure.
                actions[next] = actions[next] with { Recovers = true };
            }

            result.Add(action with { Weight = action.Recovers ? Math.Max(weight, Must) : weight });
        }

        if (result.Count <= MaxSteps)
        {
            return result;
        }

        var dropped = OrderOf(result).Take(result.Count - MaxSteps).ToHashSet();
        return [.. result.Where((_, i) => !dropped.Contains(i))];
    }

    private static List<int> OrderOf(List<TrajectoryAction> actions) =>
        [.. Enumerable.Range(0, actions.Count).OrderBy(i => actions[i].Weight).ThenByDescending(i => Math.Min(i, actions.Count - 1 - i)).ThenByDescending(i => i)];

    // For dialects that carry no error flag.
    private static bool LooksFailed(string content) => FailedResult().IsMatch(content.Length > 400 ? content[..400] : content);

    [GeneratedRegex("""^\s*(?:error\b|err:|exception\b|traceback|failed\b|failure\b|fatal\b|❌|\{\s*"(?:error|is_error|isError)"\s*:(?!\s*(?:null|false|""|\[\]|\{\}))|\{\s*"(?:success|ok)"\s*:\s*false)|\bexit(?:ed with)? (?:code|status):? (?!0\b)\d""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 250)]
    private static partial Regex FailedResult();

    /// <summary>One tool call with its reasoning and result, or words without a call.</summary>
    private sealed record TrajectoryAction
    {
        private readonly Made?[] _texts = new Made?[Levels.Count];
        private Cleaned? _sentences;
        private Cleaned? _lines;

        public string Reasoning { get; init; } = "";

        public ToolCall? Call { get; init; }

        public string Result { get; init; } = "";

        public bool HasImage { get; init; }

        public bool Failed { get; init; }

        public bool Recovers { get; init; }

        public bool Observes { get; init; }

        public int Times { get; init; } = 1;

        public int Weight { get; init; }

        public (FewShotStep Step, RemovedText Removed) Text(int level)
        {
            var made = _texts[level] ??= Make(Levels[level]);
            return (made.Step, made.Removed);
        }

        private Made Make((int Task, int Reasoning, int Arguments, int Result) level)
        {
            var removed = new RemovedText();
            _sentences ??= Clean(StepText.Sentences, Reasoning);
            removed.Add(_sentences.Removed);
            var reasoning = StepText.Reasoning(_sentences.Texts, level.Reasoning, removed);
            if (Call is not { } call)
            {
                return new Made(new FewShotStep(reasoning, "", "", ""), removed);
            }

            // A failure and its recovery get fewer words than what worked at once.
            var resultLength = Failed ? Math.Min(level.Result, 140) : level.Result;
            var result = StepText.Result(Result, Lines, HasImage, Failed, resultLength, removed);
            if (Failed)
            {
                result = result.StartsWith("error", StringComparison.OrdinalIgnoreCase) ? result : result.Length == 0 ? "failed" : "failed: " + result;
            }

            if (Times > 1)
            {
                result = string.Create(CultureInfo.InvariantCulture, $"{result} (called {Times} times)").TrimStart();
            }

            return new Made(new FewShotStep(reasoning, TrajectoryCondenser.ToolName(call.Name, removed), StepText.Arguments(call.Arguments, level.Arguments, removed), result), removed);
        }

        private List<string> Lines(RemovedText removed)
        {
            _lines ??= Clean(StepText.Lines, Result);
            removed.Add(_lines.Removed);
            return _lines.Texts;
        }

        private static Cleaned Clean(Func<string, RemovedText, List<string>> clean, string text)
        {
            var removed = new RemovedText();
            return new Cleaned(clean(text, removed), removed);
        }

        private sealed record Made(FewShotStep Step, RemovedText Removed);

        private sealed record Cleaned(List<string> Texts, RemovedText Removed);
    }
}
