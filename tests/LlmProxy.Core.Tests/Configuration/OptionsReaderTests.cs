using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Tests.Configuration;

public sealed class OptionsReaderTests
{
    private static readonly Dictionary<string, string?> NoEnvironment = [];

    [Fact]
    public void Without_any_source_the_shipped_settings_apply()
    {
        var problems = new List<ConfigurationProblem>();
        var options = OptionsReader.Read(new ConfigurationBuilder().Build(), NoEnvironment, ConnectionStrings.Read, problems);

        Assert.Empty(problems);
        Assert.True(options.Recording.Enabled);
        Assert.Equal(["anthropic"], options.Recording.Providers);
        Assert.Null(options.Recording.MinDuration); // auto
        Assert.Equal(TimeSpan.FromDays(7), options.Recording.Grace);
        Assert.Equal(64L << 20, options.Recording.MaxBodyBytes);
        Assert.Equal(["bytebot", "claude-code", "codex", "gemini-cli", "generic", "opencode"], options.Tasks.Presets.Keys.Order(StringComparer.Ordinal));
        Assert.NotEmpty(options.Prices);
        Assert.NotEmpty(options.Models);
        Assert.Null(options.Embeddings.ApiKey);
    }

    [Fact]
    public void Aliases_apply_if_their_source_is_missing()
    {
        var problems = new List<ConfigurationProblem>();
        var options = OptionsReader.Read(new ConfigurationBuilder().Build(), new Dictionary<string, string?> { ["BYTEBOT_FEW_SHOT_COUNT"] = "0" }, ConnectionStrings.Read, problems);

        Assert.Equal(0, options.FewShot.Count);
    }

    [Fact]
    public void A_configuration_section_without_visible_sources_is_read()
    {
        var section = new ConfigurationBuilder()
            .AddInMemoryCollection([KeyValuePair.Create("App:LlmProxy:FewShot:Count", (string?)"7"), KeyValuePair.Create("App:LlmProxy:Recording:Providers:0", (string?)"openai")])
            .Build().GetSection("App");
        var options = OptionsReader.Read(section, NoEnvironment, ConnectionStrings.Read, []);

        Assert.Equal(7, options.FewShot.Count);
        Assert.Equal(["openai"], options.Recording.Providers);
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("TRUE", true)]
    [InlineData("1", true)]
    [InlineData("yes", true)]
    [InlineData("On", true)]
    [InlineData("false", false)]
    [InlineData("False", false)]
    [InlineData("0", false)]
    [InlineData("no", false)]
    [InlineData(" OFF ", false)]
    public void Booleans_have_five_spellings_in_any_case(string text, bool expected) =>
        Assert.Equal(expected, new ConfigurationStack().Environment("LlmProxy__Recording__Failures", text).ReadValid().Recording.Failures);

