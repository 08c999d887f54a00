using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Core.Recording;

/// <summary>Whether a run's content is kept when it is over, by the settings.</summary>
internal sealed class ContentPolicy(RecordingOptions options)
{
    /// <summary>The reason of runs that may still become long enough.</summary>
    public const string TooShort = "shorter-than-min-duration";

    /// <summary>Whether the content of a run that is over is kept; else why not.</summary>
    public (bool Keep, string? Reason) Of(Trajectory row)
    {
        // The reason stays the same when it is asked again after the content was dropped for it.
        var reason =
            row.Status == TrajectoryStatus.Cancelled ? "cancelled"
            : !row.HasContent && row.Provider.Length > 0 && !options.Providers.Contains(row.Provider, StringComparer.OrdinalIgnoreCase) ? "provider-not-recorded"
            : row.LastActivityAt - row.StartedAt < options.MinDuration ? TooShort
            : row is { Status: TrajectoryStatus.Failed } or { Status: TrajectoryStatus.Completed, Success: false } && !options.Failures ? "failed"
            : row.HasContent ? null
            : row.IterationCount == 0 ? "no-calls"
            : "content-not-kept";
        return (reason is null, reason);
    }

    /// <summary>What a caller is told: a run that goes on is not too short yet.</summary>
    public (bool Recorded, string? Reason) Tell(Trajectory row) =>
        Of(row) is { Reason: TooShort } && row is { CompletedAt: null, HasContent: true } ? (true, null) : Of(row);
}
