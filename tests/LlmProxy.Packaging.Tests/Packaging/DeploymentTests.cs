using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using YamlDotNet.RepresentationModel;

namespace LlmProxy.Tests.Packaging;

/// <summary>What <c>deploy/</c> ships: it is parsed and held to rules; see <see cref="DeployedSettingsTests"/> for its settings.</summary>
public sealed partial class DeploymentTests
{
    public static TheoryData<string> Deployments() => ["compose", "kubernetes"];

    [Theory]
    [MemberData(nameof(Deployments))]
    public void Keys_come_from_secrets_and_the_proxy_is_reached_by_its_own_names(string deployment)
    {
        Assert.All(DeploymentFiles.Environments(deployment), environment =>
        {
            Assert.Equal(["agents", "admin"], [environment["LlmProxy__Auth__Keys__0__Name"], environment["LlmProxy__Auth__Keys__1__Name"]]);
            Assert.NotEmpty(environment["LlmProxy__Auth__AllowedHosts"]);
            Assert.All(environment.Where(v => v.Key.EndsWith("_KEY", StringComparison.Ordinal) || v.Value.Contains("Password=", StringComparison.Ordinal)), v => Assert.Contains("${", v.Value, StringComparison.Ordinal));
        });
        Assert.DoesNotMatch(Secret(), File.ReadAllText(DeploymentFiles.PathOf("example.env")));
    }

    [Fact]
    public void No_container_has_more_rights_or_writes_elsewhere_than_it_needs()
    {
        var docker = File.ReadAllLines(DeploymentFiles.PathOf("Dockerfile"));
        Assert.Contains("USER 1654", docker);
        Assert.Contains("VOLUME /data", docker);
        Assert.Contains(docker, line => line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal));
        foreach (var name in (string[])["llmproxy-1", "llmproxy-2"])
        {
            var service = DeploymentFiles.Service(name);
            Assert.Equal("true", DeploymentFiles.Text(service, "read_only"));
            Assert.Equal("ALL", Assert.Single((YamlSequenceNode)service["cap_drop"]).ToString());
            Assert.StartsWith("127.0.0.1:", Assert.Single((YamlSequenceNode)service["ports"]).ToString(), StringComparison.Ordinal);
        }

        var container = DeploymentFiles.Pod()["containers"][0];
        Assert.Equal("true", DeploymentFiles.Text(DeploymentFiles.Pod()["securityContext"], "runAsNonRoot"));
        Assert.Equal("true", DeploymentFiles.Text(container["securityContext"], "readOnlyRootFilesystem"));
        Assert.Equal("false", DeploymentFiles.Text(container["securityContext"], "allowPrivilegeEscalation"));
        Assert.Equal("/readyz", DeploymentFiles.Text(container["readinessProbe"]["httpGet"], "path"));
        Assert.Equal("/healthz", DeploymentFiles.Text(container["livenessProbe"]["httpGet"], "path"));
    }

    [Fact]
    public void Each_replica_has_a_volume_of_its_own_and_time_to_end_its_streams()
    {
        var volumes = ((string[])["llmproxy-1", "llmproxy-2"]).Select(name => Assert.Single((YamlSequenceNode)DeploymentFiles.Service(name)["volumes"]).ToString()).ToList();
        Assert.Equal(2, volumes.Distinct(StringComparer.Ordinal).Count());
        Assert.All(volumes, volume => Assert.EndsWith(":/data", volume, StringComparison.Ordinal));

        var manifests = DeploymentFiles.Documents("kubernetes/llmproxy.yaml");
        Assert.Equal(["StatefulSet", "Service", "PodDisruptionBudget"], manifests.Select(m => DeploymentFiles.Text(m, "kind")));
        Assert.Equal("data", DeploymentFiles.Text(manifests[0]["spec"]["volumeClaimTemplates"][0]["metadata"], "name"));

        // The host's own limit is shorter than that of what ends it.
        Assert.All(((string[])["compose", "kubernetes"]).SelectMany(DeploymentFiles.Environments), environment => Assert.Equal("110", environment["shutdownTimeoutSeconds"]));
        Assert.Equal("120", DeploymentFiles.Text(DeploymentFiles.Pod(), "terminationGracePeriodSeconds"));
        Assert.Equal("2m", DeploymentFiles.Text(DeploymentFiles.Service("llmproxy-1"), "stop_grace_period"));
        var unit = File.ReadAllLines(DeploymentFiles.PathOf("llmproxy.service"));
        Assert.Contains("Environment=shutdownTimeoutSeconds=110", unit);
        Assert.Contains("TimeoutStopSec=120", unit);
        Assert.Contains("ProtectSystem=strict", unit);
    }

    [Fact]
    public void Every_image_has_a_version()
    {
        var images = ((YamlMappingNode)DeploymentFiles.Compose()["services"]).Children.Keys.Select(name => DeploymentFiles.Text(DeploymentFiles.Service(name.ToString()), "image")).Where(i => i != "llmproxy");

        Assert.All(images, image => Assert.Matches(@":v?\d+\.\d+", image));
    }

    [Fact]
    public async Task The_Grafana_dashboard_asks_for_metrics_that_a_running_server_has()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Prometheus", "true"));
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        using var answer = await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-sonnet-4-6","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}""");
        Assert.True(answer.IsSuccessStatusCode);
        await proxy.SettleAsync();
        var served = (await proxy.Client.GetStringAsync("/metrics")).Split('\n').Where(line => line.Length > 0 && line[0] != '#').Select(line => line[..line.IndexOfAny(['{', ' '])]).ToHashSet(StringComparer.Ordinal);

        var dashboard = JsonNode.Parse(await File.ReadAllTextAsync(DeploymentFiles.PathOf("grafana/llmproxy.json")))!;
        var asked = dashboard["panels"]!.AsArray().SelectMany(p => p!["targets"]!.AsArray()).SelectMany(t => MetricName().Matches(Grouping().Replace((string)t!["expr"]!, ""))).Select(m => m.Value).Distinct(StringComparer.Ordinal).ToList();

        Assert.InRange(asked.Count, 8, 40);
        Assert.All(asked, name => Assert.Contains(name, served));
    }

    [GeneratedRegex(@"(?m)^[A-Z_]+=.+$", RegexOptions.None, 1000)]
    private static partial Regex Secret();

    [GeneratedRegex(@"\bby \([^)]*\)", RegexOptions.None, 1000)]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\b(gen_ai|llmproxy|dotnet|resilience|http|kestrel|process)_[a-z0-9_]+(?=[{\[)]|$)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MetricName();
}
