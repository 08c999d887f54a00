using Microsoft.Extensions.Configuration;

namespace LlmProxy.Core.Configuration;

/// <summary>Reads connection strings as the drivers do; given by the stores, so that settings need no driver.</summary>
/// <param name="provider">Whose connection string it is.</param>
/// <param name="text">The setting.</param>
/// <param name="connectionString">The connection string in the driver's own form.</param>
/// <returns>What is wrong, without any part of the text; null if it can be used.</returns>
public delegate string? ConnectionStringReader(StoreProvider provider, string text, out string connectionString);

/// <summary>
/// Reads and checks section <c>LlmProxy</c>, as the options classes declare it. The framework's binder is not used: it appends to
/// a list's defaults, merges lists by index, takes the time "5" for five days and throws on <c>off</c>.
/// </summary>
/// <remarks>
/// Sources, lowest first: <see cref="BuiltInConfigurationSource"/>, <c>proxy.json</c>, <see cref="BytebotAliasSource"/>, environment variables,
/// command line. The first is added here if it is missing; so are the aliases, which then rank just above it.
/// </remarks>
public static class OptionsReader
{
    /// <summary>The section's name.</summary>
    public const string SectionName = "LlmProxy";

    /// <summary>Reads and checks all settings; what cannot be read keeps its default.</summary>
    /// <param name="configuration">All sources.</param>
    /// <param name="environment">The environment variables, for aliases if the configuration has no <see cref="BytebotAliasSource"/>.</param>
    /// <param name="connectionStrings">Reads connection strings; null to leave that to the store.</param>
    /// <param name="problems">Takes everything that is wrong. What depends on the environment is left to <see cref="OptionsValidator"/>.</param>
    public static LlmProxyOptions Read(
        IConfiguration configuration,
        IReadOnlyDictionary<string, string?> environment,
        ConnectionStringReader? connectionStrings,
        ICollection<ConfigurationProblem> problems)
    {
        var root = new ConfigurationNode(Layers(configuration, environment), SectionName);
        var options = (LlmProxyOptions)new SectionReader(problems).Read(typeof(LlmProxyOptions), root);
        OptionsValidator.Validate(options, problems);
        ReadConnectionString(options.Storage, root.Child("Storage:ConnectionString"), connectionStrings, problems);
        return options;
    }

    private static List<IConfigurationProvider> Layers(IConfiguration configuration, IReadOnlyDictionary<string, string?> environment)
    {
        List<IConfigurationProvider> layers = configuration is IConfigurationRoot root
            ? [.. root.Providers.Reverse()]
            : [new ChainedConfigurationProvider(new ChainedConfigurationSource { Configuration = configuration })];
        var builtIn = layers.OfType<BuiltInConfigurationProvider>().FirstOrDefault();
        if (builtIn is null)
        {
            builtIn = new BuiltInConfigurationProvider(withReverseProxy: false);
            builtIn.Load();
            layers.Add(builtIn);
        }

        var place = layers.FindIndex(layer => layer is BytebotAliasProvider);
        if (place < 0)
        {
            place = layers.IndexOf(builtIn);
            layers.Insert(place, BytebotAliasSource.Provider(environment));
        }

        // Provider and connection string belong together: a source that sets one of them does not want the other from DATABASE_URL.
        // A key for embeddings in a file is a choice, while a variable may be another program's.
        string[][] groups = [["Storage:Provider", "Storage:ConnectionString"], ["Embeddings:ApiKey"]];
        foreach (var paths in groups.Select(keys => keys.Select(key => ConfigurationPath.Combine(SectionName, key)).ToArray()).Where(paths => paths.Any(IsChosen)))
        {
            layers[place] = paths.Aggregate((BytebotAliasProvider)layers[place], (aliases, path) => aliases.Without(path));
        }

        return layers;

        // Above the aliases any value is chosen; below them only one that is not the shipped one, since "init" writes a copy of that.
        bool IsChosen(string path) => layers.Index().Any(layer => layer.Item is not BytebotAliasProvider and not BuiltInConfigurationProvider
            && layer.Item.TryGet(path, out var value) && value is { Length: > 0 }
            && (layer.Index < place || !builtIn.TryGet(path, out var shipped) || !value.Equals(shipped, StringComparison.OrdinalIgnoreCase)));
    }

    private static void ReadConnectionString(StorageOptions storage, ConfigurationNode node, ConnectionStringReader? connectionStrings, ICollection<ConfigurationProblem> problems)
    {
        if (storage.Provider == StoreProvider.Postgres && storage.ConnectionString == new StorageOptions().ConnectionString)
        {
            problems.Add(new(node.Path, null, "is still that of SQLite: write Host=…;Database=…;Username=…;Password=… or postgres://user:password@host/database."));
        }
        else if (connectionStrings is not null)
        {
            if (connectionStrings(storage.Provider, storage.ConnectionString, out var connectionString) is { } fix)
            {
                problems.Add(new(node.Origin, ConfigurationProblem.HiddenValue, fix));
            }

            Setting.Of(typeof(StorageOptions)).Single(setting => setting.Name == nameof(storage.ConnectionString)).Property.SetValue(storage, connectionString);
        }
    }
}
