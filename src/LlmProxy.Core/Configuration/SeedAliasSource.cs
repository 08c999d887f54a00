using Microsoft.Extensions.Configuration;

namespace LlmProxy.Core.Configuration;

/// <summary>
/// Environment variables of Bytebot that work as aliases of <c>LlmProxy</c> settings, as a configuration source. It belongs above
/// <c>proxy.json</c> and below the environment and the command line. Two of them only fill what nobody set: <c>DATABASE_URL</c>
/// and the keys for embeddings (see <see cref="OptionsReader"/>).
/// </summary>
/// <param name="environment">The environment variables.</param>
public sealed class SeedAliasSource(IReadOnlyDictionary<string, string?> environment) : IConfigurationSource
{
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
    ];

    private const string MinDuration = "BYTEBOT_RECORD_MIN_DURATION";

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => Provider(environment);

    internal static SeedAliasProvider Provider(IReadOnlyDictionary<string, string?> environment)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var origins = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (alias, key) in Aliases)
        {
            // An empty variable is how compose files write "not set".
            if (environment.TryGetValue(alias, out var text) && text?.Trim() is { Length: > 0 } value)
            {
                // This one alias is in seconds. Anything but a number goes on as it is: a time with a unit is understood, the rest is a problem.
                Add(alias, key, alias == MinDuration && ValueParser.TryNumber(value, out _) ? value + "s" : value);
            }
        }

        // The name is everybody's: a URL of another database is another program's business.
        if (environment.TryGetValue(DatabaseUrl.Variable, out var url) && url is not null && DatabaseUrl.IsPostgres(url))
        {
            Add(DatabaseUrl.Variable, "Storage:Provider", "postgres");
            Add(DatabaseUrl.Variable, "Storage:ConnectionString", url.Trim());
        }

        return new SeedAliasProvider(values, origins);

        void Add(string alias, string key, string value)
        {
            var path = ConfigurationPath.Combine(OptionsReader.SectionName, key);
            values[path] = value;
            origins[path] = alias;
        }
    }
}

/// <summary>Known by its type to the reader, and knows which variable a value came from.</summary>
internal sealed class SeedAliasProvider(IReadOnlyDictionary<string, string?> values, IReadOnlyDictionary<string, string> origins) : FixedConfigurationProvider(values)
{
    public string? Origin(string path) => origins.GetValueOrDefault(path);
}