    [Fact]
    public void Another_word_is_no_boolean_and_the_problem_says_what_to_write()
    {
        var problem = new ConfigurationStack().Environment("LlmProxy__Recording__Failures", "maybe").SingleProblem();

        Assert.Equal("LlmProxy:Recording:Failures", problem.Key);
        Assert.Equal("maybe", problem.Value);
        Assert.Contains("true or false", problem.Fix, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00:00:05", 5)]
    [InlineData("1.00:00:00", 86_400)]
    [InlineData("00:00:00.250", 0.25)]
    [InlineData("5s", 5)]
    [InlineData("1.5 s", 1.5)]
    [InlineData("300ms", 0.3)]
    [InlineData("10m", 600)]
    [InlineData("2H", 7200)]
    [InlineData("1d", 86_400)]
    [InlineData("PT5S", 5)]
    [InlineData("P1DT1M", 86_460)]
    public void Times_have_units(string text, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new ConfigurationStack().Environment("LlmProxy__Recording__MinDuration", text).ReadValid().Recording.MinDuration);

    [Theory]
    [InlineData("5")]
    [InlineData("0.5")]
    [InlineData("10:00")]
    [InlineData("24:00:00")]
    [InlineData("00:75:00")]
    [InlineData("P1M")]
    [InlineData("PT")]
    [InlineData("soon")]
    [InlineData("")]
    public void Times_that_could_be_read_in_two_ways_are_refused(string text)
    {
        var problem = new ConfigurationStack().Environment("LlmProxy__Recording__MinDuration", text).SingleProblem();

        Assert.Contains("5s", problem.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bare_number_as_a_time_gets_its_unit_as_the_fix() =>
        Assert.Contains("15s is seconds", new ConfigurationStack().Section("""{ "Tasks": { "IdleTimeout": 15 } }""").SingleProblem().Fix, StringComparison.Ordinal);

    [Theory]
    [InlineData("1000", 1000)]
    [InlineData("64MiB", 64L << 20)]
    [InlineData("1 GiB", 1L << 30)]
    [InlineData("1.5kib", 1536)]
    [InlineData("2MB", 2_000_000)]
    public void Sizes_may_have_units(string text, long bytes) =>
        Assert.Equal(bytes, new ConfigurationStack().Environment("LlmProxy__Recording__Spool__MaxBytes", text).ReadValid().Recording.Spool.MaxBytes);

    [Theory]
    [InlineData("64Mib2")]
    [InlineData("big")]
    [InlineData("0.3")]
    [InlineData("99999999999GiB")]
    public void Sizes_that_are_none_are_problems(string text) =>
        Assert.Contains("64MiB", new ConfigurationStack().Environment("LlmProxy__Recording__Spool__MaxBytes", text).SingleProblem().Fix, StringComparison.Ordinal);

    [Theory]
    [InlineData("FewShot__MinSimilarity", "0,7")]
    [InlineData("FewShot__MinSimilarity", "NaN")]
    [InlineData("FewShot__Count", "3.5")]
    [InlineData("FewShot__Count", "1,000")]
    public void Numbers_are_invariant(string key, string text) =>
        Assert.Equal(text, new ConfigurationStack().Environment("LlmProxy__" + key, text).SingleProblem().Value);

    [Fact]
    public void Optional_settings_can_be_switched_off_by_a_word_or_null()
    {
        var options = new ConfigurationStack()
            .Section("""{ "FewShot": { "MinSimilarity": 0.5, "Timeout": "1s" }, "Cleanup": { "Every": "off" }, "Telemetry": { "Otlp": "off" }, "Limits": { "MaxStreamsPerKey": null } }""")
            .Environment("LlmProxy__FewShot__Timeout", "none")
            .Environment("LlmProxy__FewShot__MinSimilarity", "")
            .ReadValid();

        Assert.Null(options.FewShot.Timeout);
        Assert.Null(options.FewShot.MinSimilarity);
        Assert.Null(options.Cleanup.Every);
        Assert.Null(options.Telemetry.Otlp);
        Assert.Null(options.Limits.MaxStreamsPerKey);
    }

    [Fact]
    public void A_list_in_a_file_replaces_the_default_and_is_not_appended_to_it() =>
        Assert.Equal(["openai"], new ConfigurationStack().Section("""{ "Recording": { "Providers": ["openai"] } }""").ReadValid().Recording.Providers);

    [Fact]
    public void A_list_as_one_string_in_the_environment_replaces_the_files() =>
        Assert.Equal(["openai", "gemini"], new ConfigurationStack()
            .Section("""{ "Recording": { "Providers": ["anthropic", "proxy", "gemini"] } }""")
            .Environment("LlmProxy__Recording__Providers", "openai,gemini")
            .ReadValid().Recording.Providers);

    [Fact]
    public void A_list_by_index_in_the_environment_replaces_the_whole_of_the_files() =>
        Assert.Equal(["openai"], new ConfigurationStack()
            .Section("""{ "Recording": { "Providers": ["anthropic", "proxy", "gemini"] } }""")
            .Environment("LlmProxy__Recording__Providers__0", "openai")
            .ReadValid().Recording.Providers);

    [Fact]
    public void An_empty_list_replaces_the_default() =>
        Assert.Empty(new ConfigurationStack().Section("""{ "FewShot": { "SourceProviders": [] } }""").ReadValid().FewShot.SourceProviders);

    [Fact]
    public void A_list_of_objects_replaces_the_shipped_one() =>
        Assert.Equal([new ModelProvider("my-*", "proxy")], new ConfigurationStack().Section("""{ "Models": [{ "pattern": "my-*", "provider": "proxy" }] }""").ReadValid().Models);

    [Fact]
    public void Entries_of_a_list_keep_their_order_beyond_ten()
    {
        var patterns = Enumerable.Range(0, 12).Select(index => "m" + index).ToArray();
        var json = string.Join(",", patterns.Select(pattern => $$"""{ "pattern": "{{pattern}}", "provider": "proxy" }"""));

        Assert.Equal(patterns, new ConfigurationStack().Section($$"""{ "Models": [{{json}}] }""").ReadValid().Models.Select(model => model.Pattern));
    }

    [Fact]
    public void The_command_line_wins_over_the_environment() =>
        Assert.Equal(["gemini"], new ConfigurationStack()
            .Environment("LlmProxy__Recording__Providers", "openai,proxy")
            .Arguments("--LlmProxy:Recording:Providers=gemini")
            .ReadValid().Recording.Providers);

    [Fact]
    public void A_list_given_twice_in_one_source_is_a_problem() =>
        Assert.Contains("keep one", new ConfigurationStack()
            .Environment("LlmProxy__Recording__Providers", "openai")
            .Environment("LlmProxy__Recording__Providers__0", "gemini")
            .SingleProblem().Fix, StringComparison.Ordinal);

    [Fact]
    public void Commas_blanks_and_colons_belong_to_regular_expressions()
    {
        var options = new ConfigurationStack()
            .Environment("LlmProxy__Recording__Redaction__Patterns", "key: [0-9]{10,20} ")
            .ReadValid();

        Assert.Equal(["key: [0-9]{10,20} "], options.Recording.Redaction.Patterns);
    }

    [Theory]
    [InlineData("false", false)]
    [InlineData("off", false)]
    [InlineData("on", true)]
    public void Redaction_can_be_one_value(string text, bool expected) =>
        Assert.Equal(expected, new ConfigurationStack().Environment("LlmProxy__Recording__Redaction", text).ReadValid().Recording.Redaction.Enabled);

    [Fact]
    public void Redaction_as_a_section_in_a_higher_source_wins_over_one_value() =>
        Assert.True(new ConfigurationStack()
            .Section("""{ "Recording": { "Redaction": false } }""")
            .Environment("LlmProxy__Recording__Redaction__Enabled", "true")
            .ReadValid().Recording.Redaction.Enabled);

    [Fact]
    public void A_word_that_is_no_switch_leaves_redaction_on()
    {
        var stack = new ConfigurationStack().Section("""{ "Recording": { "Redaction": "fals" } }""");

        Assert.Contains("LlmProxy:Recording:Redaction = \"fals\"", stack.SingleProblem().ToString(), StringComparison.Ordinal);
        Assert.True(stack.Read().Recording.Redaction.Enabled);
    }

    [Fact]
    public void A_preset_in_a_file_is_laid_over_the_shipped_one_key_by_key()
    {
        var shipped = new ConfigurationStack().ReadValid().Tasks.Presets["bytebot"];
        var changed = new ConfigurationStack()
            .Section("""{ "Tasks": { "Presets": { "bytebot": { "FreeIterations": 25, "ErrorResults": ["^Oops"] } } } }""")
            .ReadValid().Tasks.Presets["bytebot"];

        Assert.Null(shipped.FreeIterations);
        Assert.Equal(25, changed.FreeIterations);
        Assert.Equal(["^Oops"], changed.ErrorResults);
        Assert.Equal(shipped.ClickTools, changed.ClickTools);
        Assert.Equal(shipped.RecognizeSystem, changed.RecognizeSystem);
    }

    [Fact]
    public void A_header_of_a_shipped_preset_can_be_taken_away()
    {
        var preset = new ConfigurationStack()
            .Section("""{ "Tasks": { "Presets": { "codex": { "RecognizeHeaders": { "x-codex-turn-metadata": null } } } } }""")
            .ReadValid().Tasks.Presets["codex"];

        Assert.Equal(["session-id"], preset.RecognizeHeaders.Keys);
    }

    [Fact]
    public void A_preset_that_the_user_adds_can_be_selected()
    {
        var options = new ConfigurationStack()
            .Section("""{ "Tasks": { "Preset": "mine", "Presets": { "mine": { "Boundary": "turn", "SessionHeaders": "x-my-session, x-other" } } } }""")
            .ReadValid();

        Assert.Equal(TaskBoundary.Turn, options.Tasks.Presets["mine"].Boundary);
        Assert.Equal(["x-my-session", "x-other"], options.Tasks.Presets["mine"].SessionHeaders);
    }

    [Fact]
    public void Upstreams_are_laid_over_each_other_and_new_ones_have_the_defaults()
    {
        var options = new ConfigurationStack()
            .Section("""{ "Upstreams": { "anthropic": { "Retries": 5, "RetryStatuses": [429, 529] }, "openai": { "RetryStatuses": "502, 503" }, "mine": { "TotalTimeout": "1h" } } }""")
            .Environment("LlmProxy__Upstreams__anthropic__ApiKeyEnv", "ANTHROPIC_API_KEY")
            .ReadValid();

        Assert.Equal((5, "ANTHROPIC_API_KEY"), (options.Upstreams["anthropic"].Retries, options.Upstreams["anthropic"].ApiKeyEnv));
        Assert.Equal([429, 529], options.Upstreams["anthropic"].RetryStatuses);
        Assert.Equal([502, 503], options.Upstreams["openai"].RetryStatuses);
        Assert.Empty(options.Upstreams["mine"].RetryStatuses);
        Assert.Equal((2, TimeSpan.FromMinutes(10), TimeSpan.FromHours(1)), (options.Upstreams["mine"].Retries, options.Upstreams["mine"].ActivityTimeout, options.Upstreams["mine"].TotalTimeout));
    }

    [Fact]
    public void Bytebots_name_of_gemini_is_understood() =>
        Assert.Equal(["anthropic", "gemini"], new ConfigurationStack().Environment("BYTEBOT_RECORD_MODEL_PROVIDERS", "Anthropic,google").ReadValid().Recording.Providers);

    [Theory]
    [InlineData("CLEAN", IdleSuccess.Clean)]
    [InlineData(" Never ", IdleSuccess.Never)]
    public void Option_words_ignore_case_and_surrounding_blanks(string text, IdleSuccess expected) =>
        Assert.Equal(expected, new ConfigurationStack().Environment("LlmProxy__Tasks__IdleSuccess", text).ReadValid().Tasks.IdleSuccess);

    [Fact]
    public void A_postgres_address_is_translated_to_a_connection_string()
    {
        var options = new ConfigurationStack().Section("""{ "Storage": { "Provider": "Postgres", "ConnectionString": "postgres://u:p@db/llm" } }""").ReadValid();

        Assert.Equal((StoreProvider.Postgres, "Username=u;Password=p;Database=llm;Host=db"), (options.Storage.Provider, options.Storage.ConnectionString));
    }

    [Theory]
    [InlineData("""{ "Recording": { "Enable": false } }""", "LlmProxy:Recording:Enable", "did you mean \"Enabled\"?")]
    [InlineData("""{ "Recordings": { "Enabled": false } }""", "LlmProxy:Recordings", "did you mean \"Recording\"?")]
    [InlineData("""{ "Models": [{ "patern": "x", "pattern": "x", "provider": "proxy" }] }""", "LlmProxy:Models:0:patern", "did you mean \"Pattern\"?")]
    [InlineData("""{ "Tasks": { "Presets": { "codex": { "Bondary": "turn" } } } }""", "LlmProxy:Tasks:Presets:codex:Bondary", "did you mean \"Boundary\"?")]
    [InlineData("""{ "Recording": { "Redaction": { "Pattern": ["x"] } } }""", "LlmProxy:Recording:Redaction:Pattern", "did you mean \"Patterns\"?")]
    [InlineData("""{ "Storage": { "Conection": "x" } }""", "LlmProxy:Storage:Conection", "use one of Provider, ConnectionString")]
    public void A_misspelt_key_is_a_problem_with_the_right_one(string section, string key, string fix)
    {
        var problem = new ConfigurationStack().Section(section).SingleProblem();

        Assert.Equal(key, problem.Key);
        Assert.Contains(fix, problem.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void A_misspelt_key_in_the_environment_is_a_problem_too() =>
        Assert.Equal("LlmProxy:FewShot:Cuont", new ConfigurationStack().Environment("LlmProxy__FewShot__Cuont", "1").SingleProblem().Key);

    [Fact]
    public void The_value_of_a_misspelt_key_is_not_shown() =>
        Assert.DoesNotContain("sk-secret", new ConfigurationStack().Section("""{ "Embeddings": { "ApiKy": "sk-secret" } }""").SingleProblem().ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("""{ "Recording": { "Enabled": { "x": 1 } } }""", "LlmProxy:Recording:Enabled")]
    [InlineData("""{ "Recording": "on" }""", "LlmProxy:Recording")]
    [InlineData("""{ "Prices": "cheap" }""", "LlmProxy:Prices")]
    [InlineData("""{ "Recording": { "Providers": [{ "name": "openai" }] } }""", "LlmProxy:Recording:Providers:0")]
    public void The_wrong_kind_of_value_is_a_problem(string section, string key)
    {
        var stack = new ConfigurationStack().Section(section);
        _ = stack.Read();

        Assert.Contains(stack.Problems, problem => problem.Key == key);
    }

    [Fact]
    public void A_price_without_all_its_numbers_is_a_problem() =>
        Assert.Equal("LlmProxy:Prices:0:CacheRead", new ConfigurationStack()
            .Section("""{ "Prices": [{ "pattern": "m", "input": 1, "output": 2.5, "cacheWrite": 1e-3 }] }""").SingleProblem().Key);
}
