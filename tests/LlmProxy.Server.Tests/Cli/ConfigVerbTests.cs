namespace LlmProxy.Tests.Cli;

public sealed class ConfigVerbTests
{
    [Fact]
    public async Task Settings_are_shown_with_the_source_of_each_value()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["proxy.json"], """
            {
              "LlmProxy": {
                "FewShot": { "Count": 2 },
                "Quality": { "Threshold": 0.6 },
                "Embeddings": { "ApiKey": "secret-value" },
                "Upstreams": { "openai": { "Retries": 5 } }
              }
            }
            """);

        var shown = await Llmproxy.RunAsync("config", "show", "--config", folder["proxy.json"], "--set", "LlmProxy:Quality:Threshold=0.8");
        var changed = await Llmproxy.RunAsync("config", "show", "--changed", "--config", folder["proxy.json"]);
        var json = await Llmproxy.RunAsync("config", "show", "fewshot:count", "--config", folder["proxy.json"], "--json");

        Assert.Contains("LlmProxy:Quality:Threshold = 0.8   [command line]\n", shown.Output, StringComparison.Ordinal);
        Assert.Contains($"LlmProxy:FewShot:Count = 2   [{folder["proxy.json"]}]\n", shown.Output, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:FewShot:Enabled = true   [default]\n", shown.Output, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Recording:MinDuration = auto   [default]\n", shown.Output, StringComparison.Ordinal);
        Assert.Contains("ReverseProxy:Clusters:openai:Destinations:default:Address = ", shown.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-value", shown.Output, StringComparison.Ordinal);
        Assert.Equal(
            $"""
            LlmProxy:FewShot:Count = 2   [{folder["proxy.json"]}]
            LlmProxy:Quality:Threshold = 0.6   [{folder["proxy.json"]}]
            LlmProxy:Embeddings:ApiKey = (hidden)   [{folder["proxy.json"]}]
            LlmProxy:Upstreams:openai:Retries = 5   [{folder["proxy.json"]}]

            """,
            changed.Output);
        var setting = Assert.Single(json.Json.AsArray())!;
        Assert.Equal(("LlmProxy:FewShot:Count", "2", false), ((string)setting["key"]!, (string)setting["value"]!, (bool)setting["isDefault"]!));
    }

    [Fact]
    public async Task All_problems_are_reported_at_once()
    {
        string[] wrong = ["--set", "LlmProxy:Quality:Threshold=8", "--set", "LlmProxy:FewShot:Cuont=2"];

        var text = await Llmproxy.RunAsync(["config", "check", .. wrong]);
        var json = await Llmproxy.RunAsync(["config", "check", "--json", .. wrong]);
        var fine = await Llmproxy.RunAsync("config", "check");

        Assert.Equal((1, 1, 0), (text.Code, json.Code, fine.Code));
        Assert.Contains("LlmProxy:Quality:Threshold = \"8\": write a number from 0 to 1.", text.Error, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:FewShot:Cuont", text.Error, StringComparison.Ordinal);
        Assert.Equal(2, json.Json["problems"]!.AsArray().Count);
        Assert.Contains("no problems found", fine.Output, StringComparison.Ordinal);
    }
}
