namespace LlmProxy.Core.Recording;

/// <summary>Counts why calls or runs were not recorded. Safe for concurrent use.</summary>
public sealed class NotRecordedCounts
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts a call or run that is not recorded.</summary>
    public void Count(string reason)
    {
        lock (_counts)
        {
            _counts[reason] = _counts.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>The counts by reason.</summary>
    public IReadOnlyDictionary<string, long> Snapshot()
    {
        lock (_counts)
        {
            return new Dictionary<string, long>(_counts, StringComparer.Ordinal);
        }
    }
}
