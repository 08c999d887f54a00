using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using LlmProxy.Prompts.Checking;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace LlmProxy.Core.Configuration;

/// <summary>Checks settings that could be read: ranges, words, expressions, references. All problems at once, each with its fix.</summary>
public static class OptionsValidator
{
    /// <summary>Providers that a model, a route or a list can name.</summary>
    public static IReadOnlyList<string> ProviderNames { get; } = ["anthropic", "openai", "gemini", "proxy"];

    // Timers of .NET end at 49 days; no setting here has a use for more than three weeks.
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(21);

    /// <summary>Checks what is wrong in itself, whatever the machine.</summary>
    public static void Validate(LlmProxyOptions options, ICollection<ConfigurationProblem> problems)
    {
        Recording(options.Recording, new Check("Recording", problems));
        Tasks(options.Tasks, new Check("Tasks", problems));
        FewShot(options.FewShot, new Check("FewShot", problems));
        Quality(options.Quality, new Check("Quality", problems));
        Prompts(options.Prompts, new Check("Prompts", problems));
        Embeddings(options.Embeddings, new Check("Embeddings", problems));
        Storage(options.Storage, new Check("Storage", problems));
        new Check("Experiments", problems).Share(nameof(options.Experiments.Holdout), options.Experiments.Holdout);
        Cleanup(options.Cleanup, new Check("Cleanup", problems));
        Prices(options.Prices, new Check("Prices", problems));
        Models(options.Models, new Check("Models", problems));
        foreach (var (cluster, upstream) in options.Upstreams)
        {
            Upstream(upstream, new Check($"Upstreams:{cluster}", problems));
        }

        Limits(options.Limits, new Check("Limits", problems));
        Keys(options.Auth.Keys, new Check("Auth:Keys", problems));
        new Check("Export", problems).Providers(nameof(options.Export.AllowProviders), options.Export.AllowProviders);
        new Check("Telemetry", problems).Address(nameof(options.Telemetry.Otlp), options.Telemetry.Otlp, "http://localhost:4317");
    }

    /// <summary>Checks what the settings need of this machine's environment. For the server: other verbs work without it.</summary>
    public static void ValidateEnvironment(LlmProxyOptions options, IReadOnlyDictionary<string, string?> environment, ICollection<ConfigurationProblem> problems)
    {
        foreach (var (cluster, upstream) in options.Upstreams)
        {
            Variable(new Check($"Upstreams:{cluster}", problems), nameof(upstream.ApiKeyEnv), upstream.ApiKeyEnv);
        }

        for (var i = 0; i < options.Auth.Keys.Count; i++)
        {
            Variable(new Check("Auth:Keys", problems).At(i), nameof(AuthKey.Env), options.Auth.Keys[i].Env);
        }

        if (options.Embeddings is { Provider: "openai", ApiKey: null, Endpoint: null })
        {
            new Check("Embeddings", problems).Fail(nameof(options.Embeddings.Provider), "openai", "needs a key: set BYTEBOT_EMBEDDING_API_KEY or OPENAI_API_KEY, or write auto or lexical here.");
        }

        void Variable(Check check, string key, string? name)
        {
            if (name is not null && string.IsNullOrWhiteSpace(environment.GetValueOrDefault(name)))
            {
                check.Fail(key, name, "this environment variable is not set: set it, or remove the entry.");
            }
        }
    }

    private static void Recording(RecordingOptions options, Check check)
    {
        check.Providers(nameof(options.Providers), options.Providers);
        check.Time(nameof(options.MinDuration), options.MinDuration, zero: true);
        check.Expressions("Redaction:" + nameof(options.Redaction.Patterns), options.Redaction.Patterns);
        check.Positive(nameof(options.MaxBodyBytes), options.MaxBodyBytes);
        check.Positive(nameof(options.MaxBufferedBytes), options.MaxBufferedBytes);
        if (options.MaxBufferedBytes > 0 && options.MaxBufferedBytes < options.MaxBodyBytes)
        {
            check.Fail(nameof(options.MaxBufferedBytes), Text(options.MaxBufferedBytes), $"is less than MaxBodyBytes ({Text(options.MaxBodyBytes)}), which is for one body: make it larger.");
        }

        check.Positive("Spool:" + nameof(options.Spool.MaxBytes), options.Spool.MaxBytes);
        check.Time("Spool:" + nameof(options.Spool.Fsync), options.Spool.Fsync, zero: true);
        check.Word(nameof(options.WebSockets), options.WebSockets, "refuse", "pass");
    }

