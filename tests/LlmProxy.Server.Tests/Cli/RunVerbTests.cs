using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using LlmProxy.Server.Cli;

namespace LlmProxy.Tests.Cli;

public sealed partial class RunVerbTests
{
    private static readonly Uri Proxy = new("http://127.0.0.1:8080/");

    [Fact]
    public async Task The_proxy_is_started_once_and_the_agent_gets_its_settings_and_states_the_exit_code()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var folder = new TestFolder();
        var port = FreePort();
        string[] arguments = ["run", "--urls", $"http://127.0.0.1:{port}", .. folder.Alone[2..], "--", "sh", "-c", "echo $ANTHROPIC_BASE_URL $LLMPROXY_URL; exit 7"];

        var (code, output, error) = await RunAsync(folder, arguments);
        var match = Started().Match(error);
        Assert.True(match.Success, error);
        var id = int.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture);
        try
        {
            var second = await RunAsync(folder, arguments);

            Assert.Equal((7, $"http://127.0.0.1:{port}/anthropic http://127.0.0.1:{port}\n"), (code, output));
            Assert.Equal((7, output, ""), second);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["llmproxy.log"]));
            Assert.Contains("LlmProxy ", await File.ReadAllTextAsync(folder["llmproxy.log"]), StringComparison.Ordinal);
        }
        finally
        {
            using var proxy = Process.GetProcessById(id);
            proxy.Kill();
            await proxy.WaitForExitAsync();
        }
    }

    [Fact]
    public async Task A_proxy_that_does_not_start_is_reported_with_its_messages()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["spool"], "a file where the folder should be");

        var (code, _, error) = await RunAsync(folder, ["run", "--urls", $"http://127.0.0.1:{FreePort()}", .. folder.Alone[2..], "--", "sh", "-c", "exit 0"]);

        Assert.Equal(1, code);
        Assert.Contains("The proxy did not start:", error, StringComparison.Ordinal);
        Assert.Contains("spool", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Claude_Code_gets_tool_search_and_a_key_next_to_its_own_headers()
    {
        var environment = new Dictionary<string, string?> { ["ANTHROPIC_CUSTOM_HEADERS"] = "x-own: 1", ["https_proxy"] = "http://corp:3128", ["NO_PROXY"] = "internal" };

        var settings = AgentEnvironment.Of("/usr/bin/claude", Proxy, "k1", environment.GetValueOrDefault);

        Assert.Empty(settings.Arguments);
        Assert.Equal("x-own: 1\nLlmProxy-Key: k1", settings.Variables["ANTHROPIC_CUSTOM_HEADERS"]);
        Assert.Equal("true", settings.Variables["ENABLE_TOOL_SEARCH"]);
        Assert.Equal("internal,localhost,127.0.0.1", settings.Variables["NO_PROXY"]);
    }

    [Fact]
    public void Codex_gets_options_for_its_login_or_its_key()
    {
        var login = AgentEnvironment.Of("codex", Proxy, null, _ => null);
        var key = AgentEnvironment.Of("codex", Proxy, "k1", name => name == "OPENAI_API_KEY" ? "any" : null);

        Assert.Equal(["-c", "openai_base_url=\"http://127.0.0.1:8080/codex\""], login.Arguments);
        Assert.Contains("model_providers.llmproxy.base_url=\"http://127.0.0.1:8080/openai/v1\"", key.Arguments);
        Assert.Contains("model_providers.llmproxy.env_http_headers={ \"LlmProxy-Key\" = \"LLMPROXY_KEY\" }", key.Arguments);
        Assert.DoesNotContain(key.Arguments, argument => argument.Contains("k1", StringComparison.Ordinal));
    }

    [Fact]
    public void Opencode_keeps_its_own_settings()
    {
        const string Own = """{"theme":"dark","provider":{"openai":{"models":{"x":{}}}}}""";

        var settings = AgentEnvironment.Of("opencode", Proxy, null, name => name == "OPENCODE_CONFIG_CONTENT" ? Own : null);

        Assert.Equal(
            """{"theme":"dark","provider":{"openai":{"models":{"x":{}},"options":{"baseURL":"http://127.0.0.1:8080/openai/v1"}},"anthropic":{"options":{"baseURL":"http://127.0.0.1:8080/anthropic/v1"}},"google":{"options":{"baseURL":"http://127.0.0.1:8080/gemini/v1beta"}}}}""",
            settings.Variables["OPENCODE_CONFIG_CONTENT"]);
    }

    private static async Task<(int Code, string Output, string Error)> RunAsync(TestFolder folder, string[] arguments)
    {
        using var process = LlmproxyProcess.Start(folder, arguments);

        // Line by line: the background process keeps the pipes open.
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        var (output, error) = (ReadAvailableAsync(process.StandardOutput), ReadAvailableAsync(process.StandardError));
        return (process.ExitCode, await output, await error);
    }

    private static async Task<string> ReadAvailableAsync(StreamReader text)
    {
        var buffer = new char[1 << 16];
        var read = await text.ReadAsync(buffer);
        return new string(buffer, 0, read);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    [GeneratedRegex("kill (?<id>[0-9]+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Started();
}
