using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Primitives;

namespace LlmProxy.Core.Configuration;

/// <summary>
/// Reads section <c>LlmProxy</c>. Not by the framework's binder, which appends to a list's defaults, merges lists by index,
/// takes the time "5" for five days and throws on <c>off</c>.
/// </summary>
/// <remarks>
/// Sources, lowest first: <see cref="BuiltInConfigurationSource"/>, <c>proxy.json</c>, <see cref="SeedAliasSource"/>, environment variables,
/// command line. The first is added here when it is missing; so are the aliases, which then rank just above it.
/// </remarks>
public static class OptionsReader
{
    /// <summary>The section's name.</summary>
    public const string SectionName = "LlmProxy";

    /// <summary>Reads all settings; what cannot be read is added to the problems and keeps its default.</summary>
    /// <param name="configuration">All sources.</param>
    /// <param name="environment">The environment variables, for aliases where the configuration has no <see cref="SeedAliasSource"/>.</param>
    /// <param name="problems">Takes what is wrong. See also <see cref="OptionsValidator"/>.</param>
    public static LlmProxyOptions Read(IConfiguration configuration, IReadOnlyDictionary<string, string?> environment, ICollection<ConfigurationProblem> problems)
    {
        var reader = new SectionReader(new ConfigurationNode(Layers(configuration, environment), SectionName), problems);
        var options = new LlmProxyOptions
        {
            Recording = reader.Section(nameof(LlmProxyOptions.Recording), Recording),
            Tasks = reader.Section(nameof(LlmProxyOptions.Tasks), Tasks),
            FewShot = reader.Section(nameof(LlmProxyOptions.FewShot), FewShot),
            Quality = reader.Section(nameof(LlmProxyOptions.Quality), Quality),
            Prompts = reader.Section(nameof(LlmProxyOptions.Prompts), Prompts),
            Embeddings = reader.Section(nameof(LlmProxyOptions.Embeddings), Embeddings),
            Storage = reader.Section(nameof(LlmProxyOptions.Storage), Storage),
            Experiments = reader.Section(nameof(LlmProxyOptions.Experiments), Experiments),
            Cleanup = reader.Section(nameof(LlmProxyOptions.Cleanup), Cleanup),
            Prices = reader.Items(nameof(LlmProxyOptions.Prices), Price),
            Models = reader.Items(nameof(LlmProxyOptions.Models), Model),
            Upstreams = reader.Map(nameof(LlmProxyOptions.Upstreams), Upstream),
            Limits = reader.Section(nameof(LlmProxyOptions.Limits), Limits),
            Auth = reader.Section(nameof(LlmProxyOptions.Auth), Auth),
            Export = reader.Section(nameof(LlmProxyOptions.Export), Export),
            Telemetry = reader.Section(nameof(LlmProxyOptions.Telemetry), Telemetry),
        };
        reader.ReportUnknown();
        return options;
    }

    private static List<IConfigurationProvider> Layers(IConfiguration configuration, IReadOnlyDictionary<string, string?> environment)
    {
        List<IConfigurationProvider> layers = configuration is IConfigurationRoot root ? [.. root.Providers.Reverse()] : [new WholeConfiguration(configuration)];
        if (!layers.Exists(layer => layer is SeedAliasProvider))
        {
            var builtIn = layers.FindIndex(layer => layer is BuiltInConfigurationProvider);
            layers.Insert(builtIn < 0 ? layers.Count : builtIn, SeedAliasSource.Provider(environment));
        }

        if (!layers.Exists(layer => layer is BuiltInConfigurationProvider))
        {
            layers.Add(new BuiltInConfigurationProvider(BuiltInConfiguration.Values));
        }

        return layers;
    }

