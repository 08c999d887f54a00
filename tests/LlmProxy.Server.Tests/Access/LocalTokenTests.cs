using System.Net;
using System.Text;
using LlmProxy.Server.Access;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Access;

/// <summary>Without keys the machine's users may read and report outcomes; changes need the token of the user who runs the proxy.</summary>
public sealed class LocalTokenTests
{
    [Fact]
    public async Task Changing_and_deleting_needs_the_token()
    {
        await using var proxy = await RunningProxy.StartAsync();
        (string Method, string Path, string Body, bool NeedsToken)[] cases =
        [
            ("DELETE", "/trajectories/x", "", true),
            ("PUT", "/examples/x", """{"pinned":true}""", true),
            ("POST", "/cleanup", """{"dryRun":true}""", true),
            ("POST", "/embeddings", "{}", true),
            ("POST", "/trajectories/x/embedding", """{"taskDescription":"x"}""", true),
            ("POST", "/recording/pause", "", true),
            ("POST", "/recording/resume", "", true),
            ("GET", "/status", "", false),
            ("GET", "/trajectories", "", false),
            ("GET", "/export?format=openai", "", false),
            ("GET", "/openapi.json", "", false),
            ("POST", "/tasks", """{"taskId":"t"}""", false),
            ("POST", "/tasks/t/complete", """{"success":true}""", false),
            ("POST", "/tasks/t/cancel", "", false),
            ("POST", "/tasks/t/interventions", "", false),
            ("POST", "/search", """{"taskDescription":"x"}""", false),
            ("POST", "/examples/x/usage", "", false),
            ("POST", "/nothing", "", false),
        ];
        foreach (var (method, path, body, needsToken) in cases)
        {
            proxy.Upstream.Received.Clear();
            foreach (var (token, isSent) in new[] { (null, false), ("", false), ("wrong", false), (proxy.LocalToken!.ToUpperInvariant(), false), (proxy.LocalToken, true) })
            {
                var answer = await SendAsync(proxy, method, path, body, token);

                Assert.Equal(needsToken && !isSent, answer.StartsWith("HTTP/1.1 401 ", StringComparison.Ordinal));
                if (needsToken && !isSent)
                {
                    Assert.Contains("application/problem+json", answer, StringComparison.Ordinal);
                    Assert.Contains("LlmProxy-Token", answer, StringComparison.Ordinal);
                    Assert.Contains(Path.Combine(proxy.Folder, "data", "local-token"), answer, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public async Task It_can_be_asked_for_everywhere()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Auth:LocalToken", "all"));
        proxy.Upstream.AnswerWith("{}");
        (string Method, string Path)[] cases =
        [
            ("GET", "/status"),
            ("GET", "/openapi.json"),
            ("POST", "/tasks/last/complete"),
        ];
        foreach (var (method, path) in cases)
        {
            proxy.Upstream.Received.Clear();
            Assert.StartsWith("HTTP/1.1 401 ", await SendAsync(proxy, method, path, """{"success":true}""", null), StringComparison.Ordinal);
            Assert.DoesNotContain("HTTP/1.1 401 ", await SendAsync(proxy, method, path, """{"success":true}""", proxy.LocalToken), StringComparison.Ordinal);
            using var call = await proxy.Client.GetAsync(new Uri(proxy.Address, "/openai/v1/models"));
            Assert.Equal(HttpStatusCode.OK, call.StatusCode);
        }
    }

    [Fact]
    public async Task Verbs_send_it()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Auth:LocalToken", "all"));
        await ApiTestRuns.PlayToTheEndAsync(proxy);
        string[] settings = [$"--LlmProxy:Recording:Spool:Directory={Path.Combine(proxy.Folder, "data", "spool")}"];
        using var stranger = new TestFolder();

        var own = await Llmproxy.RunAsync(proxy, ["cleanup", "--older-than-days", "0", "--max-quality", "1", "--dry-run", "--json", .. settings]);
        var other = await Llmproxy.RunAsync(proxy, ["cleanup", "--older-than-days", "0", "--max-quality", "1", "--dry-run", "--json", $"--LlmProxy:Recording:Spool:Directory={stranger["spool"]}"]);

        Assert.Equal((0, ""), (own.Code, own.Error));
        Assert.Equal(1, other.Code);
        Assert.Contains("local-token", other.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_keys_there_is_none()
    {
        await using var proxy = await RunningProxy.StartAsync(null, KeyTests.Key(0, "admin", "llmp-" + "admin", "default", admin: true));

        Assert.Null(proxy.LocalToken);
        Assert.False(File.Exists(Path.Combine(proxy.Folder, "data", "local-token")));
    }

    [Fact]
    public void The_file_is_private_and_stays_the_same()
    {
        using var folder = new TestFolder();
        var file = Path.Combine(folder["data"], "local-token");

        var tokens = new LocalToken[8];
        Parallel.For(0, tokens.Length, i => tokens[i] = LocalToken.Open(file));
        var value = File.ReadAllText(file).Trim();

        Assert.All(tokens, token => Assert.True(token.Matches(value)));
        Assert.True(LocalToken.Open(file).Matches(LocalToken.TryRead(file)!));
        Assert.False(tokens[0].Matches(value[1..]));
        Assert.Equal([file], Directory.GetFiles(folder["data"]));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder["data"]));
        }
    }

    [Theory]
    [InlineData("readable")]
    [InlineData("link")]
    [InlineData("empty")]
    public void A_file_that_protects_nothing_is_refused(string kind)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var folder = new TestFolder();
        var file = folder["local-token"];
        var written = kind == "link" ? folder["elsewhere"] : file;
        File.WriteAllText(written, kind == "empty" ? "" : new string('a', 64), Encoding.ASCII);
        File.SetUnixFileMode(written, kind == "readable" ? UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead : UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (kind == "link")
        {
            File.CreateSymbolicLink(file, written);
        }

        var error = Assert.Throws<IOException>(() => LocalToken.Open(file));

        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains("Delete it", error.Message, StringComparison.Ordinal);
        Assert.Null(LocalToken.TryRead(file));
    }

    private static Task<string> SendAsync(RunningProxy proxy, string method, string path, string body, string? token) => proxy.SendRawAsync(
        $"{method} /_llmproxy{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{(token is null ? "" : $"LlmProxy-Token: {token}\r\n")}Content-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");
}
