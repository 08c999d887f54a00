namespace LlmProxy.Core.Recording;

/// <summary>Whether calls are recorded at the moment.</summary>
public sealed class RecordingSwitch(RecordingOptions options)
{
    private volatile bool _paused;

    /// <summary>Whether recording is on.</summary>
    public bool IsOn => options.Enabled && !_paused;

    /// <summary>Whether recording was paused by the API.</summary>
    public bool IsPaused
    {
        get => _paused;
        set => _paused = value;
    }

    /// <summary>Why a call with this value of the header <c>LlmProxy-Record</c> is not recorded; null where it is.</summary>
    public NotRecordedReason? WhyNot(string? header) =>
        !options.Enabled ? NotRecordedReason.RecordingDisabled
        : _paused ? NotRecordedReason.Paused
        : string.Equals(header, "off", StringComparison.OrdinalIgnoreCase) ? NotRecordedReason.Header
        : null;
}
