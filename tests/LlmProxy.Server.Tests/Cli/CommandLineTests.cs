using LlmProxy.Server.Cli;

namespace LlmProxy.Tests.Cli;

public sealed class CommandLineTests
{
    [Theory]
    [InlineData("nonsense")]
    [InlineData("tasks", "show")]
    [InlineData("tasks", "list", "--status", "done")]
    [InlineData("connect", "emacs")]
    [InlineData("serve", "--urls", "8080")]
    [InlineData("serve", "--LlmProxy:FewShot:Count")]
    [InlineData("serve", "--set", "LlmProxy:FewShot:Count")]
    public async Task Wrong_usage_is_2_and_told_on_the_error_stream(params string[] arguments)
    {
        var outcome = await Llmproxy.RunAsync(arguments);

        Assert.Equal(2, outcome.Code);
        Assert.NotEmpty(outcome.Error);
        Assert.Empty(outcome.Output);
    }

    [Fact]
    public async Task Help_lists_the_verbs()
    {
        var help = (await Llmproxy.RunAsync("--help")).Output;

        foreach (var verb in (string[])["serve", "init", "connect", "demo", "doctor", "tasks", "outcomes", "hook", "search", "stats", "export", "import", "replay", "embed", "cleanup", "templates", "db", "keys"])
        {
            Assert.Contains("\n  " + verb + " ", help, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task All_wrong_settings_stop_the_start_at_once()
    {
        var outcome = await Llmproxy.RunAsync("serve", "--set", "LlmProxy:FewShot:Count=many", "--LlmProxy:Quality:Threshold=7", "--LlmProxy:FewSho:Count=2");

        Assert.Equal(1, outcome.Code);
        Assert.Contains("LlmProxy:FewShot:Count = \"many\"", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Quality:Threshold = \"7\"", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:FewSho", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://0.0.0.0:0")]
    [InlineData("http://*:0")]
    [InlineData("http://[::]:0")]
    public async Task It_does_not_listen_to_strangers_without_keys(string url)
    {
        var outcome = await Llmproxy.RunAsync("serve", "--urls", url);

        Assert.Equal(1, outcome.Code);
        Assert.Contains("--insecure", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("llmproxy keys create", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Init_writes_what_it_serves_with_and_never_overwrites()
    {
        using var folder = new TestFolder();
        var target = folder["conf"];

        var first = await Llmproxy.RunAsync("init", target);
        await File.WriteAllTextAsync(Path.Combine(target, "templates", "openai.sbn"), "mine");
        var second = await Llmproxy.RunAsync("init", target);

        Assert.Equal(0, first.Code);
        Assert.True(File.Exists(Path.Combine(target, "proxy.json")));
        Assert.True(File.Exists(Path.Combine(target, "proxy.schema.json")));
        Assert.True(File.Exists(Path.Combine(target, "templates", "few-shot.sbn")));
        Assert.Equal(1, second.Code);
        Assert.Contains(Path.Combine(target, "templates", "openai.sbn"), second.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(target, "templates", "openai.sbn")));

        var unconfirmed = await Llmproxy.RunAsync("init", target, "--force");
        Assert.Equal(1, unconfirmed.Code);
        Assert.Contains(Path.Combine(target, "templates", "openai.sbn"), unconfirmed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("gemini.sbn", unconfirmed.Error, StringComparison.Ordinal);
        Assert.Contains("--yes", unconfirmed.Error, StringComparison.Ordinal);
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(target, "templates", "openai.sbn")));

        var forced = await Llmproxy.RunAsync("init", target, "--force", "--yes");
        Assert.Equal(0, forced.Code);
        Assert.NotEqual("mine", await File.ReadAllTextAsync(Path.Combine(target, "templates", "openai.sbn")));
    }

    [Theory]
    [InlineData("claude-code", "ANTHROPIC_BASE_URL=http://localhost:8085/anthropic")]
    [InlineData("codex", "base_url = \"http://localhost:8085/openai/v1\"")]
    [InlineData("codex", "openai_base_url = \"http://localhost:8085/codex\"")]
    [InlineData("gemini-cli", "GOOGLE_GEMINI_BASE_URL=http://localhost:8085/gemini")]
    [InlineData("claude-code", "claude mcp add --transport http llmproxy http://localhost:8085/_llmproxy/mcp\n")]
    [InlineData("codex", "[mcp_servers.llmproxy]\n     url = \"http://localhost:8085/_llmproxy/mcp\"\n")]
    [InlineData("gemini-cli", "{ \"mcpServers\": { \"llmproxy\": { \"httpUrl\": \"http://localhost:8085/_llmproxy/mcp\" } } }\n")]
    [InlineData("opencode", "{ \"mcp\": { \"llmproxy\": { \"type\": \"remote\", \"enabled\": true, \"url\": \"http://localhost:8085/_llmproxy/mcp\" } } }\n")]
    [InlineData("opencode", "\"baseURL\": \"http://localhost:8085/anthropic/v1\"")]
    [InlineData("bytebot", "BYTEBOT_LLM_PROXY_URL=http://localhost:8085/proxy/v1")]
    [InlineData("sdk", "OPENAI_BASE_URL=http://localhost:8085/openai/v1")]
    public async Task Connect_prints_a_clients_settings(string client, string expected)
    {
        var outcome = await Llmproxy.RunAsync("connect", client, "--urls", "http://127.0.0.1:8085");

        Assert.Equal(0, outcome.Code);
        Assert.Contains(expected, outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_made_key_is_the_one_that_its_entry_admits()
    {
        var made = (await Llmproxy.RunAsync("keys", "create", "--name", "ci", "--tenant", "team", "--admin", "--json")).Json;

        var ring = new LlmProxy.Server.Access.KeyRing(new() { Keys = [new() { Name = "ci", Tenant = "team", Sha256 = (string)made["entry"]!["sha256"]!, Admin = true }] });
        Assert.Equal("team", ring.Find((string)made["key"]!)?.Tenant);
        Assert.Null(ring.Find((string)made["key"]! + "x"));
        Assert.DoesNotContain((string)made["key"]!, made["entry"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_on_the_command_line_are_taken_out_of_the_arguments()
    {
        var (others, settings) = SettingArguments.Take(["serve", "--LlmProxy:FewShot:Count=2", "--llmproxy:Quality:Threshold", "0.5", "--urls", "http://127.0.0.1:1", "--ReverseProxy:Clusters:proxy:Destinations:default:Address=http://x/?a=b"]);

        Assert.Equal(["serve", "--urls", "http://127.0.0.1:1"], others);
        Assert.Equal(
            [new("LlmProxy:FewShot:Count", "2"), new("llmproxy:Quality:Threshold", "0.5"), new("ReverseProxy:Clusters:proxy:Destinations:default:Address", "http://x/?a=b")],
            settings);
    }
}