    private static RecordingOptions Recording(SectionReader reader)
    {
        var defaults = new RecordingOptions();
        return new RecordingOptions
        {
            Enabled = reader.Boolean(nameof(defaults.Enabled), defaults.Enabled),
            Providers = Providers(reader, nameof(defaults.Providers), defaults.Providers),
            Failures = reader.Boolean(nameof(defaults.Failures), defaults.Failures),
            MinDuration = reader.Duration(nameof(defaults.MinDuration), defaults.MinDuration),
            Redaction = Redaction(reader.At(nameof(defaults.Redaction))),
            MaxBodyBytes = reader.Bytes(nameof(defaults.MaxBodyBytes), defaults.MaxBodyBytes),
            MaxBufferedBytes = reader.Bytes(nameof(defaults.MaxBufferedBytes), defaults.MaxBufferedBytes),
            Spool = reader.Section(nameof(defaults.Spool), Spool),
            WebSockets = reader.Word(nameof(defaults.WebSockets), defaults.WebSockets),
        };
    }

    /// <summary>One value for the section switches it; the highest source that says either decides.</summary>
    private static RedactionOptions Redaction(SectionReader reader)
    {
        var enabled = new RedactionOptions().Enabled;
        var known = reader.Boolean(nameof(RedactionOptions.Enabled), enabled);
        foreach (var layer in reader.Node.Layers)
        {
            var node = reader.Node.In([layer]);
            if (node.Text() is { } word)
            {
                if (!ValueParser.TryBoolean(word, out enabled))
                {
                    reader.Complain(node, word, ValueParser.BooleanFix);
                    enabled = true;
                }

                break;
            }

            if (node.Child(nameof(RedactionOptions.Enabled)).TryGet(out _))
            {
                enabled = known;
                break;
            }
        }

        var options = new RedactionOptions { Enabled = enabled, Patterns = reader.Expressions(nameof(RedactionOptions.Patterns)) };
        reader.ReportUnknown();
        return options;
    }

    private static SpoolOptions Spool(SectionReader reader)
    {
        var defaults = new SpoolOptions();
        return new SpoolOptions
        {
            Directory = reader.Text(nameof(defaults.Directory), defaults.Directory),
            MaxBytes = reader.Bytes(nameof(defaults.MaxBytes), defaults.MaxBytes),
            Fsync = reader.Duration(nameof(defaults.Fsync), defaults.Fsync),
        };
    }

    private static TaskOptions Tasks(SectionReader reader)
    {
        var defaults = new TaskOptions();
        return new TaskOptions
        {
            Preset = reader.Word(nameof(defaults.Preset), defaults.Preset),
            Boundary = reader.Text(nameof(defaults.Boundary))?.ToLowerInvariant(),
            EndOfTurnGrace = reader.Duration(nameof(defaults.EndOfTurnGrace), defaults.EndOfTurnGrace),
            IdleTimeout = reader.Duration(nameof(defaults.IdleTimeout), defaults.IdleTimeout),
            IdleSuccess = reader.Word(nameof(defaults.IdleSuccess), defaults.IdleSuccess),
            Presets = reader.Map(nameof(defaults.Presets), Preset),
        };
    }

    private static TaskPreset Preset(SectionReader reader)
    {
        var defaults = new TaskPreset();
        return new TaskPreset
        {
            RecognizeHeaders = reader.ExpressionMap(nameof(defaults.RecognizeHeaders)),
            RecognizeSystem = reader.Expression(nameof(defaults.RecognizeSystem)),
            Boundary = reader.Word(nameof(defaults.Boundary), defaults.Boundary),
            SessionHeaders = reader.Names(nameof(defaults.SessionHeaders), defaults.SessionHeaders),
            SideCallSystem = reader.Expressions(nameof(defaults.SideCallSystem)),
            SideCallWithoutTools = reader.Boolean(nameof(defaults.SideCallWithoutTools), defaults.SideCallWithoutTools),
            TerminalTools = reader.Items(nameof(defaults.TerminalTools), Terminal),
            ErrorResults = reader.Expressions(nameof(defaults.ErrorResults)),
            GuardResults = reader.Expressions(nameof(defaults.GuardResults)),
            Interventions = reader.Expressions(nameof(defaults.Interventions)),
            ClickTools = reader.Names(nameof(defaults.ClickTools), defaults.ClickTools),
            ClickHits = reader.Expressions(nameof(defaults.ClickHits)),
            Boilerplate = reader.Expressions(nameof(defaults.Boilerplate)),
            FreeIterations = reader.OptionalInteger(nameof(defaults.FreeIterations)),
        };
    }

