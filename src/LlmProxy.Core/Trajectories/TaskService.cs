namespace LlmProxy.Core.Trajectories;

/// <summary>Metrics that a caller states; they win over the counted ones.</summary>
/// <param name="ErrorRate">0 to 1.</param>
/// <param name="ClickAccuracy">0 to 1.</param>
/// <param name="UserInterventions">Number of interventions.</param>
/// <param name="IterationCount">Number of iterations.</param>
public sealed record StatedMetrics(double? ErrorRate, double? ClickAccuracy, int? UserInterventions, int? IterationCount);

/// <summary>A run after a call of the API, and whether its content is kept.</summary>
/// <param name="Trajectory">The run as it is now.</param>
/// <param name="Recorded">Whether its steps are kept.</param>
/// <param name="Reason">Why not, or null.</param>
public sealed record TaskResult(Trajectory Trajectory, bool Recorded, string? Reason);

/// <summary>A task that a caller opens.</summary>
/// <param name="TaskId">Its id, or null for a new one.</param>
/// <param name="Description">What it is, or null.</param>
/// <param name="Provider">The provider that will work on it, or null.</param>
/// <param name="Model">The model, or null.</param>
public sealed record TaskStart(string? TaskId, string? Description, string? Provider, string? Model);
