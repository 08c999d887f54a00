using Microsoft.Extensions.Configuration;

namespace LlmProxy.Core.Configuration;

/// <summary>A key and the sources that may hold it, highest first. Unlike a section of <c>IConfiguration</c> it knows which source a value comes from.</summary>
internal sealed class ConfigurationNode(IReadOnlyList<IConfigurationProvider> layers, string path)
{
    public IReadOnlyList<IConfigurationProvider> Layers { get; } = layers;

    public string Path { get; } = path;

    /// <summary>The key as its author wrote it: an alias is named by its environment variable.</summary>
    public string Origin => Layers.FirstOrDefault(layer => layer.TryGet(Path, out _)) is BytebotAliasProvider aliases ? aliases.Origin(Path) : Path;

    public ConfigurationNode Child(string name) => new(Layers, ConfigurationPath.Combine(Path, name));

    public ConfigurationNode In(IConfigurationProvider layer) => new([layer], Path);

    /// <summary>False if no source holds the key itself.</summary>
    public bool TryGet(out string? value)
    {
        foreach (var layer in Layers)
        {
            if (layer.TryGet(Path, out value))
            {
                return true;
            }
        }

        value = null;
        return false;
    }

    /// <summary>The value without surrounding blanks, unless it is missing, null or empty.</summary>
    public string? Text() => TryGet(out var value) && value?.Trim() is { Length: > 0 } text ? text : null;

    /// <summary>Whether some source has a list or section here, and no value.</summary>
    public bool IsOnlyParent() => Layers.Any(layer => !layer.TryGet(Path, out _) && layer.GetChildKeys([], Path).Any());

    public IReadOnlyList<string> ChildNames() =>
        [.. Layers.SelectMany(layer => layer.GetChildKeys([], Path)).Distinct(StringComparer.OrdinalIgnoreCase).Order(ConfigurationKeyComparer.Instance)];

    /// <summary>The same key in the highest source that holds it or anything below it, or null. Lists are read from here, so that a list replaces a list.</summary>
    public ConfigurationNode? Highest() =>
        Layers.FirstOrDefault(layer => layer.TryGet(Path, out _) || layer.GetChildKeys([], Path).Any()) is { } highest ? In(highest) : null;
}
