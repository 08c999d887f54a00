using LlmProxy.Core.Configuration;

namespace LlmProxy.Tests.Configuration;

public sealed class BytebotAliasTests
{
    [Fact]
    public void Every_alias_sets_its_setting()
    {
        var options = new ConfigurationStack()
            .Environment("BYTEBOT_RECORD_TRAJECTORIES", "no")
            .Environment("BYTEBOT_RECORD_MODEL_PROVIDERS", " anthropic, proxy ")
            .Environment("BYTEBOT_RECORD_FAILURES", "true")
            .Environment("BYTEBOT_RECORD_MIN_DURATION", "12")
            .Environment("BYTEBOT_USE_FEW_SHOT", "false")
            .Environment("BYTEBOT_FEW_SHOT_COUNT", "0")
            .Environment("BYTEBOT_FEW_SHOT_SIMILARITY", "0.55")
            .Environment("BYTEBOT_FEW_SHOT_SOURCE_PROVIDERS", "openai,,")
            .Environment("BYTEBOT_TRAJECTORY_QUALITY_THRESHOLD", "0.8")
            .Environment("BYTEBOT_USE_MODEL_SPECIFIC_PROMPTS", "0")
            .Environment("BYTEBOT_EMBEDDING_API_KEY", "sk-b")
            .ReadValid();

        Assert.False(options.Recording.Enabled);
        Assert.Equal(["anthropic", "proxy"], options.Recording.Providers);
        Assert.True(options.Recording.Failures);
        Assert.Equal(TimeSpan.FromSeconds(12), options.Recording.MinDuration);
        Assert.False(options.FewShot.Enabled);
        Assert.Equal(0, options.FewShot.Count);
        Assert.Equal(0.55, options.FewShot.MinSimilarity);
        Assert.Equal(["openai"], options.FewShot.SourceProviders);
        Assert.Equal(0.8, options.Quality.Threshold);
        Assert.False(options.Prompts.Enabled);
        Assert.Equal("sk-b", options.Embeddings.ApiKey);
    }

    [Fact]
    public void The_word_false_is_false() =>
        Assert.False(new ConfigurationStack()
            .Section("""{ "Recording": { "Failures": true } }""")
            .Environment("BYTEBOT_RECORD_FAILURES", "false")
            .ReadValid().Recording.Failures);

    [Fact]
    public void An_alias_wins_over_the_file() =>
        Assert.Equal(9, new ConfigurationStack().Section("""{ "FewShot": { "Count": 4 } }""").Environment("BYTEBOT_FEW_SHOT_COUNT", "9").ReadValid().FewShot.Count);

    [Fact]
    public void An_alias_loses_against_the_settings_own_variable() =>
        Assert.Equal(2, new ConfigurationStack().Environment("BYTEBOT_FEW_SHOT_COUNT", "9").Environment("LlmProxy__FewShot__Count", "2").ReadValid().FewShot.Count);

    [Fact]
    public void An_alias_loses_against_the_command_line() =>
        Assert.Equal(["gemini"], new ConfigurationStack()
            .Environment("BYTEBOT_RECORD_MODEL_PROVIDERS", "openai,proxy")
            .Arguments("--LlmProxy:Recording:Providers:0", "gemini")
            .ReadValid().Recording.Providers);

    [Fact]
    public void An_empty_alias_is_not_set()
    {
        var options = new ConfigurationStack()
            .Environment("BYTEBOT_FEW_SHOT_COUNT", "")
            .Environment("BYTEBOT_RECORD_MODEL_PROVIDERS", " ")
            .Environment("BYTEBOT_EMBEDDING_API_KEY", "")
            .Environment("OPENAI_API_KEY", "sk-o")
            .ReadValid();

        Assert.Equal(3, options.FewShot.Count);
        Assert.Equal(["anthropic"], options.Recording.Providers);
        Assert.Equal("sk-o", options.Embeddings.ApiKey);
    }

    [Fact]
    public void The_duration_in_seconds_may_also_be_a_time() =>
        Assert.Equal(TimeSpan.FromMinutes(2), new ConfigurationStack().Environment("BYTEBOT_RECORD_MIN_DURATION", "2m").ReadValid().Recording.MinDuration);

