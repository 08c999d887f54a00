using System.Globalization;

namespace LlmProxy.Core.Configuration;

/// <summary>The rules between settings. Rules of a single setting are part of its declaration.</summary>
public static class OptionsValidator
{
    /// <summary>Checks what the settings need of this machine's environment. For the server: other verbs work without it.</summary>
    public static void ValidateEnvironment(LlmProxyOptions options, IReadOnlyDictionary<string, string?> environment, ICollection<ConfigurationProblem> problems)
    {
        var variables = options.Upstreams.Select(pair => ($"Upstreams:{pair.Key}:{nameof(UpstreamOptions.ApiKeyEnv)}", pair.Value.ApiKeyEnv))
            .Append(($"Judge:{nameof(JudgeOptions.ApiKeyEnv)}", options.Judge.Enabled ? options.Judge.ApiKeyEnv : null))
            .Concat(options.Auth.Keys.Select((key, index) => ($"Auth:Keys:{index}:{nameof(AuthKey.Env)}", key.Env)));
        foreach (var (key, variable) in variables)
        {
            if (variable is not null && string.IsNullOrWhiteSpace(environment.GetValueOrDefault(variable)))
            {
                Add(problems, key, variable, "this environment variable is not set: set it, or remove the entry.");
            }
        }

        if (options.Embeddings is { Provider: EmbeddingProvider.OpenAi, ApiKey: null, Endpoint: null })
        {
            Add(problems, "Embeddings:Provider", "openai", "needs a key: set BYTEBOT_EMBEDDING_API_KEY or OPENAI_API_KEY, or write auto or lexical here.");
        }

        if (options.Embeddings.Provider == EmbeddingProvider.Local && !LocalEmbedderPackage.IsInstalled)
        {
            Add(problems, "Embeddings:Provider", "local", "needs the package LlmProxy.Embeddings.Local: " + LocalEmbedderPackage.HowToAdd);
        }
    }

    internal static void Validate(LlmProxyOptions options, ICollection<ConfigurationProblem> problems)
    {
        var recording = options.Recording;
        if (recording.MaxBufferedBytes > 0 && recording.MaxBufferedBytes < recording.MaxBodyBytes)
        {
            Add(problems, "Recording:MaxBufferedBytes", Text(recording.MaxBufferedBytes), $"is less than MaxBodyBytes ({Text(recording.MaxBodyBytes)}), which is for one body: make it larger.");
        }

        string[] presets = ["auto", .. options.Tasks.Presets.Keys];
        if (!presets.Contains(options.Tasks.Preset, StringComparer.OrdinalIgnoreCase))
        {
            Add(problems, "Tasks:Preset", options.Tasks.Preset, Setting.WordFix(options.Tasks.Preset, presets));
        }

        foreach (var (cluster, upstream) in options.Upstreams.Where(pair => pair.Value.BreakAfter == 1))
        {
            Add(problems, $"Upstreams:{cluster}:{nameof(upstream.BreakAfter)}", Text(upstream.BreakAfter), "write 0 for never, or 2 and more.");
        }

        ValidateJudge(options, problems);
        ValidateKeys(options.Auth.Keys, problems);
    }

    private static void ValidateJudge(LlmProxyOptions options, ICollection<ConfigurationProblem> problems)
    {
        var judge = options.Judge;
        if (!judge.Enabled)
        {
            return;
        }

        if (string.IsNullOrWhiteSpace(judge.Model))
        {
            Add(problems, "Judge:Model", judge.Model, "is missing: write the model that judges, or set Judge:Enabled to false.");
        }
        else if (!options.Prices.Any(price => ModelPatterns.Matches(price.Pattern, judge.Model)))
        {
            Add(problems, "Judge:Model", judge.Model, "has no price, so Judge:MaxUsdPerDay cannot hold: add an entry to Prices (0 for a model of your own).");
        }

        if (judge is { Endpoint: null, ApiKeyEnv: null })
        {
            Add(problems, "Judge:ApiKeyEnv", null, "is missing: write the environment variable with the key of the model's provider, or give Judge:Endpoint.");
        }
    }

    private static void ValidateKeys(IReadOnlyList<AuthKey> keys, ICollection<ConfigurationProblem> problems)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var digests = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (index, key) in keys.Index())
        {
            var path = $"Auth:Keys:{Text(index)}:";
            if (key.Name.Length > 0 && !names.Add(key.Name))
            {
                Add(problems, path + nameof(key.Name), key.Name, "is the name of another key, too: give each its own.");
            }

            if (key.Sha256 is null == key.Env is null)
            {
                Add(problems, path + nameof(key.Sha256), null, key.Env is null
                    ? "or Env is missing: \"llmproxy keys create\" prints an entry."
                    : "and Env are both given: keep one of them.");
            }

            if (key.Sha256 is not null && !digests.Add(key.Sha256))
            {
                Add(problems, path + nameof(key.Sha256), ConfigurationProblem.HiddenValue, "is the digest of another key, too: remove one of them.");
            }
        }
    }

    private static void Add(ICollection<ConfigurationProblem> problems, string key, string? value, string fix) =>
        problems.Add(new($"{OptionsReader.SectionName}:{key}", value, fix));

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
