namespace LlmProxy.Core.Recording;

/// <summary>Whether a run's content is kept when it is over, by the settings.</summary>
internal sealed class ContentPolicy(RecordingOptions options)
{
    private static readonly TimeSpan UsualMinimum = TimeSpan.FromSeconds(5);

    /// <summary>How long content that is not kept stays, hidden, before it is erased.</summary>
    public TimeSpan Grace => options.Grace;

    /// <summary>Whether the content of a run that is over is kept; else why not.</summary>
    public (bool Keep, NotRecordedReason? Reason) Of(Trajectory row)
    {
        // The reason stays the same when it is asked again after the content was erased for it.
        NotRecordedReason? reason =
            row.Status == TrajectoryStatus.Cancelled ? NotRecordedReason.Cancelled
            : row is { HasContent: false, WhyNoContent: { } known } ? known
            : IsOfOtherProvider(row) ? NotRecordedReason.ProviderNotRecorded
            : IsTooShort(row) ? NotRecordedReason.ShorterThanMinDuration
            : row is { Status: TrajectoryStatus.Failed } or { Status: TrajectoryStatus.Completed, Success: false } && !options.Failures ? NotRecordedReason.Failed
            : row.HasContent ? null
            : row.IterationCount == 0 ? NotRecordedReason.NoCalls
            : NotRecordedReason.ContentNotKept;
        return (reason is null, reason);
    }

    /// <summary>What callers get: an active trajectory is not too short yet.</summary>
    public (bool Recorded, NotRecordedReason? Reason) Decide(Trajectory row) =>
        Of(row) is { Reason: NotRecordedReason.ShorterThanMinDuration } && row is { CompletedAt: null, HasContent: true } ? (true, null) : Of(row);

    // The recorder marks content that it stores for the grace alone. Imported content has no mark: it was asked for.
    private bool IsOfOtherProvider(Trajectory row) => row.HasContent
        ? row.WhyNoContent == NotRecordedReason.ProviderNotRecorded
        : row.Provider.Length > 0 && !options.Providers.Contains(row.Provider, StringComparer.OrdinalIgnoreCase);

    private bool IsTooShort(Trajectory row)
    {
        var duration = row.LastActivityAt - row.StartedAt;
        return options.MinDuration is { } least ? duration < least : duration < UsualMinimum && row is not { IterationCount: >= 2, ToolCallsCount: > 0 };
    }
}
