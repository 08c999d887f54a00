namespace LlmProxy.Core.Recording;

/// <summary>Why calls or runs were not recorded, counted. Safe for concurrent use.</summary>
internal sealed class NotRecordedCounts
{
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);

    public void Count(string reason)
    {
        lock (_counts)
        {
            _counts[reason] = _counts.GetValueOrDefault(reason) + 1;
        }
    }

    public IReadOnlyDictionary<string, long> Snapshot()
    {
        lock (_counts)
        {
            return new Dictionary<string, long>(_counts, StringComparer.Ordinal);
        }
    }
}
