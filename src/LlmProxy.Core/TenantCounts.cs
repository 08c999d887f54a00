namespace LlmProxy.Core;

/// <summary>Counts of reasons, by tenant. Safe for concurrent use.</summary>
internal sealed class TenantCounts<TReason>
    where TReason : struct, Enum
{
    private readonly Dictionary<string, Dictionary<TReason, long>> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts a reason.</summary>
    public void Count(string tenant, TReason reason)
    {
        lock (_counts)
        {
            if (!_counts.TryGetValue(tenant, out var counts))
            {
                _counts[tenant] = counts = [];
            }

            counts[reason] = counts.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>The counts of a tenant.</summary>
    public IReadOnlyDictionary<TReason, long> Of(string tenant)
    {
        lock (_counts)
        {
            return _counts.TryGetValue(tenant, out var counts) ? new Dictionary<TReason, long>(counts) : [];
        }
    }

    /// <summary>The counts of all tenants.</summary>
    public IReadOnlyDictionary<TReason, long> Total()
    {
        lock (_counts)
        {
            return _counts.Values.SelectMany(counts => counts).GroupBy(entry => entry.Key, entry => entry.Value).ToDictionary(group => group.Key, group => group.Sum());
        }
    }
}
