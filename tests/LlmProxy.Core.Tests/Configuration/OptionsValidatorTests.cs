using LlmProxy.Core.Configuration;

namespace LlmProxy.Tests.Configuration;

public sealed class OptionsValidatorTests
{
    private const string Digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    [Fact]
    public void The_shipped_settings_are_valid() => _ = new ConfigurationStack().File(BuiltInConfiguration.Json).ReadValid();

    [Fact]
    public void All_problems_are_reported_at_once()
    {
        var stack = new ConfigurationStack()
            .Section("""{ "FewShot": { "Count": -1, "MaxPromptShare": "lots" }, "Quality": { "Treshold": 1 }, "Tasks": { "IdleSuccess": "claen" } }""")
            .Environment("LlmProxy__Recording__MinDuration", "5");
        _ = stack.Read();

        Assert.Equal(
            ["LlmProxy:FewShot:Count", "LlmProxy:FewShot:MaxPromptShare", "LlmProxy:Quality:Treshold", "LlmProxy:Recording:MinDuration", "LlmProxy:Tasks:IdleSuccess"],
            stack.Problems.Select(problem => problem.Key).Order(StringComparer.Ordinal));
        Assert.All(stack.Problems, problem => Assert.NotEmpty(problem.Fix));
    }

    [Theory]
    [InlineData("Recording:Providers", "antropic", "did you mean \"anthropic\"?")]
    [InlineData("Recording:MinDuration", "-1s", "0s to 21d")]
    [InlineData("Recording:MaxBodyBytes", "0", "above 0")]
    [InlineData("Recording:MaxBufferedBytes", "1MiB", "MaxBodyBytes")]
    [InlineData("Recording:Spool:MaxBytes", "-1", "above 0")]
    [InlineData("Recording:Spool:Fsync", "-1s", "0s")]
    [InlineData("Recording:WebSockets", "block", "record, refuse, pass")]
    [InlineData("Recording:Redaction:Patterns", "(", "regular expression")]
    [InlineData("Tasks:Preset", "claude", "claude-code")]
    [InlineData("Tasks:Boundary", "turns", "did you mean \"turn\"?")]
    [InlineData("Tasks:EndOfTurnGrace", "-1s", "0s")]
    [InlineData("Tasks:IdleTimeout", "0s", "above 0s")]
    [InlineData("Tasks:IdleTimeout", "30d", "21d")]
    [InlineData("Tasks:IdleSuccess", "always", "clean, never")]
    [InlineData("Tasks:Presets:mine:Boundary", "task", "conversation, turn")]
    [InlineData("Tasks:Presets:mine:RecognizeSystem", "[", "regular expression")]
    [InlineData("Tasks:Presets:mine:RecognizeHeaders:x-a", "*", "regular expression")]
    [InlineData("Tasks:Presets:mine:SideCallSystem", "(?<", "regular expression")]
    [InlineData("Tasks:Presets:mine:ErrorResults", "(", "regular expression")]
    [InlineData("Tasks:Presets:mine:GuardResults", "(", "regular expression")]
    [InlineData("Tasks:Presets:mine:Interventions", "(", "regular expression")]
    [InlineData("Tasks:Presets:mine:ClickHits", "(", "regular expression")]
    [InlineData("Tasks:Presets:mine:Boilerplate", "(", "regular expression")]
    [InlineData("Tasks:Presets:mine:FreeIterations", "-1", "0 or more")]
    [InlineData("Tasks:Presets:mine:TerminalTools:0:StatusProperty", "s", "tool's name")]
    [InlineData("FewShot:Count", "-1", "0 or more")]
    [InlineData("FewShot:SourceProviders", "claude", "anthropic")]
    [InlineData("FewShot:MinSimilarity", "70", "0 to 1")]
    [InlineData("FewShot:MaxTokens", "0", "above 0")]
    [InlineData("FewShot:MaxPromptShare", "1.5", "0 to 1")]
    [InlineData("FewShot:Timeout", "0s", "above 0s")]
    [InlineData("FewShot:ToolMatch", "strict", "require")]
    [InlineData("Quality:Threshold", "-0.1", "0 to 1")]
    [InlineData("Quality:FreeIterations", "-1", "0 or more")]
    [InlineData("Quality:InterventionPenalty", "3", "0 to 1")]
    [InlineData("Quality:MaxInterventions", "-3", "0 or more")]
    [InlineData("Quality:ErrorRatePenalty", "2", "0 to 1")]
    [InlineData("Quality:FreeErrorRate", "2", "0 to 1")]
    [InlineData("Quality:ClickAccuracyPenalty", "2", "0 to 1")]
    [InlineData("Quality:WantedClickAccuracy", "80", "0 to 1")]
    [InlineData("Quality:IterationPenalty", "-1", "0 to 1")]
    [InlineData("Prompts:ApplyTo", "agent", "did you mean \"agents\"?")]
    [InlineData("Embeddings:Provider", "ollama", "auto, openai, lexical, local")]
    [InlineData("Embeddings:Dimensions", "0", "above 0")]
    [InlineData("Embeddings:Endpoint", "localhost:11434", "http://")]
    [InlineData("Storage:Provider", "postgresql", "did you mean \"postgres\"?")]
    [InlineData("Storage:Provider", "mysql", "sqlite, postgres")]
    [InlineData("Storage:Provider", "1", "sqlite, postgres")]
    [InlineData("Storage:ConnectionString", "Host=db", "SQLite")]
    [InlineData("Experiments:Holdout", "10", "0 to 1")]
    [InlineData("Cleanup:Every", "0s", "above 0s")]
    [InlineData("Cleanup:OlderThanDays", "-1", "0 or more")]
    [InlineData("Cleanup:MaxQuality", "3", "0 to 1")]
    [InlineData("Upstreams:anthropic:Retries", "-1", "0 or more")]
    [InlineData("Upstreams:anthropic:RetryStatuses", "200", "400 to 599")]
    [InlineData("Upstreams:anthropic:BreakAfter", "1", "2 and more")]
    [InlineData("Upstreams:anthropic:BreakFor", "100ms", "500ms")]
    [InlineData("Upstreams:anthropic:ActivityTimeout", "0s", "above 0s")]
    [InlineData("Upstreams:anthropic:FirstByteTimeout", "0s", "above 0s")]
    [InlineData("Upstreams:anthropic:TotalTimeout", "0s", "above 0s")]
    [InlineData("Limits:MaxRequestBytes", "0", "above 0")]
    [InlineData("Limits:MaxHeaderBytes", "100", "1KiB")]
    [InlineData("Limits:MaxStreamsPerKey", "0", "above 0")]
    [InlineData("Export:AllowProviders", "openia", "did you mean \"openai\"?")]
    [InlineData("Telemetry:Otlp", "collector:4317", "http://")]
    public void A_bad_value_is_a_problem_with_its_key_and_fix(string key, string value, string fix)
    {
        var problem = new ConfigurationStack().Environment("LlmProxy__" + key.Replace(":", "__", StringComparison.Ordinal), value).SingleProblem();

        Assert.StartsWith("LlmProxy:" + key[..key.LastIndexOf(':')], problem.Key, StringComparison.Ordinal);
        Assert.Contains(fix, problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "Models": [{ "pattern": "", "provider": "proxy" }] }""", "LlmProxy:Models:0:Pattern")]
    [InlineData("""{ "Models": [{ "pattern": "x", "provider": "" }] }""", "LlmProxy:Models:0:Provider")]
    [InlineData("""{ "Prices": [{ "input": 1, "output": 1, "cacheRead": 1, "cacheWrite": 1 }] }""", "LlmProxy:Prices:0:Pattern")]
    [InlineData("""{ "Prices": [{ "pattern": "m", "input": 1, "output": -1, "cacheRead": 1, "cacheWrite": 1 }] }""", "LlmProxy:Prices:0:Output")]
    [InlineData("""{ "Auth": { "Keys": [{ "name": "a" }] } }""", "LlmProxy:Auth:Keys:0:Sha256")]
    [InlineData("""{ "Auth": { "Keys": [{ "env": "X" }] } }""", "LlmProxy:Auth:Keys:0:Name")]
    [InlineData("""{ "Auth": { "Keys": [{ "name": "a", "env": "X", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }] } }""", "LlmProxy:Auth:Keys:0:Sha256")]
    [InlineData("""{ "Auth": { "Keys": [{ "name": "a", "env": "X" }, { "name": "A", "env": "Y" }] } }""", "LlmProxy:Auth:Keys:1:Name")]
    [InlineData("""{ "Storage": { "Provider": "postgres" } }""", "LlmProxy:Storage:ConnectionString")]
    [InlineData("""{ "Storage": { "Provider": "postgres", "ConnectionString": "Database=x" } }""", "LlmProxy:Storage:ConnectionString")]
    public void A_bad_entry_is_a_problem_with_its_place(string section, string key) =>
        Assert.Equal(key, new ConfigurationStack().Section(section).SingleProblem().Key);

    [Fact]
    public void Two_keys_with_one_digest_are_a_problem() =>
        Assert.Equal("LlmProxy:Auth:Keys:1:Sha256", new ConfigurationStack()
            .Section($$"""{ "Auth": { "Keys": [{ "name": "a", "sha256": "{{Digest}}" }, { "name": "b", "sha256": "{{Digest.ToUpperInvariant()}}" }] } }""")
            .SingleProblem().Key);

    [Fact]
    public void A_key_in_place_of_its_digest_is_not_shown()
    {
        var problem = new ConfigurationStack().Section("""{ "Auth": { "Keys": [{ "name": "a", "sha256": "llmp_my-very-secret-key" }] } }""").SingleProblem();

        Assert.Contains("64", problem.Fix, StringComparison.Ordinal);
        Assert.DoesNotContain("my-very-secret", problem.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("postgres", "Host=db;Password=s3cret;Port=s3cret")]
    [InlineData("postgres", "s3cret")]
    [InlineData("sqlite", "Data Source=x;Password=s3cret;Mode=s3cret")]
    public void A_connection_string_is_not_shown(string provider, string connectionString)
    {
        var problem = new ConfigurationStack().Section($$"""{ "Storage": { "Provider": "{{provider}}", "ConnectionString": "{{connectionString}}" } }""").SingleProblem();

        Assert.Equal("LlmProxy:Storage:ConnectionString", problem.Key);
        Assert.DoesNotContain("s3cret", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_password_of_an_endpoint_is_not_shown() =>
        Assert.DoesNotContain("s3cret", new ConfigurationStack().Section("""{ "Embeddings": { "Endpoint": "ftp://me:s3cret@host" } }""").SingleProblem().ToString(), StringComparison.Ordinal);

    [Theory]
    [InlineData("""{ "Enabled": true, "ApiKeyEnv": "K" }""", "Judge:Model", "is missing")]
    [InlineData("""{ "Enabled": true, "Model": "claude-haiku-4-5" }""", "Judge:ApiKeyEnv", "is missing")]
    [InlineData("""{ "Enabled": true, "Model": "my-own-model", "Endpoint": "http://localhost:11434/v1" }""", "Judge:Model", "has no price")]
    [InlineData("""{ "Enabled": true, "Model": "claude-haiku-4-5", "Endpoint": "localhost" }""", "Judge:Endpoint", "http://localhost:11434/v1")]
    [InlineData("""{ "Sample": 2 }""", "Judge:Sample", "0 to 1")]
    [InlineData("""{ "MaxUsdPerDay": -1 }""", "Judge:MaxUsdPerDay", "0")]
    [InlineData("""{ "Providers": ["antropic"] }""", "Judge:Providers", "did you mean \"anthropic\"?")]
    public void A_judge_that_cannot_work_is_reported_with_the_fix(string judge, string key, string fix)
    {
        var problem = new ConfigurationStack().File(BuiltInConfiguration.Json).Section($$"""{ "Judge": {{judge}} }""").SingleProblem();

        Assert.StartsWith("LlmProxy:" + key, problem.Key, StringComparison.Ordinal);
        Assert.Contains(fix, problem.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void A_judge_that_is_off_needs_nothing() =>
        _ = new ConfigurationStack().File(BuiltInConfiguration.Json).Section("""{ "Judge": { "Model": "my-own-model" } }""").ReadValid();

    [Fact]
    public void Missing_environment_variables_are_reported_to_the_server_only()
    {
        var options = new ConfigurationStack()
            .Section("""{ "Upstreams": { "openai": { "ApiKeyEnv": "A" }, "proxy": { "ApiKeyEnv": "B" } }, "Auth": { "Keys": [{ "name": "k", "env": "C" }] }, "Embeddings": { "Provider": "openai" } }""")
            .ReadValid();
        var problems = new List<ConfigurationProblem>();
        OptionsValidator.ValidateEnvironment(options, new Dictionary<string, string?> { ["B"] = "key" }, problems);

        Assert.Equal(["LlmProxy:Auth:Keys:0:Env", "LlmProxy:Embeddings:Provider", "LlmProxy:Upstreams:openai:ApiKeyEnv"], problems.Select(problem => problem.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Expressions_have_a_time_limit()
    {
        var catastrophe = RuleRegex.Create("^(a+)+$");

        Assert.InRange(catastrophe.MatchTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(500));
        Assert.Throws<System.Text.RegularExpressions.RegexMatchTimeoutException>(() => catastrophe.IsMatch(new string('a', 50) + "!"));
    }

    [Fact]
    public void A_problem_prints_key_value_and_fix()
    {
        Assert.Equal("LlmProxy:A = \"x\": do.", new ConfigurationProblem("LlmProxy:A", "x", "do.").ToString());
        Assert.Equal("LlmProxy:A: do.", new ConfigurationProblem("LlmProxy:A", null, "do.").ToString());
        Assert.Equal("LlmProxy:A = (hidden): do.", new ConfigurationProblem("LlmProxy:A", ConfigurationProblem.HiddenValue, "do.").ToString());
        Assert.True(new ConfigurationProblem("LlmProxy:A", new string('x', 10_000), "do.").ToString().Length < 300);
    }
}
