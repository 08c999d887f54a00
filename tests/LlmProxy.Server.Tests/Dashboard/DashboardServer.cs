using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Dashboard;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Dashboard;

/// <summary>A proxy with a few recorded runs, for all tests of the pages that change nothing they share.</summary>
public sealed class DashboardServer : IAsyncLifetime
{
    /// <summary>What a page would obey, if it were not shown as text.</summary>
    public const string Hostile =
        "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg> [click](javascript:alert(4)) ![x](https://evil.example/track.png) <javascript:alert(5)> \u202Eevil\u2066 zero\u200Bwidth \u001B[31mred\u001B[0m {{ 7 * 7 }} @(7*7) \"quote' onmouseover=alert(6) x=\"";

    internal RunningProxy Proxy { get; private set; } = null!;

    /// <summary>A run of Claude with a stated outcome.</summary>
    public Trajectory Run { get; private set; } = null!;

    /// <summary>A run whose texts are all hostile, with an image.</summary>
    public Trajectory HostileRun { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "anthropic,openai"), ("LlmProxy:Recording:Failures", "true"));
        await RecordedClaude.RecordAsync(Proxy);
        await ApiTestRuns.PlayToTheEndAsync(Proxy);
        var gpt = ToolLoop.All("gpt-4o").First(loop => loop.Path.Contains("chat", StringComparison.Ordinal));
        Proxy.Upstream.AnswerInTurn((gpt.FirstAnswer, gpt.ContentType), (gpt.SecondAnswer, gpt.ContentType));
        using (var first = await Proxy.PostAsync(gpt.Path, gpt.First))
        using (var second = await Proxy.PostAsync(gpt.Path, gpt.Second))
        {
            await Proxy.Tasks.CompleteAsync("default", second.Headers.GetValues("LlmProxy-Task").Single(), success: false, new StatedMetrics(null, null, null, null), "The file was not found.", CancellationToken.None);
        }

        HostileRun = await PlayHostileAsync();
        Run = (await Proxy.Store.ListAsync(new TrajectoryQuery("default") { Search = "quarterly" }, CancellationToken.None)).Items.Single();
    }

    public async Task DisposeAsync() => await Proxy.DisposeAsync();

    /// <summary>A visitor without a session, who keeps cookies as a browser does.</summary>
    public Visitor Visit() => new(Proxy.Address);

    /// <summary>The machine's own user, after the one-time link.</summary>
    public async Task<Visitor> VisitAsOwnerAsync()
    {
        var visitor = Visit();
        using var answer = await visitor.Client.GetAsync(new Uri(Proxy.Address, Proxy.Services.GetRequiredService<OneTimeLinks>().Create()));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        return visitor;
    }

    internal async Task<Trajectory> PlayHostileAsync()
    {
        var text = JsonSerializer.Serialize(Hostile);
        var image = "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"text/html\",\"data\":\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\"}}";
        var script = $"{{\"type\":\"image\",\"source\":{{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"{Convert.ToBase64String("<script>alert(9)</script>"u8)}\"}}}}";
        var call = $"{{\"type\":\"tool_use\",\"id\":\"toolu_9\",\"name\":\"run\",\"input\":{{{text}:{text},\"command\":{text}}}}}";
        var reply = $"{{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-6\",\"content\":[{{\"type\":\"thinking\",\"thinking\":{text},\"signature\":\"s\"}},{{\"type\":\"text\",\"text\":{text}}},{call}],\"stop_reason\":\"tool_use\",\"usage\":{{\"input_tokens\":10,\"output_tokens\":2}}}}";
        Proxy.Upstream.AnswerInTurn((reply, "application/json"), (ApiTestRuns.SecondReply, "application/json"));
        const string Tools = """[{"name":"run","description":"Runs.","input_schema":{"type":"object"}}]""";
        var user = $"{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":{text}}},{image},{script}]}}";
        using var first = await Proxy.PostAsync("/anthropic/v1/messages", $"{{\"model\":\"claude-sonnet-4-6\",\"max_tokens\":9,\"system\":{text},\"tools\":{Tools},\"messages\":[{user}]}}", ("User-Agent", "<script>alert(7)</script>"));
        using var second = await Proxy.PostAsync(
            "/anthropic/v1/messages",
            $"{{\"model\":\"claude-sonnet-4-6\",\"max_tokens\":9,\"system\":{text},\"tools\":{Tools},\"messages\":[{user},{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":{text}}},{call}]}},{{\"role\":\"user\",\"content\":[{{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_9\",\"content\":{text},\"is_error\":true}}]}}]}}",
            ("User-Agent", "<script>alert(7)</script>"));
        Assert.True(second.IsSuccessStatusCode, await second.Content.ReadAsStringAsync());
        var run = await Proxy.FindRunAsync(first);
        await Proxy.Tasks.CompleteAsync("default", run.TaskId, success: true, new StatedMetrics(null, null, null, null), Hostile, CancellationToken.None);
        return await Proxy.FindRunAsync(first);
    }
}

/// <summary>A browser's cookies, without the browser.</summary>
public sealed partial class Visitor : IDisposable
{
    internal Visitor(Uri address) =>
        Client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };

    public HttpClient Client { get; }

    /// <summary>Reads a page; its status must be 200.</summary>
    public async Task<string> ReadAsync(string path)
    {
        using var answer = await Client.GetAsync(DashboardEndpoints.Prefix + path);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {(int)answer.StatusCode} {text}");
        return text;
    }

    /// <summary>Sends a form of a page, with the page's token.</summary>
    public async Task<HttpResponseMessage> SendAsync(string page, string action, params (string Name, string Value)[] fields)
    {
        using var answer = await Client.GetAsync(DashboardEndpoints.Prefix + page);
        var token = Token().Match(await answer.Content.ReadAsStringAsync()).Groups[1].Value;
        return await SendAsync(action, [("form-token", token), .. fields]);
    }

    /// <summary>Sends fields.</summary>
    public async Task<HttpResponseMessage> SendAsync(string action, (string Name, string Value)[] fields, string? origin = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, DashboardEndpoints.Prefix + action) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
        request.Headers.TryAddWithoutValidation("Origin", origin ?? Client.BaseAddress!.GetLeftPart(UriPartial.Authority));
        return await Client.SendAsync(request);
    }

    public void Dispose() => Client.Dispose();

    [GeneratedRegex("name=\"form-token\" value=\"(?<value>[^\"]+)\"", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Token();
}
