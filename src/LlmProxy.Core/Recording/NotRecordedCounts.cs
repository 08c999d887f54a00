namespace LlmProxy.Core.Recording;

/// <summary>Counts why calls or runs were not recorded, by tenant. Safe for concurrent use.</summary>
public sealed class NotRecordedCounts
{
    private readonly TenantCounts<NotRecordedReason> _counts = new();

    /// <summary>Counts a call or run of a tenant that is not recorded.</summary>
    public void Count(string tenant, NotRecordedReason reason) => _counts.Count(tenant, reason);

    /// <summary>The counts of all tenants by the reason's word.</summary>
    public IReadOnlyDictionary<string, long> Snapshot() => Words(_counts.Total());

    /// <summary>The counts of a tenant by the reason's word.</summary>
    public IReadOnlyDictionary<string, long> Snapshot(string tenant) => Words(_counts.Of(tenant));

    private static Dictionary<string, long> Words(IReadOnlyDictionary<NotRecordedReason, long> counts) =>
        counts.ToDictionary(entry => entry.Key.ToWord(), entry => entry.Value, StringComparer.Ordinal);
}
