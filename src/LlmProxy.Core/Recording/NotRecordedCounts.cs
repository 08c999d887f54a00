namespace LlmProxy.Core.Recording;

/// <summary>Counts why calls or runs were not recorded. Safe for concurrent use.</summary>
public sealed class NotRecordedCounts
{
    private readonly Dictionary<NotRecordedReason, long> _counts = [];

    /// <summary>Counts a call or run that is not recorded.</summary>
    public void Count(NotRecordedReason reason)
    {
        lock (_counts)
        {
            _counts[reason] = _counts.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>The counts by the reason's word.</summary>
    public IReadOnlyDictionary<string, long> Snapshot()
    {
        lock (_counts)
        {
            return _counts.ToDictionary(entry => entry.Key.ToWord(), entry => entry.Value, StringComparer.Ordinal);
        }
    }
}
