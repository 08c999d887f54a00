using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Storage.Postgres;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage;

/// <summary>Makes the store that the settings name.</summary>
public static class StoreFactory
{
    /// <summary>Makes a store; nothing is opened yet.</summary>
    /// <param name="options">Settings <c>LlmProxy:Storage</c>.</param>
    /// <param name="baseDirectory">What a relative path of a SQLite file is relative to: the folder of the configuration file.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="StoreException">The settings cannot be used.</exception>
    public static SqlTrajectoryStore Create(StorageOptions options, string baseDirectory, TimeProvider time)
    {
        if (ConnectionStrings.Read(options.Provider, options.ConnectionString, out var connectionString) is { } fix)
        {
            throw new StoreException("LlmProxy:Storage:ConnectionString: " + fix);
        }

        return options.Provider == StoreProvider.Postgres
            ? new PostgresTrajectoryStore(connectionString, time)
            : new SqliteTrajectoryStore(Resolve(connectionString, baseDirectory), time);
    }

    private static string Resolve(string connectionString, string baseDirectory)
    {
        var connection = new SqliteConnectionStringBuilder(connectionString);
        if (!connection.DataSource.StartsWith("file:", StringComparison.Ordinal) && !connection.DataSource.StartsWith(':'))
        {
            connection.DataSource = Path.GetFullPath(connection.DataSource, Path.GetFullPath(baseDirectory));
        }

        return connection.ConnectionString;
    }
}
