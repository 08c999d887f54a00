using System.ComponentModel;
using System.Diagnostics;
using LlmProxy.Core.Stores;
using Npgsql;

namespace LlmProxy.Storage.Postgres;

/// <content>A copy of the database, and space given back.</content>
public sealed partial class PostgresTrajectoryStore
{
    private const string Program = "pg_dump";

    /// <inheritdoc />
    /// <remarks>By <c>pg_dump</c>, in its custom format, which <c>pg_restore</c> reads. It sees one state of the database, whatever is written meanwhile.</remarks>
    public override async Task BackupAsync(string path, CancellationToken cancellationToken)
    {
        var target = NewFile(path);
        var connection = new NpgsqlConnectionStringBuilder(_source.ConnectionString);
        var start = new ProcessStartInfo(Program) { UseShellExecute = false, RedirectStandardError = true };
        foreach (var argument in (string[])["--format=custom", "--no-password", "--file", target.Partial, "--dbname", connection.Database ?? connection.Username ?? ""])
        {
            start.ArgumentList.Add(argument);
        }

        // The password is in no argument: other users see those.
        foreach (var (name, value) in new[] { ("PGHOST", connection.Host), ("PGPORT", FormattableString.Invariant($"{connection.Port}")), ("PGUSER", connection.Username), ("PGPASSWORD", _password) })
        {
            if (!string.IsNullOrEmpty(value))
            {
                start.Environment[name] = value;
            }
        }

        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
            try
            {
                await process.WaitForExitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw;
            }

            if (process.ExitCode != 0)
            {
                throw new StoreException($"{Program} failed: {(await errors).Trim()}");
            }

            File.Move(target.Partial, target.Path);
        }
        catch (Win32Exception error)
        {
            throw new StoreException($"{Program} cannot be started ({error.Message}). Install PostgreSQL's client programs, at least of the server's version, or run {Program} on another machine.", error);
        }
        finally
        {
            File.Delete(target.Partial);
        }
    }

    /// <inheritdoc />
    public override Task VacuumAsync(CancellationToken cancellationToken) => GuardAsync(
        "be vacuumed",
        async () =>
        {
            // Not VACUUM FULL, which locks out replicas that serve; freed pages are used again.
            await using var connection = await _source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand($"VACUUM (ANALYZE) {string.Join(", ", PostgresSession.Tables)}", connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
            return true;
        },
        cancellationToken);
}
