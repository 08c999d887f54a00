using System.CommandLine;
using LlmProxy.Server.Api.Dtos;
using static System.FormattableString;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary><c>outcomes</c>: how well outcomes are inferred, and fitting the model to stated ones.</summary>
internal static class OutcomesVerb
{
    public static Command Create(CliContext context) => new("outcomes", "Compare inferred outcomes with stated ones, and fit the model to them")
    {
        ApiVerb.Create(
            context,
            "evaluate",
            "Show how well the probabilities agree with stated outcomes",
            [],
            (api, _, cancellationToken) => api.GetAsync("/outcomes/evaluation", cancellationToken),
            ApiJson.Default.OutcomeEvaluationResponse,
            (console, _, evaluation) => Print(console, evaluation)),
        ApiVerb.Create(
            context,
            "fit",
            "Fit the weights to stated outcomes; inferred outcomes are estimated again",
            [],
            (api, _, cancellationToken) => api.PostAsync("/outcomes/fit", cancellationToken),
            ApiJson.Default.OutcomeModelDto,
            (console, _, model) => Print(console, model)),
    };

    private static void Print(CliConsole console, OutcomeEvaluationResponse evaluation)
    {
        if (evaluation.Shipped.Count == 0)
        {
            console.Line("No trajectory has a stated outcome. State one with \"llmproxy tasks outcome ID --success\" or --failure.");
            return;
        }

        console.Line(Invariant($"{evaluation.Shipped.Count} stated outcomes, {Percent(evaluation.Shipped.BaseRate)} succeeded. In use: {(evaluation.Model.FittedOn == 0 ? "the shipped model" : $"a model fitted to {evaluation.Model.FittedOn} outcomes")}."));
        console.Line();
        var rows = new[] { ("shipped", evaluation.Shipped), ("fitted", evaluation.Fitted) }.Where(row => row.Item2 is not null).ToList();
        console.Table(
            ["Model", "AUC", "90 % interval", "Eligible", "Precision", "Calibration error"],
            rows.Select(row => new[]
            {
                row.Item1, Number(row.Item2!.Auc), $"{Number(row.Item2.AucLow)} to {Number(row.Item2.AucHigh)}", Invariant($"{row.Item2.Eligible}"), Percent(row.Item2.Precision), Number(row.Item2.CalibrationError),
            }));
        console.Line();
        console.Table(
            ["Model", "Predicted", "Observed", "Trajectories"],
            rows.SelectMany(row => row.Item2!.Reliability.Select(third => new[] { row.Item1, Percent(third.Predicted), Percent(third.Observed), Invariant($"{third.Count}") })));
        console.Line();
        console.Table(
            ["Signal", "Weight", "AUC lost without it"],
            evaluation.Model.Weights.Select(weight => new[] { weight.Key, Number(weight.Value), Number(evaluation.Ablation.GetValueOrDefault(weight.Key)) }));
        if (evaluation.Fitted is null)
        {
            console.Line(Invariant($"A fit needs {evaluation.Needed} stated outcomes."));
        }
    }

    private static void Print(CliConsole console, OutcomeModelDto model)
    {
        console.Line(Invariant($"Fitted to {model.FittedOn} stated outcomes. Inferred outcomes are estimated again."));
        console.Table(["Signal", "Weight"], model.Weights.Select(weight => new[] { weight.Key, Number(weight.Value) }));
    }

    private static string Number(double? value) => value is { } number ? Invariant($"{number:0.000}") : "-";

    private static string Percent(double? value) => value is { } number ? Invariant($"{number * 100:0} %") : "-";
}
