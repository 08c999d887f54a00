using System.Collections.Concurrent;

namespace LlmProxy.Core.Recording;

/// <summary>Whether calls of a tenant are recorded at the moment.</summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class RecordingSwitch(RecordingOptions options)
{
    private readonly ConcurrentDictionary<string, bool> _paused = new(StringComparer.Ordinal);

    /// <summary>Whether recording is on for a tenant.</summary>
    public bool IsOn(string tenant) => options.Enabled && !IsPaused(tenant);

    /// <summary>Whether recording was paused for a tenant by the API.</summary>
    public bool IsPaused(string tenant) => !_paused.IsEmpty && _paused.ContainsKey(tenant);

    /// <summary>Pauses or resumes recording for a tenant.</summary>
    public void Pause(string tenant, bool pause)
    {
        if (pause)
        {
            _paused[tenant] = true;
        }
        else
        {
            _paused.TryRemove(tenant, out _);
        }
    }

    /// <summary>Why a call of a tenant with this value of the header <c>LlmProxy-Record</c> is not recorded; null where it is.</summary>
    public NotRecordedReason? WhyNot(string tenant, string? header) =>
        !options.Enabled ? NotRecordedReason.RecordingDisabled
        : IsPaused(tenant) ? NotRecordedReason.Paused
        : string.Equals(header, "off", StringComparison.OrdinalIgnoreCase) ? NotRecordedReason.Header
        : null;
}
