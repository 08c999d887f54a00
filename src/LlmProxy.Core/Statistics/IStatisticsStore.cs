namespace LlmProxy.Core.Statistics;

/// <summary>Sums over the runs of a tenant, and the size of the store.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IStatisticsStore
{
    /// <summary>Sums over the tenant's runs.</summary>
    Task<StoreStatistics> ReadStatisticsAsync(StatisticsQuery query, CancellationToken cancellationToken);

    /// <summary>Number of active trajectories of the tenant.</summary>
    Task<int> CountActiveAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Number of ended runs with content and at least this score; not counted beyond <paramref name="atMost"/>.</summary>
    Task<int> CountTrainableAsync(string tenant, double minQuality, int atMost, CancellationToken cancellationToken);

    /// <summary>How large the store is, and how much of it is the tenant's.</summary>
    Task<StorageUse> ReadStorageUseAsync(string tenant, CancellationToken cancellationToken);
}
