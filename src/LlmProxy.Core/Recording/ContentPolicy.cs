namespace LlmProxy.Core.Recording;

/// <summary>Whether a run's content is kept when it is over, by the settings.</summary>
internal sealed class ContentPolicy(RecordingOptions options)
{
    /// <summary>Whether the content of a run that is over is kept; else why not.</summary>
    public (bool Keep, NotRecordedReason? Reason) Of(Trajectory row)
    {
        // The reason stays the same when it is asked again after the content was dropped for it.
        NotRecordedReason? reason =
            row.Status == TrajectoryStatus.Cancelled ? NotRecordedReason.Cancelled
            : !row.HasContent && row.Provider.Length > 0 && !options.Providers.Contains(row.Provider, StringComparer.OrdinalIgnoreCase) ? NotRecordedReason.ProviderNotRecorded
            : row.LastActivityAt - row.StartedAt < options.MinDuration ? NotRecordedReason.ShorterThanMinDuration
            : row is { Status: TrajectoryStatus.Failed } or { Status: TrajectoryStatus.Completed, Success: false } && !options.Failures ? NotRecordedReason.Failed
            : row.HasContent ? null
            : row.IterationCount == 0 ? NotRecordedReason.NoCalls
            : NotRecordedReason.ContentNotKept;
        return (reason is null, reason);
    }

    /// <summary>What callers get: an active trajectory is not too short yet.</summary>
    public (bool Recorded, NotRecordedReason? Reason) Decide(Trajectory row) =>
        Of(row) is { Reason: NotRecordedReason.ShorterThanMinDuration } && row is { CompletedAt: null, HasContent: true } ? (true, null) : Of(row);
}
