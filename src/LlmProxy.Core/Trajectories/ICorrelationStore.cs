namespace LlmProxy.Core.Trajectories;

/// <summary>Keeps the keys by which a call finds its task.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface ICorrelationStore
{
    /// <summary>A random secret of 32 bytes, made on first use and the same for every process on this store, for correlation keys.</summary>
    Task<byte[]> ReadCorrelationSecretAsync(CancellationToken cancellationToken);

    /// <summary>Looks correlation keys up: what is known of each, the most recent first. Unknown keys are left out.</summary>
    Task<IReadOnlyList<CorrelationEntry>> FindCorrelationAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken);
}