    private static void Tasks(TaskOptions options, Check check)
    {
        check.Word(nameof(options.Preset), options.Preset, ["auto", .. options.Presets.Keys]);
        if (options.Boundary is not null)
        {
            check.Word(nameof(options.Boundary), options.Boundary, "conversation", "turn");
        }

        check.Time(nameof(options.EndOfTurnGrace), options.EndOfTurnGrace, zero: true);
        check.Time(nameof(options.IdleTimeout), options.IdleTimeout);
        check.Word(nameof(options.IdleSuccess), options.IdleSuccess, "clean", "never");
        foreach (var (name, preset) in options.Presets)
        {
            Preset(preset, check.Below($"Presets:{name}"));
        }
    }

    private static void Preset(TaskPreset preset, Check check)
    {
        foreach (var (header, pattern) in preset.RecognizeHeaders)
        {
            check.Expression($"{nameof(preset.RecognizeHeaders)}:{header}", pattern);
        }

        if (preset.RecognizeSystem is not null)
        {
            check.Expression(nameof(preset.RecognizeSystem), preset.RecognizeSystem);
        }

        check.Word(nameof(preset.Boundary), preset.Boundary, "conversation", "turn");
        check.Expressions(nameof(preset.SideCallSystem), preset.SideCallSystem);
        check.Expressions(nameof(preset.ErrorResults), preset.ErrorResults);
        check.Expressions(nameof(preset.GuardResults), preset.GuardResults);
        check.Expressions(nameof(preset.Interventions), preset.Interventions);
        check.Expressions(nameof(preset.ClickHits), preset.ClickHits);
        check.Expressions(nameof(preset.Boilerplate), preset.Boilerplate);
        check.NotNegative(nameof(preset.FreeIterations), preset.FreeIterations ?? 0);
        for (var i = 0; i < preset.TerminalTools.Count; i++)
        {
            var tool = check.Below(nameof(preset.TerminalTools)).At(i);
            tool.NotEmpty(nameof(TerminalTool.Name), preset.TerminalTools[i].Name, "write the tool's name.");
        }
    }

    private static void FewShot(FewShotOptions options, Check check)
    {
        check.NotNegative(nameof(options.Count), options.Count);
        check.Providers(nameof(options.SourceProviders), options.SourceProviders);
        check.Share(nameof(options.MinSimilarity), options.MinSimilarity ?? 0);
        check.Positive(nameof(options.MaxTokens), options.MaxTokens);
        check.Share(nameof(options.MaxPromptShare), options.MaxPromptShare);
        check.Word(nameof(options.ToolMatch), options.ToolMatch, "prefer", "require", "ignore");
        check.Time(nameof(options.Timeout), options.Timeout);
    }

    private static void Quality(QualityOptions options, Check check)
    {
        check.Share(nameof(options.Threshold), options.Threshold);
        check.NotNegative(nameof(options.FreeIterations), options.FreeIterations ?? 0);
        check.Share(nameof(options.InterventionPenalty), options.InterventionPenalty);
        check.NotNegative(nameof(options.MaxInterventions), options.MaxInterventions);
        check.Share(nameof(options.ErrorRatePenalty), options.ErrorRatePenalty);
        check.Share(nameof(options.FreeErrorRate), options.FreeErrorRate);
        check.Share(nameof(options.ClickAccuracyPenalty), options.ClickAccuracyPenalty);
        check.Share(nameof(options.WantedClickAccuracy), options.WantedClickAccuracy);
        check.Share(nameof(options.IterationPenalty), options.IterationPenalty);
    }

    private static void Prompts(PromptOptions options, Check check) => check.Word(nameof(options.ApplyTo), options.ApplyTo, "agents", "all");

    private static void Embeddings(EmbeddingOptions options, Check check)
    {
        check.Word(nameof(options.Provider), options.Provider, "auto", "openai", "lexical");
        check.Positive(nameof(options.Dimensions), options.Dimensions);
        check.Address(nameof(options.Endpoint), options.Endpoint, "http://localhost:11434/v1");
    }

