using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Tests.Configuration;

/// <summary>The sources in the order in which the program stacks them, from text.</summary>
internal sealed class ConfigurationStack
{
    private readonly Dictionary<string, string?> environment = new(StringComparer.OrdinalIgnoreCase);
    private string file = "{}";
    private string[] arguments = [];

    public List<ConfigurationProblem> Problems { get; } = [];

    public ConfigurationStack File(string json)
    {
        file = json;
        return this;
    }

    public ConfigurationStack Section(string json) => File($$"""{ "LlmProxy": {{json}} }""");

    public ConfigurationStack Environment(string name, string? value)
    {
        environment[name] = value;
        return this;
    }

    public ConfigurationStack Arguments(params string[] values)
    {
        arguments = values;
        return this;
    }

    public IConfigurationRoot Build() => new ConfigurationBuilder()
        .Add(new BuiltInConfigurationSource())
        .AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(file)))
        .Add(new BytebotAliasSource(environment))
        .AddInMemoryCollection(environment.Select(pair => KeyValuePair.Create(pair.Key.Replace("__", ":", StringComparison.Ordinal), pair.Value)))
        .AddCommandLine(arguments)
        .Build();

    public LlmProxyOptions Read() => OptionsReader.Read(Build(), environment, ConnectionStrings.Read, Problems);

    /// <summary>Reads and demands that all is well.</summary>
    public LlmProxyOptions ReadValid()
    {
        var options = Read();
        Assert.Empty(Problems);
        return options;
    }

    /// <summary>Reads and returns the only problem.</summary>
    public ConfigurationProblem SingleProblem()
    {
        _ = Read();
        return Assert.Single(Problems);
    }
}