    [Fact]
    public void A_problem_names_the_alias() =>
        Assert.StartsWith("BYTEBOT_RECORD_MIN_DURATION = \"short\": ", new ConfigurationStack().Environment("BYTEBOT_RECORD_MIN_DURATION", "short").SingleProblem().ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_value_out_of_range_is_reported_with_the_alias() =>
        Assert.Equal("BYTEBOT_FEW_SHOT_COUNT = \"-1\": write 0 or more.", new ConfigurationStack().Environment("BYTEBOT_FEW_SHOT_COUNT", "-1").SingleProblem().ToString());

    [Fact]
    public void The_special_key_for_embeddings_wins_over_the_general_one() =>
        Assert.Equal("sk-b", new ConfigurationStack().Environment("OPENAI_API_KEY", "sk-o").Environment("BYTEBOT_EMBEDDING_API_KEY", "sk-b").ReadValid().Embeddings.ApiKey);

    [Fact]
    public void A_key_for_embeddings_in_the_file_wins_over_the_environments() =>
        Assert.Equal("sk-f", new ConfigurationStack().Section("""{ "Embeddings": { "ApiKey": "sk-f" } }""").Environment("OPENAI_API_KEY", "sk-o").ReadValid().Embeddings.ApiKey);

    [Fact]
    public void DATABASE_URL_of_PostgreSQL_selects_postgres()
    {
        var storage = new ConfigurationStack()
            .Environment("DATABASE_URL", "postgresql://user%40corp:p%40ss%3Bw%2Frd@db.example:6543/bytebot%20db?schema=public&connection_limit=5&pgbouncer=true&sslmode=verify-full&connect_timeout=7")
            .ReadValid().Storage;
        var parsed = new Npgsql.NpgsqlConnectionStringBuilder(storage.ConnectionString);

        Assert.Equal(StoreProvider.Postgres, storage.Provider);
        Assert.Equal(("user@corp", "p@ss;w/rd", "db.example", 6543, "bytebot db"), (parsed.Username, parsed.Password, parsed.Host, parsed.Port, parsed.Database));
        Assert.Equal((Npgsql.SslMode.VerifyFull, 7), (parsed.SslMode, parsed.Timeout));
        Assert.DoesNotContain("schema", storage.ConnectionString, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("postgres://db/llm", "Database=llm;Host=db")]
    [InlineData("postgres://u@db", "Username=u;Host=db")]
    [InlineData("postgres://u:a#b@c@db:5432/llm/", "Username=u;Password=a#b@c;Database=llm;Host=db;Port=5432")]
    [InlineData("postgres://u:p@[::1]:5433/llm", "Username=u;Password=p;Database=llm;Host=::1;Port=5433")]
    [InlineData("postgres://u:p@a:1,b:2/llm", "Username=u;Password=p;Database=llm;Host=a:1,b:2")]
    [InlineData("POSTGRES://u:p@/llm?host=/var/run/postgresql", "Username=u;Password=p;Database=llm;Host=/var/run/postgresql")]
    public void Addresses_of_many_forms_are_translated(string url, string expected) =>
        Assert.Equal(expected, new ConfigurationStack().Environment("DATABASE_URL", url).ReadValid().Storage.ConnectionString);

    [Theory]
    [InlineData("postgres://u:s3cret@db:port/llm", "port")]
    [InlineData("postgres://u:s3cret@/llm", "host")]
    [InlineData("postgres://u:s3cret@db/llm?sslmode=yes", "sslmode")]
    public void A_wrong_database_address_is_a_problem_that_keeps_the_password(string url, string fix)
    {
        var problem = new ConfigurationStack().Environment("DATABASE_URL", url).SingleProblem();

        Assert.Equal("DATABASE_URL", problem.Key);
        Assert.Contains(fix, problem.Fix, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql://u:p@db/x")]
    [InlineData("file:./dev.db")]
    public void DATABASE_URL_of_another_kind_of_database_is_ignored(string url) =>
        Assert.Equal(StoreProvider.Sqlite, new ConfigurationStack().Environment("DATABASE_URL", url).ReadValid().Storage.Provider);

    [Theory]
    [InlineData("LlmProxy__Storage__Provider", "sqlite")]
    [InlineData("LlmProxy__Storage__ConnectionString", "Data Source=mine.db")]
    public void Any_storage_setting_in_the_environment_overrides_both_values_of_DATABASE_URL(string name, string value)
    {
        var storage = new ConfigurationStack().Environment("DATABASE_URL", "postgres://u:p@db/llm").Environment(name, value).ReadValid().Storage;

        Assert.Equal(StoreProvider.Sqlite, storage.Provider);
        Assert.StartsWith("Data Source=", storage.ConnectionString, StringComparison.Ordinal);
    }

    [Fact]
    public void A_storage_setting_in_the_file_overrides_DATABASE_URL() =>
        Assert.Equal("Data Source=mine.db", new ConfigurationStack()
            .Section("""{ "Storage": { "ConnectionString": "Data Source=mine.db" } }""")
            .Environment("DATABASE_URL", "postgres://u:p@db/llm")
            .ReadValid().Storage.ConnectionString);

    [Fact]
    public void A_copy_of_the_shipped_file_does_not_override_DATABASE_URL() =>
        Assert.Equal(StoreProvider.Postgres, new ConfigurationStack().File(BuiltInConfiguration.Json).Environment("DATABASE_URL", "postgres://u:p@db/llm").ReadValid().Storage.Provider);
}
