using LlmProxy.Core.Outcomes;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>How well estimated outcomes agree with stated ones.</summary>
/// <param name="Model">The model in use.</param>
/// <param name="MinProbability">The probability from which on a trajectory may become an example.</param>
/// <param name="Shipped">Quality of the shipped model.</param>
/// <param name="Fitted">Quality of models fitted without the task at hand; null with too few stated outcomes.</param>
/// <param name="Ablation">For each signal the AUC that the shipped model loses without it; null if all outcomes are alike.</param>
/// <param name="Needed">Fewest stated outcomes for a fit.</param>
public sealed record OutcomeEvaluationResponse(
    OutcomeModelDto Model, double MinProbability, OutcomeQualityDto Shipped, OutcomeQualityDto? Fitted, IReadOnlyDictionary<string, double?> Ablation, int Needed)
{
    internal static OutcomeEvaluationResponse Of(OutcomeEvaluation evaluation, double threshold) => new(
        OutcomeModelDto.Of(evaluation.Model), threshold, OutcomeQualityDto.Of(evaluation.Shipped), evaluation.Fitted is { } fitted ? OutcomeQualityDto.Of(fitted) : null, evaluation.Ablation, OutcomeFit.MinOutcomes);
}

/// <summary>A model of outcomes.</summary>
/// <param name="Intercept">Log-odds of success without evidence.</param>
/// <param name="Weights">Log-odds for one unit of each signal.</param>
/// <param name="FittedOn">Stated outcomes that it was fitted to; 0 for the shipped model.</param>
/// <param name="FittedAt">When it was fitted.</param>
public sealed record OutcomeModelDto(double Intercept, IReadOnlyDictionary<string, double> Weights, int FittedOn, DateTime? FittedAt)
{
    internal static OutcomeModelDto Of(OutcomeModel model) => new(model.Intercept, model.Weights, model.FittedOn, model.FittedAt?.UtcDateTime);
}

/// <summary>Quality of estimates.</summary>
/// <param name="Count">Trajectories with a stated outcome.</param>
/// <param name="BaseRate">Share of them that succeeded.</param>
/// <param name="Auc">Area under the ROC curve; null if all outcomes are alike.</param>
/// <param name="AucLow">Lower bound of its 90 % interval.</param>
/// <param name="AucHigh">Upper bound.</param>
/// <param name="CalibrationError">Largest difference of predicted and observed share in thirds.</param>
/// <param name="Eligible">Trajectories at or above the threshold.</param>
/// <param name="Precision">Share of those that succeeded.</param>
/// <param name="Reliability">Thirds by probability.</param>
public sealed record OutcomeQualityDto(int Count, double BaseRate, double? Auc, double? AucLow, double? AucHigh, double CalibrationError, int Eligible, double? Precision, IReadOnlyList<ReliabilityDto> Reliability)
{
    internal static OutcomeQualityDto Of(OutcomeQuality quality) => new(
        quality.Count, quality.BaseRate, quality.Auc, quality.AucLow, quality.AucHigh, quality.CalibrationError, quality.Eligible, quality.Precision,
        [.. quality.Reliability.Select(row => new ReliabilityDto(row.Predicted, row.Observed, row.Count))]);
}

/// <summary>A third of the trajectories.</summary>
/// <param name="Predicted">Mean probability.</param>
/// <param name="Observed">Share that succeeded.</param>
/// <param name="Count">Trajectories.</param>
public sealed record ReliabilityDto(double Predicted, double Observed, int Count);
