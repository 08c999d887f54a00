using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;

namespace LlmProxy.Core.Configuration;

/// <summary>The shipped <c>proxy.json</c> and its schema, embedded in this assembly. The settings that apply without any file are read from here.</summary>
public static class BuiltInConfiguration
{
    private static readonly Lazy<string> LazyJson = new(() => Text("proxy.json"));
    private static readonly Lazy<string> LazySchema = new(() => Text("proxy.schema.json"));

    /// <summary>Text of the shipped <c>proxy.json</c>.</summary>
    public static string Json => LazyJson.Value;

    /// <summary>Text of the shipped <c>proxy.schema.json</c>.</summary>
    public static string SchemaJson => LazySchema.Value;

    internal static Stream Open(string name) => typeof(BuiltInConfiguration).Assembly.GetManifestResourceStream(name)
        ?? throw new InvalidOperationException($"The assembly lacks its resource {name}.");

    private static string Text(string name)
    {
        using var reader = new StreamReader(Open(name));
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
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new BuiltInConfigurationProvider(withReverseProxy);
}

/// <summary>Known by its type, so that the reader can tell shipped values from chosen ones.</summary>
internal sealed class BuiltInConfigurationProvider(bool withReverseProxy) : JsonStreamConfigurationProvider(new JsonStreamConfigurationSource())
{
    public override void Load()
    {
        using var stream = BuiltInConfiguration.Open("proxy.json");
        Load(stream);
        foreach (var key in Data.Keys.Where(key => key == "$schema" || (!withReverseProxy && key.StartsWith("ReverseProxy:", StringComparison.OrdinalIgnoreCase))).ToList())
        {
            Data.Remove(key);
        }
    }
}
