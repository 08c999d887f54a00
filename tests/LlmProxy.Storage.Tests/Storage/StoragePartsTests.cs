using LlmProxy.Core.Configuration;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Postgres;
using LlmProxy.Storage.Sql;
using LlmProxy.Storage.Sqlite;

namespace LlmProxy.Tests.Storage;

public sealed class StoragePartsTests
{
    [Fact]
    public void The_suite_runs_for_both_stores()
    {
        var derived = typeof(TrajectoryStoreTests).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(TrajectoryStoreTests)) && !t.IsAbstract);

        Assert.Equal([nameof(PostgresTrajectoryStoreTests), nameof(SqliteTrajectoryStoreTests)], derived.Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.Equal(2, typeof(SqlTrajectoryStore).Assembly.GetTypes().Count(t => t is { IsClass: true, IsAbstract: false } && t.IsAssignableTo(typeof(ITrajectoryStore))));
    }

    [Fact]
    public void Migrations_of_both_databases_share_one_row_of_numbers()
    {
        Assert.Equal(Migrations.Postgres.Latest, Migrations.Sqlite.Latest);
        Assert.Equal(Enumerable.Range(1, Migrations.Sqlite.Latest), Migrations.Sqlite.All.Concat(Migrations.Postgres.All).Select(m => m.Version).Distinct().Order());
        Assert.All([Migrations.Sqlite, Migrations.Postgres], migrations =>
        {
            Assert.Equal(migrations.All.Select(m => m.Version).Distinct().Order(), migrations.All.Select(m => m.Version));
            Assert.All(migrations.All, m => Assert.Matches("^[a-z][a-z_]+$", m.Name));
        });
        Assert.All(
            Migrations.Sqlite.All.Join(Migrations.Postgres.All, m => m.Version, m => m.Version, (sqlite, postgres) => (Sqlite: sqlite.Name, Postgres: postgres.Name)),
            names => Assert.Equal(names.Postgres, names.Sqlite));
    }

    [Fact]
    public async Task A_relative_path_belongs_to_the_base_directory()
    {
        var folder = Path.Combine(Path.GetTempPath(), "llmproxy-factory-" + Guid.NewGuid().ToString("N"));
        try
        {
            await using var store = StoreFactory.Create(new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=data/x.db" }, folder, TimeProvider.System);
            await store.InitializeAsync(default);

            Assert.True(File.Exists(Path.Combine(folder, "data", "x.db")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task The_factory_creates_the_store_of_the_selected_provider()
    {
        await using var postgres = StoreFactory.Create(new StorageOptions { Provider = StoreProvider.Postgres, ConnectionString = "Host=db" }, "/", TimeProvider.System);

        Assert.IsType<PostgresTrajectoryStore>(postgres);
        var error = Assert.Throws<StoreException>(() => StoreFactory.Create(new StorageOptions { ConnectionString = "s3cret" }, "/", TimeProvider.System));
        Assert.Contains("SQLite", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_connection_string_that_cannot_be_read_is_not_repeated()
    {
        var e = Assert.Throws<StoreException>(() => new PostgresTrajectoryStore("Host=db;Password=hunter2;Port=hunter2", TimeProvider.System));

        Assert.DoesNotContain("hunter2", e.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Book a Flight!", "book a flight")]
    [InlineData("it's e-mail_2 100%", "it s e mail 2 100")]
    [InlineData("京都へ go", "京 都 へ go")]
    [InlineData("ÜBER naïve", "über naïve")]
    [InlineData("🎉 -- ' \" \\ * :", "")]
    [InlineData("", "")]
    public void Text_is_cut_into_words_without_any_other_character(string text, string words) =>
        Assert.Equal(words, string.Join(' ', SearchText.Words(text)));

    [Fact]
    public void A_query_leaves_common_words_out_unless_there_are_no_others()
    {
        Assert.Equal(["refund", "order"], SearchText.QueryWords("Please refund the order, the ORDER"));
        Assert.Equal(["what", "is", "it"], SearchText.QueryWords("What is it?"));
        Assert.Equal(SearchText.MaxQueryWords, SearchText.QueryWords(string.Join(' ', Enumerable.Range(0, 500).Select(i => "w" + i))).Count);
    }

    [Theory]
    [InlineData(new float[] { 0.5f, -0.25f, 0, 1 })]
    [InlineData(new float[] { 0, 0, 0, 0, 0, 0.75f, 0, 0, -1 })]
    [InlineData(new float[] { 0, 0, 0 })]
    [InlineData(new float[] { 1 })]
    public void A_vector_comes_back_from_its_bytes(float[] vector) => Assert.Equal(vector, VectorBlob.Decode(VectorBlob.Encode(vector)));

    [Fact]
    public void A_vector_of_mostly_zeros_is_short()
    {
        var vector = new float[4096];
        vector[7] = 1;

        Assert.True(VectorBlob.Encode(vector).Length < 20);
    }

    [Fact]
    public void A_matrix_agrees_with_comparing_one_by_one_after_any_changes_but_for_rounding()
    {
        var random = new Random(42);
        var model = new Dictionary<(long Run, string Kind), float[]>();
        // More than one block of vectors.
        using var matrix = new VectorMatrix(300);
        for (var i = 0; i < 4000; i++)
        {
            var run = random.Next(1500);
            if (random.Next(4) == 0)
            {
                matrix.Remove(run);
                model.Remove((run, "task"));
                model.Remove((run, "other"));
            }
            else
            {
                var vector = Enumerable.Range(0, 300).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
                var kind = random.Next(3) == 0 ? "other" : "task";
                matrix.Set(run, kind, vector);
                model[(run, kind)] = vector;
            }
        }

        var query = Enumerable.Range(0, 300).Select(_ => (float)random.NextDouble()).ToArray();
        var expected = model.GroupBy(v => v.Key.Run)
            .Select(g => (Run: g.Key, Similarity: (double)g.Max(v => System.Numerics.Tensors.TensorPrimitives.CosineSimilarity<float>(v.Value, query))))
            .OrderByDescending(r => r.Similarity).ToList();

        foreach (var count in new[] { 1, 10, 500, 5000 })
        {
            var nearest = matrix.Nearest(query, count);
            Assert.Equal(Math.Min(count, expected.Count), nearest.Select(n => n.Run).Distinct().Count());
            var exact = expected.ToDictionary(e => e.Run, e => e.Similarity);
            Assert.All(nearest.Zip(expected), p =>
            {
                Assert.Equal(exact[p.First.Run], p.First.Similarity, 0.005);
                Assert.Equal(p.Second.Similarity, p.First.Similarity, 0.005);
            });
        }
    }

    [Fact]
    public void Damaged_content_is_an_error_and_never_other_content()
    {
        var stored = ContentCodec.Encode(System.Text.Encoding.UTF8.GetBytes(new string('a', 1000)));
        stored.Bytes[^1] ^= 0xFF;

        Assert.Equal(ContentEncoding.Brotli, stored.Encoding);
        Assert.Throws<StoreException>(() => ContentCodec.Decode(stored.Encoding, stored.Bytes[..^2], stored.Length));
        Assert.Throws<StoreException>(() => ContentCodec.Decode((ContentEncoding)9, stored.Bytes, stored.Length));
    }
}
