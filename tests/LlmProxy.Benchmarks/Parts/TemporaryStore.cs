using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>A SQLite store in a folder that is removed with it.</summary>
internal sealed class TemporaryStore : IAsyncDisposable
{
    private TemporaryStore(string folder)
    {
        Folder = folder;
        Store = StoreFactory.Create(new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=llmproxy.db" }, folder, TimeProvider.System);
    }

    public string Folder { get; }

    public SqlTrajectoryStore Store { get; }

    public static async Task<TemporaryStore> OpenAsync()
    {
        var stored = new TemporaryStore(Directory.CreateTempSubdirectory("llmproxy-bench-").FullName);
        await stored.Store.InitializeAsync(CancellationToken.None);
        return stored;
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
