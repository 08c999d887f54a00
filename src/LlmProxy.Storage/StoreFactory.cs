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
    public static SqlTrajectoryStore Create(StorageOptions options, string baseDirectory, TimeProvider time) => options.Provider.Trim().ToLowerInvariant() switch
    {
        "sqlite" => new SqliteTrajectoryStore(Resolve(options.ConnectionString, baseDirectory), time),
        "postgres" or "postgresql" => new PostgresTrajectoryStore(options.ConnectionString, time),
        _ => throw new StoreException($"LlmProxy:Storage:Provider is '{options.Provider}'; it can be 'sqlite' or 'postgres'."),
    };

    private static string Resolve(string connectionString, string baseDirectory)
    {
        try
        {
            var connection = new SqliteConnectionStringBuilder(connectionString);
            if (connection.DataSource.Length > 0 && !connection.DataSource.StartsWith("file:", StringComparison.Ordinal) && !connection.DataSource.StartsWith(':'))
            {
                connection.DataSource = Path.GetFullPath(connection.DataSource, Path.GetFullPath(baseDirectory));
            }

            return connection.ConnectionString;
        }
        catch (ArgumentException e)
        {
            throw new StoreException("LlmProxy:Storage:ConnectionString is no connection string of SQLite: " + e.Message, e);
        }
    }
}
