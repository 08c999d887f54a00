using System.Text.Json.Serialization;
using LlmProxy.Core;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>What a judge found.</summary>
/// <param name="Kind"><c>rubric</c> or <c>comparison</c>.</param>
/// <param name="Model">The model that judged.</param>
/// <param name="RubricVersion">Version of the questions.</param>
/// <param name="Success">Whether the trajectory succeeded; null if the judge abstains.</param>
/// <param name="Score">0 to 1; null if the judge abstains.</param>
/// <param name="Critique">The judge's words; null after the content was erased.</param>
/// <param name="Items">The answered questions; "yes" is a fault.</param>
/// <param name="Peers">The trajectories that it was compared with.</param>
/// <param name="InputTokens">Tokens of the question.</param>
/// <param name="OutputTokens">Tokens of the answer.</param>
/// <param name="At">When it was judged.</param>
public sealed record JudgementDto(
    string Kind, string Model, int RubricVersion, bool? Success, double? Score, string? Critique, IReadOnlyList<JudgedItemDto> Items, IReadOnlyList<ComparedPeerDto> Peers, long? InputTokens, long? OutputTokens, DateTime At)
{
    internal static JudgementDto Of(StoredJudgement judgement) => new(
        EnumWords.Snake(judgement.Kind), judgement.Model, judgement.RubricVersion, judgement.Success, judgement.Score, judgement.Critique,
        [.. judgement.Answers.Select(a => new JudgedItemDto(a.Id, EnumWords.Snake(a.Answer), a.Step, judgement.Quotes.GetValueOrDefault(a.Id)))],
        [.. judgement.Peers.Select(p => new ComparedPeerDto(p.TrajectoryId, p.Preference))],
        judgement.InputTokens, judgement.OutputTokens, judgement.At.UtcDateTime);
}

/// <summary>An answered question.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Answer"><c>yes</c> (a fault), <c>no</c> or <c>cannot_tell</c>.</param>
/// <param name="Step">The step that the answer rests on.</param>
/// <param name="Quote">Text of the trajectory that shows a fault.</param>
public sealed record JudgedItemDto(string Id, string Answer, int? Step, string? Quote);

/// <summary>A trajectory that another was compared with.</summary>
/// <param name="TrajectoryId">The other trajectory.</param>
/// <param name="Preference">1 if the judged one is better, -1 if the other one is, 0 for a tie.</param>
public sealed record ComparedPeerDto(string TrajectoryId, int Preference);

/// <summary>An answer of a model that was asked for a trajectory.</summary>
/// <param name="Kind">What was asked.</param>
/// <param name="Model">The model.</param>
/// <param name="InputTokens">Tokens of the question.</param>
/// <param name="OutputTokens">Tokens of the answer.</param>
/// <param name="CostUsd">Cost in USD.</param>
/// <param name="Text">The answer; null after the content was erased.</param>
/// <param name="At">When it came.</param>
public sealed record AssistanceDto(string Kind, string Model, long? InputTokens, long? OutputTokens, decimal CostUsd, string? Text, DateTime At)
{
    internal static AssistanceDto Of(Assistance a) => new(EnumWords.Snake(a.Kind), a.Model, a.InputTokens, a.OutputTokens, a.CostUsd, a.Text, a.At.UtcDateTime);
}

/// <summary>The judgements of a trajectory, and what models were asked for it.</summary>
/// <param name="Items">The judgements, the oldest first.</param>
/// <param name="Assistances">The calls with their cost.</param>
/// <param name="NextCursor">Always null: all of them are here.</param>
public sealed record JudgementsResponse(IReadOnlyList<JudgementDto> Items, IReadOnlyList<AssistanceDto> Assistances, string? NextCursor);

/// <summary>What came of judging a trajectory.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="Judgement">The judgement; null if it was not judged.</param>
/// <param name="Reason"><c>known</c>, <c>no-content</c> or <c>active</c>: why it was not judged.</param>
/// <param name="IsNew">Whether the model was asked now.</param>
/// <param name="SetsOutcome">Whether the judgement became the outcome.</param>
public sealed record JudgeResponse(string TrajectoryId, JudgementDto? Judgement, string? Reason, bool IsNew, bool SetsOutcome);

/// <summary>How far a judge agrees with stated outcomes.</summary>
/// <param name="Model">The judge.</param>
/// <param name="Count">Stated outcomes on which it did not abstain.</param>
/// <param name="Abstained">Stated outcomes on which it did.</param>
/// <param name="Agreement">Share of the same outcome.</param>
/// <param name="Kappa">Agreement beyond chance.</param>
/// <param name="KappaLow">Lower bound of its 90 % interval.</param>
/// <param name="KappaHigh">Upper bound.</param>
/// <param name="MaySetOutcomes">Whether it sets outcomes.</param>
/// <param name="NeededKappa">Least kappa for that.</param>
/// <param name="NeededOutcomes">Fewest stated outcomes for that.</param>
/// <param name="SpentTodayUsd">What the budget has spent today, calls under way included.</param>
public sealed record JudgeCalibrationResponse(
    string Model, int Count, int Abstained, double? Agreement, double? Kappa, double? KappaLow, double? KappaHigh, bool MaySetOutcomes, double NeededKappa, int NeededOutcomes, decimal SpentTodayUsd)
{
    internal static JudgeCalibrationResponse Of(string model, JudgeCalibration c, decimal spent) => new(
        model, c.Count, c.Abstained, c.Agreement, c.Kappa, c.KappaLow, c.KappaHigh, c.MaySetOutcomes, JudgeCalibration.MinKappa, JudgeCalibration.MinOutcomes, spent);
}

/// <summary>The trajectories of a run of the judge.</summary>
/// <param name="Judged">Judged now.</param>
/// <param name="Stored">Judged before.</param>
/// <param name="SetOutcomes">Judgements that became outcomes.</param>
/// <param name="NotJudged">Not judged, by reason.</param>
/// <param name="WouldBeJudged">With a dry run: those that would be judged.</param>
/// <param name="Stopped">Why it stopped early, or null.</param>
public sealed record JudgeRunReport(
    int Judged, int Stored, int SetOutcomes, IReadOnlyDictionary<string, int> NotJudged, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? WouldBeJudged, string? Stopped);
