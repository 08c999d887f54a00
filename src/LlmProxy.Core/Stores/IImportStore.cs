namespace LlmProxy.Core.Stores;

/// <summary>What an import added.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Trajectories">Trajectories that it added and that are still there.</param>
public sealed record ImportBatch(string Id, int Trajectories);

/// <summary>Keeps what each import added.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IImportStore
{
    /// <summary>The imports of a tenant whose trajectories are still there, the latest name first.</summary>
    Task<IReadOnlyList<ImportBatch>> ListImportsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Deletes the trajectories that an import added, with everything that was made from them. Trajectories of other imports stay.</summary>
    /// <returns>The number of deleted trajectories.</returns>
    Task<int> UndoImportAsync(string tenant, string batch, CancellationToken cancellationToken);
}