    private static TerminalTool Terminal(SectionReader reader)
    {
        var defaults = new TerminalTool();
        return new TerminalTool
        {
            Name = reader.Text(nameof(defaults.Name), defaults.Name),
            StatusProperty = reader.Text(nameof(defaults.StatusProperty), defaults.StatusProperty),
            Completed = reader.Names(nameof(defaults.Completed), defaults.Completed),
            Failed = reader.Names(nameof(defaults.Failed), defaults.Failed),
            NeedsHelp = reader.Names(nameof(defaults.NeedsHelp), defaults.NeedsHelp),
        };
    }

    private static FewShotOptions FewShot(SectionReader reader)
    {
        var defaults = new FewShotOptions();
        return new FewShotOptions
        {
            Enabled = reader.Boolean(nameof(defaults.Enabled), defaults.Enabled),
            Count = reader.Integer(nameof(defaults.Count), defaults.Count),
            SourceProviders = Providers(reader, nameof(defaults.SourceProviders), defaults.SourceProviders),
            MinSimilarity = reader.OptionalNumber(nameof(defaults.MinSimilarity)),
            MaxTokens = reader.Integer(nameof(defaults.MaxTokens), defaults.MaxTokens),
            MaxPromptShare = reader.Number(nameof(defaults.MaxPromptShare), defaults.MaxPromptShare),
            ToolMatch = reader.Word(nameof(defaults.ToolMatch), defaults.ToolMatch),
            Timeout = reader.OptionalDuration(nameof(defaults.Timeout)),
        };
    }

    private static QualityOptions Quality(SectionReader reader)
    {
        var defaults = new QualityOptions();
        return new QualityOptions
        {
            Threshold = reader.Number(nameof(defaults.Threshold), defaults.Threshold),
            FreeIterations = reader.OptionalInteger(nameof(defaults.FreeIterations)),
            InterventionPenalty = reader.Number(nameof(defaults.InterventionPenalty), defaults.InterventionPenalty),
            MaxInterventions = reader.Integer(nameof(defaults.MaxInterventions), defaults.MaxInterventions),
            ErrorRatePenalty = reader.Number(nameof(defaults.ErrorRatePenalty), defaults.ErrorRatePenalty),
            FreeErrorRate = reader.Number(nameof(defaults.FreeErrorRate), defaults.FreeErrorRate),
            ClickAccuracyPenalty = reader.Number(nameof(defaults.ClickAccuracyPenalty), defaults.ClickAccuracyPenalty),
            WantedClickAccuracy = reader.Number(nameof(defaults.WantedClickAccuracy), defaults.WantedClickAccuracy),
            IterationPenalty = reader.Number(nameof(defaults.IterationPenalty), defaults.IterationPenalty),
        };
    }

    private static PromptOptions Prompts(SectionReader reader)
    {
        var defaults = new PromptOptions();
        return new PromptOptions
        {
            Enabled = reader.Boolean(nameof(defaults.Enabled), defaults.Enabled),
            Directory = reader.Text(nameof(defaults.Directory), defaults.Directory),
            InsertBefore = reader.Text(nameof(defaults.InsertBefore), defaults.InsertBefore),
            ApplyTo = reader.Word(nameof(defaults.ApplyTo), defaults.ApplyTo),
            RewriteClaude = reader.Boolean(nameof(defaults.RewriteClaude), defaults.RewriteClaude),
        };
    }

    private static EmbeddingOptions Embeddings(SectionReader reader)
    {
        var defaults = new EmbeddingOptions();

        // Keys from the environment are for those who set none: a key in the file is a choice, a variable may be another program's.
        var aliasOrChosen = reader.Text(nameof(defaults.ApiKey));
        var chosen = reader.From(WithoutAliases(reader.Node)).Text(nameof(defaults.ApiKey));
        return new EmbeddingOptions
        {
            Provider = reader.Word(nameof(defaults.Provider), defaults.Provider),
            Model = reader.Text(nameof(defaults.Model), defaults.Model),
            Dimensions = reader.Integer(nameof(defaults.Dimensions), defaults.Dimensions),
            Endpoint = reader.Text(nameof(defaults.Endpoint)),
            ApiKey = chosen ?? aliasOrChosen,
        };
    }

