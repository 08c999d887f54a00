using System.Globalization;

namespace LlmProxy.Storage.Sql;

/// <summary>One numbered change of a schema: the file <c>NNNN_name.sql</c>.</summary>
internal sealed record Migration(int Version, string Name, string Text);

/// <summary>
/// The migrations of one database, from the files of its folder. A released migration is never changed: a change of the
/// schema is a further file. Numbers are shared: one that a database lacks concerns the other database alone.
/// </summary>
internal sealed class Migrations
{
    private Migrations(string database) => All = Load(database);

    public static Migrations Sqlite { get; } = new("sqlite");

    public static Migrations Postgres { get; } = new("postgres");

    /// <summary>All of them, by version.</summary>
    public IReadOnlyList<Migration> All { get; }

    /// <summary>The version that this program needs.</summary>
    public int Latest => All[^1].Version;

    /// <summary>Applies what a schema lacks, in the caller's transaction, and notes each version.</summary>
    /// <param name="session">The session of the transaction.</param>
    /// <param name="version">The version that the schema has.</param>
    /// <param name="run">Runs a text of several statements in that session.</param>
    /// <param name="now">The time to note.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    public async Task ApplyAsync(SqlSession session, int version, Func<string, Task> run, DateTimeOffset now, CancellationToken cancellationToken)
    {
        foreach (var migration in All.Where(m => m.Version > version))
        {
            await run(migration.Text);
            await session.ExecuteAsync(
                new SqlStatement("INSERT INTO schema_version (version, applied_at) VALUES (@version, @at)").With("version", migration.Version).With("at", now),
                cancellationToken);
        }
    }

    /// <summary>Why a schema of another version cannot be used; null if it has the latest version.</summary>
    /// <param name="version">Its version.</param>
    /// <param name="place">Where it is, as the beginning of a sentence.</param>
    /// <param name="kind">What could be used in its place: another file, another database.</param>
    public string? Explain(int version, string place, string kind) =>
        version == Latest ? null
        : version > Latest ? $"{place} has schema version {version}, this program knows {Latest}: a newer version wrote it. Use that one, or another {kind}."
        : $"{place} has schema version {version}, this program needs {Latest}: run 'llmproxy db init'.";

    private static List<Migration> Load(string database)
    {
        var assembly = typeof(Migrations).Assembly;
        var prefix = $"migrations/{database}/";
        return
        [
            .. assembly.GetManifestResourceNames()
                .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
                .Select(name =>
                {
                    using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                    // NNNN_name.sql
                    var number = int.Parse(name.AsSpan(prefix.Length, 4), NumberStyles.None, CultureInfo.InvariantCulture);
                    return new Migration(number, Path.GetFileNameWithoutExtension(name)[5..], reader.ReadToEnd());
                }),
        ];
    }
}
