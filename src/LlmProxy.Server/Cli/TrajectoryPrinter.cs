using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Api.Dtos;
using Spectre.Console;
using static System.FormattableString;

namespace LlmProxy.Server.Cli;

/// <summary>Prints a trajectory for people.</summary>
internal sealed class TrajectoryPrinter(CliConsole console, bool full = false)
{
    private const int LongestArguments = 160;
    private const int LongestResult = 200;
    private const int LongestText = 400;

    private static readonly Style Strong = new(decoration: Decoration.Bold);
    private static readonly Style Dim = new(Color.Grey);
    private static readonly Style Good = new(Color.Green);
    private static readonly Style Bad = new(Color.Red);

    /// <summary>Formats a time in UTC.</summary>
    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Formats a score; a dash without one.</summary>
    public static string Score(double? score) => score is { } s ? s.ToString("0.00##", CultureInfo.InvariantCulture) : "-";

    /// <summary>Describes the status of a trajectory.</summary>
    public static string StatusOf(TrajectoryDto run) => (run.Status, run.Success, run.Provisional) switch
    {
        ("completed", null, _) when run.SuccessProbability is { } probability => Invariant($"completed, not verified ({probability * 100:0} %)"),
        ("completed", null, _) => "completed, success unknown",
        ("completed", false, _) => "completed without success",
        (var status, _, true) => status + " (provisional)",
        var (status, _, _) => status,
    };