    private static StorageOptions Storage(SectionReader reader)
    {
        var defaults = new StorageOptions();

        // Provider and connection string belong together: whoever sets one of them does not want the other from DATABASE_URL.
        var source = IsChosen(reader.Node, nameof(defaults.Provider)) || IsChosen(reader.Node, nameof(defaults.ConnectionString))
            ? reader.From(WithoutAliases(reader.Node))
            : reader;
        var options = new StorageOptions
        {
            Provider = source.Word(nameof(defaults.Provider), defaults.Provider),
            ConnectionString = source.Text(nameof(defaults.ConnectionString), defaults.ConnectionString),
        };
        _ = reader.Word(nameof(defaults.Provider), "");
        _ = reader.Text(nameof(defaults.ConnectionString));
        if (!DatabaseUrl.IsPostgres(options.ConnectionString))
        {
            return options;
        }

        if (DatabaseUrl.TryTranslate(options.ConnectionString, out var connectionString, out var fix))
        {
            return new StorageOptions { Provider = options.Provider, ConnectionString = connectionString };
        }

        reader.Complain(source.Node.Child(nameof(defaults.ConnectionString)), ConfigurationProblem.HiddenValue, fix);
        return defaults;
    }

    private static ExperimentOptions Experiments(SectionReader reader)
    {
        var defaults = new ExperimentOptions();
        return new ExperimentOptions
        {
            Enabled = reader.Boolean(nameof(defaults.Enabled), defaults.Enabled),
            Holdout = reader.Number(nameof(defaults.Holdout), defaults.Holdout),
            RetireHarmful = reader.Boolean(nameof(defaults.RetireHarmful), defaults.RetireHarmful),
        };
    }

    private static CleanupOptions Cleanup(SectionReader reader)
    {
        var defaults = new CleanupOptions();
        return new CleanupOptions
        {
            Every = reader.OptionalDuration(nameof(defaults.Every)),
            OlderThanDays = reader.Integer(nameof(defaults.OlderThanDays), defaults.OlderThanDays),
            MaxQuality = reader.Number(nameof(defaults.MaxQuality), defaults.MaxQuality),
        };
    }

    private static ModelPrice Price(SectionReader reader) => new(
        reader.Text(nameof(ModelPrice.Pattern), ""),
        reader.Money(nameof(ModelPrice.Input)),
        reader.Money(nameof(ModelPrice.Output)),
        reader.Money(nameof(ModelPrice.CacheRead)),
        reader.Money(nameof(ModelPrice.CacheWrite)));

    private static ModelProvider Model(SectionReader reader) =>
        new(reader.Text(nameof(ModelProvider.Pattern), ""), Provider(reader.Text(nameof(ModelProvider.Provider), "")));

    private static UpstreamOptions Upstream(SectionReader reader)
    {
        var defaults = new UpstreamOptions();
        return new UpstreamOptions
        {
            ApiKeyEnv = reader.Text(nameof(defaults.ApiKeyEnv)),
            Retries = reader.Integer(nameof(defaults.Retries), defaults.Retries),
            RetryStatuses = reader.Integers(nameof(defaults.RetryStatuses), defaults.RetryStatuses),
            BreakAfter = reader.Integer(nameof(defaults.BreakAfter), defaults.BreakAfter),
            BreakFor = reader.Duration(nameof(defaults.BreakFor), defaults.BreakFor),
            ActivityTimeout = reader.Duration(nameof(defaults.ActivityTimeout), defaults.ActivityTimeout),
            FirstByteTimeout = reader.Duration(nameof(defaults.FirstByteTimeout), defaults.FirstByteTimeout),
            TotalTimeout = reader.OptionalDuration(nameof(defaults.TotalTimeout)),
        };
    }

