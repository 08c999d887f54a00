namespace LlmProxy.Core.Stores;

/// <summary>The store as a whole: its schema and its health.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IStoreLifecycle
{
    /// <summary><c>sqlite</c> or <c>postgres</c>.</summary>
    string Provider { get; }

    /// <summary>Creates or upgrades the schema. May be called again at any time.</summary>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>Whether the store responds, its schema version, and what is missing.</summary>
    Task<StoreHealth> CheckAsync(CancellationToken cancellationToken);

    /// <summary>The tenants that have trajectories, in order.</summary>
    Task<IReadOnlyList<string>> ListTenantsAsync(CancellationToken cancellationToken);
}
