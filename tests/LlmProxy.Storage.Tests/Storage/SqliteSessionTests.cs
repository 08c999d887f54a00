using System.Globalization;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace LlmProxy.Tests.Storage;

public sealed class SqliteSessionTests
{
    [Fact]
    public async Task Prepared_statements_are_bounded_and_those_that_go_are_closed()
    {
        await using var connection = new SqliteConnection("Data Source=:memory:");
        await connection.OpenAsync();
        connection.Handle!.enable_sqlite3_next_stmt(true);
        using var session = new SqliteSession(connection, busyMilliseconds: 1_000);

        for (var i = 0; i < 1_000; i++)
        {
            Assert.Equal([i + 1], await AskAsync(session, i));
            Assert.Equal([1], await AskAsync(session, 0));

            // Each time: the collector would close what was forgotten, sooner or later.
            Assert.InRange(CountStatements(connection), 1, 250);
        }

        Assert.InRange(CountStatements(connection), 100, 250);
    }

    private static Task<List<long>> AskAsync(SqliteSession session, int number) =>
        session.QueryAsync(new SqlStatement(string.Create(CultureInfo.InvariantCulture, $"SELECT {number} + @one")).With("one", 1), r => r.GetInt64(0), default);

    private static int CountStatements(SqliteConnection connection)
    {
        var count = 0;
        for (var statement = raw.sqlite3_next_stmt(connection.Handle!, null); statement is not null; statement = raw.sqlite3_next_stmt(connection.Handle!, statement))
        {
            count++;
        }

        return count;
    }
}