    private static LimitOptions Limits(SectionReader reader) => new()
    {
        MaxRequestBytes = reader.OptionalBytes(nameof(LimitOptions.MaxRequestBytes)),
        MaxHeaderBytes = reader.Bytes(nameof(LimitOptions.MaxHeaderBytes), new LimitOptions().MaxHeaderBytes),
        MaxStreamsPerKey = reader.OptionalInteger(nameof(LimitOptions.MaxStreamsPerKey)),
    };

    private static AuthOptions Auth(SectionReader reader)
    {
        var defaults = new AuthOptions();
        return new AuthOptions
        {
            Keys = reader.Items(nameof(defaults.Keys), Key),
            SharedTenant = reader.Boolean(nameof(defaults.SharedTenant), defaults.SharedTenant),
        };
    }

    private static AuthKey Key(SectionReader reader)
    {
        var defaults = new AuthKey();
        return new AuthKey
        {
            Name = reader.Text(nameof(defaults.Name), defaults.Name),
            Tenant = reader.Text(nameof(defaults.Tenant), defaults.Tenant),
            Sha256 = reader.Text(nameof(defaults.Sha256))?.ToLowerInvariant(),
            Env = reader.Text(nameof(defaults.Env)),
            Admin = reader.Boolean(nameof(defaults.Admin), defaults.Admin),
        };
    }

    private static ExportOptions Export(SectionReader reader) => new()
    {
        AllowProviders = Providers(reader, nameof(ExportOptions.AllowProviders), new ExportOptions().AllowProviders),
    };

    private static TelemetryOptions Telemetry(SectionReader reader)
    {
        var defaults = new TelemetryOptions();
        return new TelemetryOptions
        {
            Otlp = reader.TextOrOff(nameof(defaults.Otlp)),
            Propagate = reader.Boolean(nameof(defaults.Propagate), defaults.Propagate),
            CaptureContent = reader.Boolean(nameof(defaults.CaptureContent), defaults.CaptureContent),
            Prometheus = reader.Boolean(nameof(defaults.Prometheus), defaults.Prometheus),
        };
    }

    private static List<string> Providers(SectionReader reader, string name, IReadOnlyList<string> fallback) =>
        [.. reader.Names(name, fallback).Select(Provider).Distinct(StringComparer.Ordinal)];

    /// <summary>Bytebot's own name for Gemini is understood, so that its lists of providers can be taken over as they are.</summary>
    private static string Provider(string name) => name.ToLowerInvariant() is "google" ? "gemini" : name.ToLowerInvariant();

    private static ConfigurationNode WithoutAliases(ConfigurationNode node) => node.In([.. node.Layers.Where(layer => layer is not SeedAliasProvider)]);

    /// <summary>Whether somebody set the key: in a source above the aliases in any way, below them by another value than the shipped one (<c>init</c> writes a copy of that).</summary>
    private static bool IsChosen(ConfigurationNode section, string name)
    {
        var path = section.Child(name).Path;
        var above = true;
        foreach (var layer in section.Layers)
        {
            if (layer is SeedAliasProvider)
            {
                above = false;
            }
            else if (layer is not BuiltInConfigurationProvider && layer.TryGet(path, out var value) && value is { Length: > 0 }
                && (above || !string.Equals(value, BuiltInConfiguration.Values.GetValueOrDefault(path), StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A configuration that does not show its sources, as one source.</summary>
    private sealed class WholeConfiguration(IConfiguration configuration) : IConfigurationProvider
    {
        public bool TryGet(string key, out string? value)
        {
            value = configuration[key];
            return value is not null;
        }

        public void Set(string key, string? value) => configuration[key] = value;

        public IChangeToken GetReloadToken() => configuration.GetReloadToken();

        public void Load()
        {
        }

        public IEnumerable<string> GetChildKeys(IEnumerable<string> earlierKeys, string? parentPath) =>
            (parentPath is null ? configuration : configuration.GetSection(parentPath)).GetChildren().Select(child => child.Key).Concat(earlierKeys);
    }
}
