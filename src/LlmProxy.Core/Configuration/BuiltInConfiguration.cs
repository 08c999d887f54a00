using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Core.Configuration;

/// <summary>The shipped <c>proxy.json</c> and its schema, as this assembly carries them. What holds without any file is read from here, so there is one truth.</summary>
public static class BuiltInConfiguration
{
    private static readonly Lazy<string> LazyJson = new(() => Resource("proxy.json"));
    private static readonly Lazy<string> LazySchema = new(() => Resource("proxy.schema.json"));
    private static readonly Lazy<IReadOnlyDictionary<string, string?>> LazyValues = new(() => Flatten(Json));

    /// <summary>Text of the shipped <c>proxy.json</c>.</summary>
    public static string Json => LazyJson.Value;

    /// <summary>Text of the shipped <c>proxy.schema.json</c>.</summary>
    public static string SchemaJson => LazySchema.Value;

    /// <summary>The shipped file as configuration keys and values.</summary>
    internal static IReadOnlyDictionary<string, string?> Values => LazyValues.Value;

    internal static Dictionary<string, string?> Flatten(string json)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        using var document = JsonDocument.Parse(json);
        Add(document.RootElement, "");
        return values;

        void Add(JsonElement element, string path)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object when element.EnumerateObject().Any():
                    foreach (var property in element.EnumerateObject())
                    {
                        Add(property.Value, path.Length == 0 ? property.Name : ConfigurationPath.Combine(path, property.Name));
                    }

                    break;
                case JsonValueKind.Array when element.GetArrayLength() > 0:
                    var index = 0;
                    foreach (var item in element.EnumerateArray())
                    {
                        Add(item, ConfigurationPath.Combine(path, index++.ToString(System.Globalization.CultureInfo.InvariantCulture)));
                    }

                    break;
                case JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.Null:
                    values[path] = null;
                    break;
                default:
                    values[path] = element.ToString(); // "True" and "False", as the framework's own reader writes them
                    break;
            }
        }
    }

    private static string Resource(string name)
    {
        using var stream = typeof(BuiltInConfiguration).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

/// <summary>
/// The shipped <c>proxy.json</c> as the lowest configuration source. The section <c>ReverseProxy</c> can be left out,
/// for a user's file that has its own: routes that the user deleted must not come back from below.
/// </summary>
/// <param name="withReverseProxy">Whether the shipped routes and clusters are part of it.</param>
public sealed class BuiltInConfigurationSource(bool withReverseProxy = true) : IConfigurationSource
{
    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new BuiltInConfigurationProvider(BuiltInConfiguration.Values
        .Where(pair => pair.Key.StartsWith("LlmProxy:", StringComparison.OrdinalIgnoreCase)
            || (withReverseProxy && pair.Key.StartsWith("ReverseProxy:", StringComparison.OrdinalIgnoreCase)))
        .ToDictionary(StringComparer.OrdinalIgnoreCase));
}

/// <summary>Known by its type, so that the reader can tell shipped values from chosen ones.</summary>
internal sealed class BuiltInConfigurationProvider(IReadOnlyDictionary<string, string?> values) : FixedConfigurationProvider(values);
