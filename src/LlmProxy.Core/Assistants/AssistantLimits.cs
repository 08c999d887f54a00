namespace LlmProxy.Core.Assistants;

/// <summary>What calls of an assistant may take.</summary>
/// <param name="Budget">Name of the budget.</param>
/// <param name="MaxUsdPerDay">USD on one day (UTC), over all processes that share the store.</param>
/// <param name="Timeout">Longest time of a call with its retries.</param>
/// <param name="Concurrency">Calls of this process at the same time.</param>
internal sealed record AssistantLimits(string Budget, decimal MaxUsdPerDay, TimeSpan Timeout, int Concurrency);
