using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace LlmProxy.Tests.Packaging;

/// <summary>Reads what <c>deploy/</c> ships.</summary>
internal static partial class DeploymentFiles
{
    public static readonly IReadOnlyDictionary<string, string> Secrets = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["POSTGRES_PASSWORD"] = "made-up",
        ["LLMPROXY_AGENT_KEY"] = "agent" + "-key-of-a-test",
        ["LLMPROXY_ADMIN_KEY"] = "admin" + "-key-of-a-test",
        ["GRAFANA_PASSWORD"] = "made-up",
    };

    public static string PathOf(string file) => Path.Combine(PackedPackages.Repository, "deploy", file);

    /// <summary>The variables of each replica, secrets as <c>${NAME}</c>.</summary>
    public static List<Dictionary<string, string>> Environments(string deployment) => deployment == "compose"
        ? [.. ((string[])["llmproxy-1", "llmproxy-2"]).Select(name => ((YamlMappingNode)Service(name)["environment"]).ToDictionary(v => v.Key.ToString(), v => v.Value.ToString(), StringComparer.Ordinal))]
        : [((YamlSequenceNode)Pod()["containers"][0]["env"]).Cast<YamlMappingNode>().ToDictionary(
            v => Text(v, "name"),
            v => v.Children.ContainsKey("value") ? Text(v, "value") : "${" + Text(v["valueFrom"]["secretKeyRef"], "key") switch { "agent-key" => "LLMPROXY_AGENT_KEY", "admin-key" => "LLMPROXY_ADMIN_KEY", _ => "POSTGRES_PASSWORD" } + "}",
            StringComparer.Ordinal)];

    /// <summary>The variables that the image sets.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Image() =>
        ImageVariable().Matches(File.ReadAllText(PathOf("Dockerfile"))).Select(m => KeyValuePair.Create(m.Groups["name"].Value, m.Groups["value"].Value.Trim('"')));

    public static string Fill(string value) => Variable().Replace(value, m => Secrets[m.Groups["name"].Value]);

    public static YamlNode Compose() => Documents("compose.yaml").Single();

    public static YamlNode Pod() => Documents("kubernetes/llmproxy.yaml")[0]["spec"]["template"]["spec"];

    public static List<YamlNode> Documents(string file)
    {
        var stream = new YamlStream();
        using var text = new StreamReader(PathOf(file));
        stream.Load(text);
        return [.. stream.Documents.Select(d => d.RootNode)];
    }

    /// <summary>A service with what it merges in.</summary>
    public static YamlMappingNode Service(string name)
    {
        var service = (YamlMappingNode)Compose()["services"][name];
        if (!service.Children.TryGetValue("<<", out var shared))
        {
            return service;
        }

        foreach (var (key, value) in (YamlMappingNode)shared)
        {
            service.Children.TryAdd(key, value);
        }

        return service;
    }

    public static string Text(YamlNode node, string key) => node[key].ToString();

    [GeneratedRegex(@"\$\{(?<name>[A-Z_]+)(:\?[^}]*)?\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variable();

    [GeneratedRegex(@"^(ENV|   ) (?<name>[A-Za-z_]+)=(?<value>""[^""]*""|\S+)", RegexOptions.ExplicitCapture | RegexOptions.Multiline, 1000)]
    private static partial Regex ImageVariable();
}
