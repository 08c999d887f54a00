using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>An exchange as it was recorded.</summary>
/// <param name="TaskId">The task; null for a side call whose task is unknown.</param>
/// <param name="StepIndex">Number of the step; 0 for a side call.</param>
/// <param name="Provider">Provider of the model.</param>
/// <param name="Model">The model that responded, or the requested one.</param>
/// <param name="Client">The client's user agent.</param>
/// <param name="Key">Name of the key, or null without keys.</param>
/// <param name="Status">How the call ended (<c>ok</c>, <c>upstream_error</c>, …); null for a side call.</param>
/// <param name="HttpStatus">HTTP status; 0 if no response came.</param>
/// <param name="StartedAt">When the request came.</param>
/// <param name="DurationMs">To the end of the response.</param>
/// <param name="TokenUsage">Tokens; null values if the response states none.</param>
/// <param name="CostUsd">Cost; null if unknown.</param>
/// <param name="Examples">Number of examples in the prompt.</param>
/// <param name="SideCall">Whether it is no step of a task.</param>
public sealed record RecordedExchangeDto(
    string? TaskId, int StepIndex, string Provider, string Model, string Client, string? Key, string? Status, int HttpStatus, DateTime StartedAt, double? DurationMs,
    TokenUsageDto TokenUsage, decimal? CostUsd, int Examples, bool SideCall)
{
    internal static RecordedExchangeDto Of(RecordedExchange exchange) => new(
        exchange.TaskId, exchange.StepIndex, exchange.Provider, exchange.Model, exchange.Client, exchange.KeyName, exchange.Status?.ToWord(), exchange.HttpStatus, exchange.StartedAt.UtcDateTime,
        exchange.DurationMs, TokenUsageDto.Of(exchange.Usage), exchange.CostUsd, exchange.Examples, exchange.IsSideCall);
}
