using System.Data.Common;
using LlmProxy.Core.Configuration;
using LlmProxy.Storage.Postgres;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace LlmProxy.Storage;

/// <summary>Reads the setting <c>Storage:ConnectionString</c> with the drivers' own parsers.</summary>
public static class ConnectionStrings
{
    /// <summary>Checks a connection string and translates a <c>postgres://</c> address. See <see cref="ConnectionStringReader"/>.</summary>
    public static string? Read(StoreProvider provider, string text, out string connectionString)
    {
        connectionString = text;
        if (DatabaseUrl.IsPostgres(text))
        {
            if (!DatabaseUrl.TryTranslate(text, out var translated, out var fix))
            {
                return fix;
            }

            connectionString = translated;
        }

        var postgres = provider == StoreProvider.Postgres;
        try
        {
            DbConnectionStringBuilder builder = postgres ? new NpgsqlConnectionStringBuilder(connectionString) : new SqliteConnectionStringBuilder(connectionString);
            return builder switch
            {
                NpgsqlConnectionStringBuilder { Host: null or "" } => "names no Host.",
                SqliteConnectionStringBuilder { DataSource: "" } => "names no Data Source.",
                _ => null,
            };
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // The exception's text may hold parts of the password.
            return postgres
                ? "is not a PostgreSQL connection string: write Host=…;Database=…;Username=…;Password=…"
                : "is not a SQLite connection string: write Data Source=data/llmproxy.db, or set Storage:Provider to postgres.";
        }
    }
}
