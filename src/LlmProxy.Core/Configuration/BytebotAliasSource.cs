using Microsoft.Extensions.Configuration;

namespace LlmProxy.Core.Configuration;

/// <summary>
/// Environment variables of Bytebot that work as aliases of <c>LlmProxy</c> settings, as a configuration source. It belongs above
/// <c>proxy.json</c> and below the environment and the command line. <c>DATABASE_URL</c> and the keys for embeddings only apply
/// if no other source sets what they set (see <see cref="OptionsReader"/>).
/// </summary>
/// <param name="environment">The environment variables.</param>
public sealed class BytebotAliasSource(IReadOnlyDictionary<string, string?> environment) : IConfigurationSource
{
    private const string MinDuration = "BYTEBOT_RECORD_MIN_DURATION";
    private const string DatabaseUrl = "DATABASE_URL";

    private static readonly (string Alias, string Key)[] Aliases =
    [
        ("BYTEBOT_RECORD_TRAJECTORIES", "Recording:Enabled"),
        ("BYTEBOT_RECORD_MODEL_PROVIDERS", "Recording:Providers"),
        ("BYTEBOT_RECORD_FAILURES", "Recording:Failures"),
        (MinDuration, "Recording:MinDuration"),
        ("BYTEBOT_USE_FEW_SHOT", "FewShot:Enabled"),
        ("BYTEBOT_FEW_SHOT_COUNT", "FewShot:Count"),
        ("BYTEBOT_FEW_SHOT_SIMILARITY", "FewShot:MinSimilarity"),
        ("BYTEBOT_FEW_SHOT_SOURCE_PROVIDERS", "FewShot:SourceProviders"),
        ("BYTEBOT_TRAJECTORY_QUALITY_THRESHOLD", "Quality:Threshold"),
        ("BYTEBOT_USE_MODEL_SPECIFIC_PROMPTS", "Prompts:Enabled"),
        ("OPENAI_API_KEY", "Embeddings:ApiKey"),
        ("BYTEBOT_EMBEDDING_API_KEY", "Embeddings:ApiKey"), // after OPENAI_API_KEY: the special one wins
        (DatabaseUrl, "Storage:ConnectionString"),
    ];

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => Provider(environment);

    internal static BytebotAliasProvider Provider(IReadOnlyDictionary<string, string?> environment)
    {
        var values = new Dictionary<string, (string Alias, string Value)>(StringComparer.OrdinalIgnoreCase);
        foreach (var (alias, key) in Aliases)
        {
            // Compose files write an empty variable for "not set". DATABASE_URL may be another program's: only PostgreSQL's is used.
            if (environment.GetValueOrDefault(alias)?.Trim() is not { Length: > 0 } value
                || (alias == DatabaseUrl && !value.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase) && !value.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase)))
            {
                continue;
            }

            // This one alias is in seconds. A time with a unit is understood, too.
            values[Path(key)] = (alias, alias == MinDuration && ValueParser.Number(value) is not null ? value + "s" : value);
            if (alias == DatabaseUrl)
            {
                values[Path("Storage:Provider")] = (alias, StoreProvider.Postgres.Word());
            }
        }

        return new BytebotAliasProvider(values);
    }

    private static string Path(string key) => ConfigurationPath.Combine(OptionsReader.SectionName, key);
}

/// <summary>Known by its type to the reader, and knows which variable a value came from.</summary>
internal sealed class BytebotAliasProvider : ConfigurationProvider
{
    private readonly IReadOnlyDictionary<string, (string Alias, string Value)> _values;

    public BytebotAliasProvider(IReadOnlyDictionary<string, (string Alias, string Value)> values)
    {
        _values = values;
        Data = values.ToDictionary(pair => pair.Key, string? (pair) => pair.Value.Value, StringComparer.OrdinalIgnoreCase);
    }

    public string Origin(string path) => _values[path].Alias;

    public BytebotAliasProvider Without(string prefix) =>
        new(_values.Where(pair => !pair.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)).ToDictionary(StringComparer.OrdinalIgnoreCase));
}
