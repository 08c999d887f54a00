namespace LlmProxy.Core.Assistants;

/// <summary>What a model is asked for.</summary>
internal enum AssistanceKind
{
    /// <summary>Questions about one trajectory.</summary>
    Rubric,
    /// <summary>Which of several trajectories of a task is better.</summary>
    Comparison,
}

/// <summary>What a call is made for.</summary>
/// <param name="Tenant">The tenant whose trajectory it is.</param>
/// <param name="TrajectoryId">The trajectory that the call and its cost are recorded with.</param>
/// <param name="Kind">What is asked.</param>
/// <param name="Key">The same for the same question about the same content: its answer is not paid twice.</param>
internal sealed record AssistanceSubject(string Tenant, string TrajectoryId, AssistanceKind Kind, string Key);

/// <summary>A model's answer, recorded with the trajectory that it was asked for.</summary>
/// <param name="Key">Its subject's key and the number of the call.</param>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="Kind">What was asked.</param>
/// <param name="Model">The model that was asked.</param>
/// <param name="InputTokens">Tokens of the question; null if the answer does not state them.</param>
/// <param name="OutputTokens">Tokens of the answer; null if it does not state them.</param>
/// <param name="CostUsd">Cost by the price list; an upper estimate if the tokens are unknown.</param>
/// <param name="Text">The answer without secrets; null after the trajectory's content was erased.</param>
/// <param name="At">When it came.</param>
internal sealed record Assistance(
    string Key, string TrajectoryId, AssistanceKind Kind, string Model, long? InputTokens, long? OutputTokens, decimal CostUsd, string? Text, DateTimeOffset At);

/// <summary>Money that is set aside for a call before it is sent.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Budget">The budget, over all processes and tenants.</param>
/// <param name="Day">The day (UTC) whose budget it is.</param>
/// <param name="Usd">An upper estimate.</param>
/// <param name="ExpiresAt">From then on it is a charge: the process that made it never settled it.</param>
internal sealed record BudgetReservation(string Id, string Budget, DateOnly Day, decimal Usd, DateTimeOffset ExpiresAt);