    /// <summary>Prints a trajectory with its steps.</summary>
    public void Print(TrajectoryDetailDto run)
    {
        console.Lines(Shorten(run.TaskDescription.Length > 0 ? run.TaskDescription : "(no description)", LongestText), Strong);
        Field("Task", run.TaskId + (run.TaskId == run.Id ? "" : $"   run {run.Id}"));
        Field("Model", string.Join(" · ", new[] { run.Provider, run.Model, TextFold.Short(run.Client, 60) }.Where(part => part.Length > 0)));
        if (run.AnsweredBy.Count > 1 || run.AnsweredBy.Any(model => model.Model != run.Model))
        {
            Field("Answered by", string.Join(", ", run.AnsweredBy.Select(model => Invariant($"{model.Provider} {model.Model} ({model.Steps} {(model.Steps == 1 ? "step" : "steps")})"))));
        }

        Field("Status", $"{StatusOf(run)}{(run.OutcomeSource == "none" ? "" : $" (by {run.OutcomeSource}{(run.StatedBy is { } by ? $", {by}" : "")})")} · {Duration(run.DurationMs)} · {Time(run.StartedAt)} UTC", run.Success switch { true => Good, false => Bad, null => default(Style?) });
        PrintOutcome(run);
        foreach (var judgement in run.Judgements ?? [])
        {
            PrintJudgement(judgement);
        }

        Field("Score", ScoreWithTerms(run));
        Field("Effort", Invariant($"{run.IterationCount} steps, {run.ToolCallsCount} tool calls, error rate {run.ErrorRate:0.###}, {run.UserInterventions} interventions{(run.ClickAccuracy is { } clicks ? $", click accuracy {clicks:0.##}" : "")}"));
        Field("Tokens", Tokens(run.TokenUsage) + (run.CostUsd is { } cost ? Invariant($" · ${cost:0.######}") : ""));
        if (run.Keys.Count > 0)
        {
            Field(run.Keys.Count == 1 ? "Key" : "Keys", string.Join(", ", run.Keys));
        }

        if (run.ExampleIds.Count > 0)
        {
            Field("Examples", string.Join(", ", run.ExampleIds));
        }

        if (run.Comment is { Length: > 0 } comment)
        {
            Field("Comment", comment);
        }

        if (run.Project is { Length: > 0 } project)
        {
            Field("Project", project);
        }

        if (run.TaskType is { } type)
        {
            Field("Type", type + (run.TaskTypeStated ? " (stated)" : ""));
        }

        if (run.WhyNoContent is { } why)
        {
            Field("Content", run.EraseAt is { } erased ? $"hidden from examples and exports ({why}); erased at {Time(erased)} UTC" : run.HasContent ? $"hidden from examples and exports ({why})" : $"not kept ({why})");
        }

        if (run.Steps.Count == 0)
        {
            console.Line();
            console.Line("Its steps are not kept; only the metrics above are.", Dim);
        }

        foreach (var step in run.Steps)
        {
            Print(step);
        }
    }

    private void PrintJudgement(JudgementDto judgement)
    {
        if (judgement.Kind == "comparison")
        {
            Field("Compared", string.Join(", ", judgement.Peers.Select(p => $"{p.Preference switch { > 0 => "better than", < 0 => "worse than", _ => "as good as" }} {p.TrajectoryId}")) + $" (by {judgement.Model})");
            return;
        }

        Field("Judged", Invariant($"{judgement.Success switch { true => "success", false => "failure", null => "the judge abstains" }}, score {Score(judgement.Score)} (by {judgement.Model}, {Time(judgement.At)} UTC)"));
        foreach (var item in judgement.Items.Where(i => i.Answer == "yes"))
        {
            Field("", Invariant($"{item.Id}{(item.Step is { } step ? $" in step {step}" : "")}{(item.Quote is { } quote ? ": " + Shorten(quote, LongestText) : "")}"));
        }

        if (judgement.Critique is { Length: > 0 } critique)
        {
            Field("", Shorten(critique, LongestText));
        }
    }

    /// <summary>Prints why a trajectory has its outcome, what speaks for and against success, and how to correct it.</summary>
    public void PrintOutcome(TrajectoryDetailDto run)
    {
        Field("Outcome", run.Outcome.Text + (run.Outcome.At is { } at && run.Outcome.Kind is not "inferred" ? $" ({Time(at)} UTC)" : ""));
        if (run.Outcome.Kind == "inferred" && run.Evidence.Count == 0)
        {
            Field("Evidence", "none");
        }

        foreach (var (evidence, i) in run.Evidence.Select((e, i) => (e, i)))
        {
            Field(i == 0 ? "Evidence" : "", Invariant($"{evidence.Direction,-7} {evidence.Weight:+0.00;-0.00} {evidence.Signal}: {evidence.Text}"));
        }

        if (run.Outcome.Command is { } command)
        {
            Field("Correct", command + (run.Success is null ? " (or --failure)" : ""));
        }
    }

    private static string ScoreWithTerms(TrajectoryDetailDto run)
    {
        if (run.QualityScore is null)
        {
            return "none (only runs that succeeded, or probably did, have one)";
        }

        var terms = run.Scoring.Terms.Where(term => Math.Abs(term.Value) > 1e-12)
            .Select(term => Invariant($" - {-term.Value:0.####} {term.Key}"));
        return $"{Score(run.QualityScore)} = 1{string.Concat(terms)}{(run.Success is null ? " (provisional)" : "")}";
    }

    private void Print(StepDto step)
    {
        console.Line();
        var isOk = StepStatuses.Parse(step.Status) == StepStatus.Ok;
        console.Line($"{step.Index}. {Duration(step.DurationMs)} · {Tokens(step.TokenUsage)}{(isOk ? "" : " · " + step.Status)}", isOk ? Strong : Bad);
        foreach (var message in step.Messages.OfType<JsonObject>())
        {
            if (UserText(message) is { Length: > 0 } text)
            {
                console.Paragraph("User: " + Shorten(text, LongestText), 3);
            }
        }

        if (step.Reasoning is { Length: > 0 } reasoning)
        {
            console.Paragraph("Thought: " + Shorten(reasoning, LongestText), 3, Dim);
        }

        if (step.Response?.Text is { Length: > 0 } said)
        {
            console.Paragraph("Said: " + Shorten(said, LongestText), 3);
        }

        foreach (var call in step.ToolCalls)
        {
            console.Paragraph($"{call.Name}({Shorten(Arguments(call.Arguments), LongestArguments)})", 3, Strong);
            foreach (var result in step.ToolResults.Where(result => result.Id == call.Id || result.Id == call.Name))
            {
                console.Paragraph("→ " + (result.IsError == true ? "failed: " : "") + Shorten(result.Content, LongestResult), 5, result.IsError == true ? Bad : Dim);
            }
        }

        if (step.ToolCalls.Count == 0 && step.Response?.StopReason is { } reason)
        {
            console.Line($"   (stopped: {reason})", Dim);
        }
    }

    /// <summary>The user's text in a message of any dialect; tool results are shown with their calls.</summary>
    private static string? UserText(JsonObject message)
    {
        if ((message["role"] as JsonValue)?.ToString() is not ("user" or "human"))
        {
            return null;
        }

        return (message["content"] ?? message["parts"]) switch
        {
            JsonValue text => text.ToString(),
            JsonArray parts => string.Join('\n', parts.OfType<JsonObject>().Select(part => (part["text"] as JsonValue)?.ToString()).OfType<string>()),
            _ => null,
        };
    }

    private static string Arguments(JsonNode? arguments) => arguments switch
    {
        JsonObject named => string.Join(", ", named.Select(pair => $"{pair.Key}: {pair.Value?.ToJsonString(Relaxed) ?? "null"}")),
        null => "",
        _ => arguments.ToString(),
    };

    private static readonly System.Text.Json.JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private void Field(string name, string value, Style? style = null)
    {
        if (!console.IsTerminal)
        {
            console.Line($"{name,-9}{value}");
            return;
        }

        console.Word($"{name,-9}", Dim);
        console.Line(value, style ?? Style.Plain);
    }

    private string Shorten(string text, int length) => full ? text : TextFold.Short(text, length);

    private static string Duration(double milliseconds) => milliseconds < 1000
        ? Invariant($"{milliseconds:0} ms")
        : milliseconds < 120_000
            ? Invariant($"{milliseconds / 1000:0.0} s")
            : Invariant($"{milliseconds / 60_000:0.0} min");

    private static string Tokens(TokenUsageDto usage) => usage.Input is null ? "tokens unknown" : Invariant(
        $"{usage.Input:N0} tokens in{(usage.CacheRead > 0 ? $" ({usage.CacheRead:N0} cached)" : "")}, {usage.Output:N0} out");
}