    private static void Storage(StorageOptions options, Check check)
    {
        check.Word(nameof(options.Provider), options.Provider, "sqlite", "postgres");
        var postgres = options.Provider == "postgres";
        if (postgres && options.ConnectionString == new StorageOptions().ConnectionString)
        {
            check.Fail(nameof(options.ConnectionString), null, "is still that of SQLite: write Host=…;Database=…;Username=…;Password=… or postgres://user:password@host/database.");
            return;
        }

        try
        {
            DbConnectionStringBuilder builder = postgres ? new NpgsqlConnectionStringBuilder(options.ConnectionString) : new SqliteConnectionStringBuilder(options.ConnectionString);
            if (builder is NpgsqlConnectionStringBuilder { Host: null or "" } or SqliteConnectionStringBuilder { DataSource: "" })
            {
                check.Fail(nameof(options.ConnectionString), ConfigurationProblem.HiddenValue, postgres ? "names no Host." : "names no Data Source.");
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            // The exception's text is not passed on: it may hold parts of the password.
            check.Fail(nameof(options.ConnectionString), ConfigurationProblem.HiddenValue, postgres
                ? "is no connection string of PostgreSQL: write Host=…;Database=…;Username=…;Password=…"
                : "is no connection string of SQLite: write Data Source=data/llmproxy.db, or set Storage:Provider to postgres.");
        }
    }

    private static void Cleanup(CleanupOptions options, Check check)
    {
        check.Time(nameof(options.Every), options.Every);
        check.NotNegative(nameof(options.OlderThanDays), options.OlderThanDays);
        check.Share(nameof(options.MaxQuality), options.MaxQuality);
    }

    private static void Prices(IReadOnlyList<ModelPrice> prices, Check check)
    {
        for (var i = 0; i < prices.Count; i++)
        {
            var at = check.At(i);
            at.NotEmpty(nameof(ModelPrice.Pattern), prices[i].Pattern, "write a model's name; * stands for any characters.");
            at.Price(nameof(ModelPrice.Input), prices[i].Input);
            at.Price(nameof(ModelPrice.Output), prices[i].Output);
            at.Price(nameof(ModelPrice.CacheRead), prices[i].CacheRead);
            at.Price(nameof(ModelPrice.CacheWrite), prices[i].CacheWrite);
        }
    }

    private static void Models(IReadOnlyList<ModelProvider> models, Check check)
    {
        for (var i = 0; i < models.Count; i++)
        {
            check.At(i).NotEmpty(nameof(ModelProvider.Pattern), models[i].Pattern, "write a model's name; * stands for any characters.");
            check.At(i).Word(nameof(ModelProvider.Provider), models[i].Provider, [.. ProviderNames]);
        }
    }

    private static void Upstream(UpstreamOptions options, Check check)
    {
        check.NotNegative(nameof(options.Retries), options.Retries);
        foreach (var status in options.RetryStatuses)
        {
            check.Ensure(status is >= 400 and < 600, nameof(options.RetryStatuses), status, "write HTTP statuses from 400 to 599, such as 429, 502, 503, 529.");
        }

        check.Ensure(options.BreakAfter is 0 or >= 2, nameof(options.BreakAfter), options.BreakAfter, "write 0 for never, or 2 and more.");
        check.Ensure(options.BreakFor >= TimeSpan.FromMilliseconds(500) && options.BreakFor <= TimeSpan.FromDays(1), nameof(options.BreakFor), options.BreakFor, "write a time from 500ms to 1d.");
        check.Time(nameof(options.ActivityTimeout), options.ActivityTimeout);
        check.Time(nameof(options.FirstByteTimeout), options.FirstByteTimeout);
        check.Time(nameof(options.TotalTimeout), options.TotalTimeout);
    }

    private static void Limits(LimitOptions options, Check check)
    {
        check.Positive(nameof(options.MaxRequestBytes), options.MaxRequestBytes ?? 1);
        check.Ensure(options.MaxHeaderBytes is >= 1024 and <= 1 << 20, nameof(options.MaxHeaderBytes), options.MaxHeaderBytes, "write a size from 1KiB to 1MiB.");
        check.Positive(nameof(options.MaxStreamsPerKey), options.MaxStreamsPerKey ?? 1);
    }

    private static void Keys(IReadOnlyList<AuthKey> keys, Check check)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var digests = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < keys.Count; i++)
        {
            var (key, at) = (keys[i], check.At(i));
            at.NotEmpty(nameof(key.Name), key.Name, "give the key a name for the logs.");
            if (key.Name.Length > 0 && !names.Add(key.Name))
            {
                at.Fail(nameof(key.Name), key.Name, "is the name of another key, too: give each its own.");
            }

            if (key.Sha256 is null == key.Env is null)
            {
                at.Fail(nameof(key.Sha256), null, key.Env is null
                    ? "or Env is missing: \"llmproxy keys create\" prints an entry."
                    : "and Env are both given: keep one of them.");
            }

            // A value of the wrong shape may be the key itself.
            if (key.Sha256 is { } digest && (digest.Length != 64 || !digest.All(char.IsAsciiHexDigit)))
            {
                at.Fail(nameof(key.Sha256), ConfigurationProblem.HiddenValue, "is no SHA-256: write its 64 hexadecimal digits (printf %s KEY | sha256sum), not the key itself.");
            }
            else if (key.Sha256 is not null && !digests.Add(key.Sha256))
            {
                at.Fail(nameof(key.Sha256), ConfigurationProblem.HiddenValue, "is the digest of another key, too: remove one of them.");
            }
        }
    }

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    /// <summary>The rules' own words, in one place.</summary>
    private sealed class Check(string section, ICollection<ConfigurationProblem> problems)
    {
        public Check At(int index) => Below(Text(index));

        public Check Below(string name) => new($"{section}:{name}", problems);

        public void Fail(string key, string? value, string fix) => problems.Add(new($"{OptionsReader.SectionName}:{section}:{key}", value, fix));

        public void Share(string key, double value) => Ensure(value is >= 0 and <= 1, key, value, "write a number from 0 to 1.");

        public void Positive(string key, long value) => Ensure(value > 0, key, value, "write a number above 0.");

        public void NotNegative(string key, long value) => Ensure(value >= 0, key, value, "write 0 or more.");

        public void Price(string key, decimal value) => Ensure(value >= 0, key, value, "write a price of 0 or more, in USD per million tokens.");

        public void Time(string key, TimeSpan? value, bool zero = false)
        {
            if (value is { } time && (time < TimeSpan.Zero || (time == TimeSpan.Zero && !zero) || time > LongestTime))
            {
                Fail(key, time.ToString("c", CultureInfo.InvariantCulture), zero ? "write a time from 0s to 21d." : "write a time above 0s and up to 21d.");
            }
        }

        public void NotEmpty(string key, string value, string fix)
        {
            if (string.IsNullOrWhiteSpace(value))
            {
                Fail(key, null, "is missing: " + fix);
            }
        }

        public void Word(string key, string value, params string[] words)
        {
            if (!words.Contains(value, StringComparer.OrdinalIgnoreCase))
            {
                Fail(key, value, Suggestion.For(value, words) is var hint && hint.StartsWith("use", StringComparison.Ordinal) ? hint : $"{hint} (One of {string.Join(", ", words)}.)");
            }
        }

        public void Providers(string key, IReadOnlyList<string> values)
        {
            foreach (var value in values)
            {
                Word(key, value, [.. ProviderNames]);
            }
        }

        public void Address(string key, string? value, string example)
        {
            // The address may hold a password, so it is shown without what stands before an @.
            if (value is not null && !(Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
            {
                Fail(key, value[(value.LastIndexOf('@') + 1)..], $"write an address such as {example}.");
            }
        }

        public void Expressions(string key, IReadOnlyList<string> patterns)
        {
            for (var i = 0; i < patterns.Count; i++)
            {
                Expression($"{key}:{Text(i)}", patterns[i]);
            }
        }

        public void Expression(string key, string pattern)
        {
            try
            {
                _ = RuleRegex.Create(pattern);
            }
            catch (RegexParseException exception)
            {
                Fail(key, pattern, $"is no regular expression of .NET ({exception.Error} at {Text(exception.Offset)}).");
            }
        }

        public void Ensure(bool holds, string key, IFormattable value, string fix)
        {
            if (!holds)
            {
                Fail(key, Text(value), fix);
            }
        }
    }
}
