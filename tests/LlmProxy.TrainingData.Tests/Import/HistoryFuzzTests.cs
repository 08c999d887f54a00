using System.Text;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData.Import;
using Microsoft.Data.Sqlite;

namespace LlmProxy.Tests.Import;

/// <summary>Broken histories of agents: an import of them reports and ends.</summary>
public sealed class HistoryFuzzTests
{
    [Theory]
    [InlineData("opencode/database-1.18.sql", "message")]
    [InlineData("opencode/database-1.18.sql", "part")]
    [InlineData("opencode/database-2.0.sql", "session_message")]
    public async Task A_database_with_mutated_rows_is_imported_as_far_as_it_can_be_read(string fixture, string table)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var mutator = new JsonMutator(20_261_201);
        var file = lab.PutDatabase("opencode.db", fixture);
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ConnectionString);
        connection.Open();
        var original = new List<(string Id, byte[] Data)>();
        using (var read = connection.CreateCommand())
        {
#pragma warning disable CA2100 // A name of the test.
            read.CommandText = $"SELECT id, data FROM {table}";
#pragma warning restore CA2100
            using var reader = read.ExecuteReader();
            while (reader.Read())
            {
                original.Add((reader.GetString(0), Encoding.UTF8.GetBytes(reader.GetString(1))));
            }
        }

        for (var tried = 0; tried < Fuzz.Tries(20); tried++)
        {
            using var transaction = connection.BeginTransaction();
            foreach (var (id, data) in original)
            {
                using var write = connection.CreateCommand();
#pragma warning disable CA2100 // A name of the test.
                write.CommandText = $"UPDATE {table} SET data = {(tried % 2 == 0 ? "@data" : "CAST(@data AS TEXT)")} WHERE id = @id";
#pragma warning restore CA2100
                write.Parameters.AddWithValue("@data", mutator.Mutate(data));
                write.Parameters.AddWithValue("@id", id);
                write.ExecuteNonQuery();
            }

            transaction.Commit();
            var report = await lab.Importer.ImportAsync(new ImportRequest { Source = ImportSource.OpenCode, Paths = [file], DryRun = true }, null, CancellationToken.None);
            Assert.Equal(report.Runs, report.Added);
        }
    }

    [Theory]
    [InlineData(ImportSource.Codex, "codex/0.40.jsonl")]
    [InlineData(ImportSource.Codex, "codex/bare-0.20.jsonl")]
    [InlineData(ImportSource.Codex, "codex/threads/rollout-2026-05-01T09-00-00-00000000-0000-7000-8000-00000000000a.jsonl")]
    [InlineData(ImportSource.GeminiCli, "gemini-cli/0.38.json")]
    [InlineData(ImportSource.GeminiCli, "gemini-cli/rewind.jsonl")]
    [InlineData(ImportSource.OpenCode, "opencode/export-compacted.json")]
    [InlineData(ImportSource.OpenCode, "opencode/export-1.18.json")]
    public async Task A_mutated_history_is_imported_as_far_as_it_can_be_read(ImportSource source, string fixture)
    {
        await using var lab = await HistoryLab.OpenForAllAsync();
        var mutator = new JsonMutator(20_261_201);
        var random = new Random(20_261_201);
        var original = await File.ReadAllBytesAsync(Path.Combine(HistoryLab.Fixtures, fixture));
        var lines = fixture.EndsWith(".jsonl", StringComparison.Ordinal) ? Encoding.UTF8.GetString(original).TrimEnd().Split('\n').Select(Encoding.UTF8.GetBytes).ToList() : [original];
        var file = lab["session-" + Path.GetFileName(fixture)];
        var runs = 0;
        for (var tried = 0; tried < Fuzz.Tries(40); tried++)
        {
            var bytes = lines.SelectMany(line => (lines.Count == 1 || random.Next(4) == 0 ? mutator.Mutate(line) : line).Append((byte)'\n')).ToArray();
            await File.WriteAllBytesAsync(file, bytes);
            try
            {
                var report = await lab.Importer.ImportAsync(new ImportRequest { Source = source, Paths = [file], DryRun = tried % 4 != 0, Projects = tried % 2 == 0 ? [] : ["reports", "shop", "unknown"] }, null, CancellationToken.None);
                Assert.Equal(report.Runs, report.Added + report.Updated + report.Known);
                runs += report.Runs;
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"file {tried}: {Fuzz.Show(bytes)}", error);
            }
        }

        Assert.True(runs > 0);
    }
}
