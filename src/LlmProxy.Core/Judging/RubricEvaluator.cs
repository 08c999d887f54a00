using Microsoft.Extensions.AI;
using Microsoft.Extensions.AI.Evaluation;

namespace LlmProxy.Core.Judging;

/// <summary>
/// The rubric judge as an evaluator of Microsoft.Extensions.AI.Evaluation, for an application's own tests. The model that
/// judges comes from the <see cref="ChatConfiguration"/>.
/// </summary>
public sealed class RubricEvaluator : IEvaluator
{
    /// <summary>Name of the metric with <see cref="Judgement.Success"/>.</summary>
    public const string SuccessMetric = "Success";

    /// <summary>Name of the metric with <see cref="Judgement.Score"/>.</summary>
    public const string ScoreMetric = "Score";

    /// <inheritdoc />
    public IReadOnlyCollection<string> EvaluationMetricNames { get; } = [SuccessMetric, ScoreMetric];

    /// <inheritdoc />
    /// <exception cref="ArgumentNullException">There is no chat configuration.</exception>
    public async ValueTask<EvaluationResult> EvaluateAsync(
        IEnumerable<ChatMessage> messages, ChatResponse modelResponse, ChatConfiguration? chatConfiguration = null, IEnumerable<EvaluationContext>? additionalContext = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(chatConfiguration);
        var judgement = await new RubricJudge(chatConfiguration.ChatClient).JudgeAsync(JudgedRun.FromConversation(messages, modelResponse), cancellationToken);
        var success = new BooleanMetric(SuccessMetric, judgement.Success, judgement.Critique);
        var score = new NumericMetric(ScoreMetric, judgement.Score, judgement.Critique);
        foreach (var item in judgement.Items.Where(i => i.Answer == RubricAnswer.Yes))
        {
            var text = $"{item.Item.Id}{(item.Step is { } step ? FormattableString.Invariant($" in step {step}") : "")}: \"{item.Quote}\"";
            success.AddDiagnostics(EvaluationDiagnostic.Warning(text));
        }

        if (judgement.Success is null)
        {
            success.AddDiagnostics(EvaluationDiagnostic.Informational("The judge abstains: too few questions could be answered, or the faults are in between."));
        }

        return new EvaluationResult(success, score);
    }
}
