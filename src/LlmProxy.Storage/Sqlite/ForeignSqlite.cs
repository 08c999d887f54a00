using System.Globalization;
using LlmProxy.Core.Stores;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Storage.Sqlite;

/// <summary>Reads SQLite files that other programs write. Nothing is changed in them.</summary>
public static class ForeignSqlite
{
    /// <summary>Reads the rows of a table as texts by column; none if there is no such table.</summary>
    /// <param name="file">The file.</param>
    /// <param name="table">Name of the table.</param>
    /// <param name="column">A column that must have <paramref name="value"/>, or null for all rows.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Cancels it between two rows.</param>
    /// <exception cref="StoreException">The file cannot be read.</exception>
    public static Task<IReadOnlyList<IReadOnlyDictionary<string, string?>>> ReadAsync(string file, string table, string? column, string? value, CancellationToken cancellationToken) =>
        // The driver works synchronously.
        Task.Run(() => Read(file, table, column, value, cancellationToken), cancellationToken);

    private static IReadOnlyList<IReadOnlyDictionary<string, string?>> Read(string file, string table, string? column, string? value, CancellationToken cancellationToken)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ConnectionString);
            connection.Open();
            using var columns = Command(connection, "SELECT name FROM pragma_table_info(@table)", ("@table", table));
            var names = new List<string>();
            using (var reader = columns.ExecuteReader())
            {
                while (reader.Read())
                {
                    names.Add(reader.GetString(0));
                }
            }

            if (names.Count == 0 || (column is not null && !names.Contains(column, StringComparer.Ordinal)))
            {
                return [];
            }

            using var query = Command(
                connection,
                $"SELECT * FROM {Quoted(table)}" + (column is null ? "" : $" WHERE {Quoted(column)} = @value"),
                ("@value", value));
            var rows = new List<IReadOnlyDictionary<string, string?>>();
            using var found = query.ExecuteReader();
            while (found.Read())
            {
                cancellationToken.ThrowIfCancellationRequested();
                rows.Add(Row(found));
            }

            return rows;
        }
        catch (SqliteException error)
        {
            throw new StoreException($"SQLite error {error.SqliteErrorCode}: {error.Message}", error);
        }
    }

    private static Dictionary<string, string?> Row(SqliteDataReader reader)
    {
        var row = new Dictionary<string, string?>(reader.FieldCount, StringComparer.Ordinal);
        for (var i = 0; i < reader.FieldCount; i++)
        {
            row[reader.GetName(i)] = reader.IsDBNull(i) ? null : Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture);
        }

        return row;
    }

    private static SqliteCommand Command(SqliteConnection connection, string text, (string Name, string? Value) parameter)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        command.Parameters.AddWithValue(parameter.Name, (object?)parameter.Value ?? DBNull.Value);
        return command;
    }

    private static string Quoted(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
}
