using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Dashboard;

/// <summary>The pages over real sockets.</summary>
public sealed partial class DashboardTests
{
    private const string Ui = "/_llmproxy/ui";

    // Script, handlers, SVG, a script's address, bidi, zero width, terminal control, template syntax, Markdown with HTML and a link.
    private const string Hostile =
        "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>[click](javascript:alert(4))![p](http://evil.example/p.png)\u202Eevil\u200B\u001b[31m{{ 7*7 }}\"'`</pre></textarea>";

    [Theory]
    [InlineData("", "Latest failures")]
    [InlineData("/live", "Exchanges as they are recorded")]
    [InlineData("/trajectories", "File the report")]
    [InlineData("/examples?task=File+the+report", "Chosen, with a similarity of")]
    [InlineData("/experiments", "LlmProxy:Experiments:Enabled is false")]
    [InlineData("/cost?days=7", "Most expensive of the latest trajectories")]
    [InlineData("/settings?key=fewshot", "LlmProxy:FewShot:Count")]
    [InlineData("/connect?client=codex", "model_providers.llmproxy")]
    public async Task Every_page_shows_its_content_and_nothing_that_a_strict_policy_forbids(string path, string content)
    {
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy, "File the report");

        using var answer = await proxy.Client.GetAsync(new Uri(proxy.Address, Ui + path));
        var page = await answer.Content.ReadAsStringAsync();

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains(content, WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.StartsWith("default-src 'self';", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        AssertStrict(page);
    }

    [Fact]
    public async Task A_trajectory_shows_its_steps_its_outcome_and_what_was_inserted_into_its_prompt()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        var page = WebUtility.HtmlDecode(await proxy.Client.GetStringAsync(new Uri(proxy.Address, $"{Ui}/trajectories/{id}")));

        Assert.Contains("Succeeded: a caller of the API stated it.", page, StringComparison.Ordinal);
        Assert.Contains("list_files", page, StringComparison.Ordinal);
        Assert.Contains("q3.pdf", page, StringComparison.Ordinal);
        Assert.Contains("I look first.", page, StringComparison.Ordinal);
        Assert.Equal(("Hello ", "dear ", "", "world"), LlmProxy.Server.Dashboard.Show.Insertion("Hello world", "Hello dear world"));
    }

    [Fact]
    public async Task Hostile_text_in_every_field_appears_as_text()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var quoted = System.Text.Json.JsonSerializer.Serialize(Hostile);
        proxy.Upstream.AnswerWith("""{"id":"msg_1","type":"message","role":"assistant","model":"X","content":[{"type":"text","text":"X"},{"type":"tool_use","id":"toolu_1","name":"tool","input":{"X":"X"}}],"stop_reason":"tool_use","usage":{"input_tokens":5,"output_tokens":1}}""".Replace("\"X\"", quoted, StringComparison.Ordinal));
        using var answer = await proxy.PostAsync(
            "/anthropic/v1/messages",
            """{"model":"claude-sonnet-4-6","max_tokens":10,"system":"X","tools":[{"name":"tool","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"X"}]}""".Replace("\"X\"", quoted, StringComparison.Ordinal));
        var run = await proxy.FindRunAsync(answer);

        foreach (var path in (string[])["", "/trajectories?search=%3Cscript%3E", "/trajectories", $"/trajectories/{run.Id}", "/live", "/examples?task=" + Uri.EscapeDataString(Hostile), "/settings?key=" + Uri.EscapeDataString(Hostile), "/" + Uri.EscapeDataString(Hostile.Replace("/", "", StringComparison.Ordinal))])
        {
            var page = await proxy.Client.GetAsync(new Uri(proxy.Address, Ui + path));
            var html = await page.Content.ReadAsStringAsync();
            AssertStrict(html);
            if (!path.Contains('=', StringComparison.Ordinal))
            {
                // What a person typed stays in its field as it is; recorded text shows what a page would hide.
                Assert.DoesNotContain("\u202E", WebUtility.HtmlDecode(html), StringComparison.Ordinal);
                Assert.DoesNotContain("\u001b", WebUtility.HtmlDecode(html), StringComparison.Ordinal);
            }

            Assert.DoesNotContain("href=\"javascript:", html, StringComparison.OrdinalIgnoreCase);
            if (path.EndsWith(run.Id, StringComparison.Ordinal))
            {
                // As it was recorded, in the description, the message, the prompt, the reply, the name and the value of an argument.
                Assert.True(WebUtility.HtmlDecode(html).Split("{{ 7*7 }}").Length > 6, html);
            }
        }
    }

    [Fact]
    public async Task Filters_and_pages_are_in_the_address()
    {
        await using var proxy = await RunningProxy.StartAsync();
        for (var i = 0; i < 51; i++)
        {
            using var opened = await proxy.PostAsync("/_llmproxy/tasks", $$"""{"taskId":"t{{i}}","description":"Number {{i}} of the plants"}""");
        }

        var first = await proxy.Client.GetStringAsync(new Uri(proxy.Address, Ui + "/trajectories?search=plants&status=active"));
        var next = WebUtility.HtmlDecode(NextPage().Match(first).Groups["address"].Value);
        var second = await proxy.Client.GetStringAsync(new Uri(proxy.Address, Ui + "/trajectories" + next));
        var wrong = await proxy.Client.GetStringAsync(new Uri(proxy.Address, Ui + "/trajectories?status=ended"));

        Assert.Equal(50, Rows(first));
        Assert.StartsWith("?search=plants&status=active&cursor=", next, StringComparison.Ordinal);
        Assert.Equal(1, Rows(second));
        Assert.Contains("must be one of active", wrong, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_keys_reading_is_open_and_the_link_of_ui_allows_editing_once()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);
        using var browser = new Browser(proxy);
        var run = (await proxy.Store.FindTaskAsync("default", id, default))!.Id;

        var reading = await browser.GetAsync($"/trajectories/{run}");
        using var refused = await browser.PostAsync($"/trajectories/{run}/outcome", ("success", "false"));
        var link = (await Llmproxy.RunAsync(proxy, "ui", "--json")).Json["address"]!.ToString();
        using var entered = await browser.Client.GetAsync(new Uri(link));
        using var again = await new Browser(proxy).Client.GetAsync(new Uri(link));
        var editing = await browser.GetAsync($"/trajectories/{run}");
        using var withoutToken = await browser.PostAsync($"/trajectories/{run}/outcome", ("success", "false"));
        using var foreign = await browser.PostAsync($"/trajectories/{run}/outcome", "http://evil.example", ("success", "false"), ("token", Browser.TokenOf(editing)));
        using var stated = await browser.PostAsync($"/trajectories/{run}/outcome", ("success", "false"), ("comment", "It filed the wrong one"), ("token", Browser.TokenOf(editing)));
        var after = (await proxy.Store.FindTrajectoryAsync("default", run, default))!;
        using var unsure = await browser.PostAsync($"/trajectories/{run}/delete", ("token", Browser.TokenOf(editing)));
        using var deleted = await browser.PostAsync($"/trajectories/{run}/delete", ("sure", "yes"), ("token", Browser.TokenOf(editing)));

        Assert.DoesNotContain("<form method=\"post\"", reading, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Redirect, HttpStatusCode.Forbidden), (refused.StatusCode, entered.StatusCode, again.StatusCode));
        var cookie = entered.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("path=/_llmproxy/ui; samesite=strict; httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(proxy.LocalToken!, cookie, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, HttpStatusCode.Redirect), (withoutToken.StatusCode, foreign.StatusCode, stated.StatusCode));
        Assert.Equal((false, "It filed the wrong one", Core.Trajectories.OutcomeSource.Human), (after.Success, after.Comment, after.OutcomeSource));
        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.Redirect), (unsure.StatusCode, deleted.StatusCode));
        Assert.Null(await proxy.Store.FindTrajectoryAsync("default", run, default));
    }

    [Fact]
    public async Task With_keys_people_sign_in_and_see_their_own_tenant()
    {
        await using var proxy = await RunningProxy.StartAsync(null, [.. Key(0, "alice", "a", true), .. Key(1, "bob", "b", true), .. Key(2, "agent", "a", false)]);
        using (await proxy.PostAsync("/_llmproxy/tasks", """{"taskId":"secret-a","description":"Of tenant a"}""", ("LlmProxy-Key", "alice")))
        {
        }

        using var nobody = new Browser(proxy);
        using var sent = await nobody.Client.GetAsync(new Uri(proxy.Address, Ui + "/trajectories?search=x"));
        using var forged = await nobody.Client.SendAsync(new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, Ui)) { Headers = { { "Cookie", "llmproxy-ui=31.00" } } });
        using var agent = await nobody.PostAsync("/sign-in", ("key", "agent"));
        using var alice = new Browser(proxy);
        using var entered = await alice.PostAsync("/sign-in", ("key", "alice"), ("to", Ui + "/trajectories"));
        using var elsewhere = await new Browser(proxy).PostAsync("/sign-in", ("key", "alice"), ("to", "https://evil.example/"));
        using var bob = new Browser(proxy);
        using var bobEntered = await bob.PostAsync("/sign-in", ("key", "bob"));

        Assert.Equal((HttpStatusCode.Redirect, Ui + "/sign-in?to=" + Uri.EscapeDataString(Ui + "/trajectories?search=x")), (sent.StatusCode, sent.Headers.Location!.OriginalString));
        Assert.Equal(HttpStatusCode.Redirect, forged.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, agent.StatusCode);
        Assert.Equal(Ui + "/trajectories", entered.Headers.Location!.OriginalString);
        Assert.Equal(Ui, elsewhere.Headers.Location!.OriginalString);
        Assert.Contains("Of tenant a", await alice.GetAsync("/trajectories"), StringComparison.Ordinal);
        Assert.DoesNotContain("Of tenant a", await bob.GetAsync("/trajectories"), StringComparison.Ordinal);
        Assert.Contains("There is no such trajectory", await bob.GetAsync("/trajectories/secret-a"), StringComparison.Ordinal);
        Assert.DoesNotContain("alice", await bob.GetAsync("/settings"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Examples_are_pinned_and_retired_by_their_buttons()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);
        Assert.Equal(0, (await Llmproxy.RunAsync(proxy, "examples", "pin", id)).Code);
        using var browser = new Browser(proxy);
        using var entered = await browser.Client.GetAsync(new Uri((await Llmproxy.RunAsync(proxy, "ui", "--json")).Json["address"]!.ToString()));
        var page = await browser.GetAsync("/examples");

        using var retired = await browser.PostAsync($"/examples/{id}", ("do", "retire"), ("token", Browser.TokenOf(page)));
        using var wrong = await browser.PostAsync($"/examples/{id}", ("do", "paint"), ("token", Browser.TokenOf(page)));
        var shown = await Llmproxy.RunAsync(proxy, "examples", "show", id, "--json");

        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Equal((true, true), ((bool)shown.Json["retired"]!, (bool)shown.Json["pinned"]!));
    }

    [Fact]
    public async Task A_browser_is_led_to_the_dashboard_and_a_probe_gets_a_text()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var browser = new HttpRequestMessage(HttpMethod.Get, proxy.Address) { Headers = { Accept = { new MediaTypeWithQualityHeaderValue("text/html") } } };

        using var led = await proxy.Client.SendAsync(browser);
        using var probe = await proxy.Client.GetAsync(proxy.Address);
        await using var off = await RunningProxy.StartAsync(null, ("LlmProxy:Dashboard:Enabled", "false"));
        using var none = await off.Client.GetAsync(new Uri(off.Address, Ui));

        Assert.Equal((HttpStatusCode.Redirect, Ui), (led.StatusCode, led.Headers.Location!.OriginalString));
        Assert.Equal("LlmProxy\n", await probe.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task Assets_are_sent_once_for_each_version()
    {
        await using var proxy = await RunningProxy.StartAsync();
        using var first = await proxy.Client.GetAsync(new Uri(proxy.Address, Ui + "/assets/app.css"));
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(proxy.Address, Ui + "/assets/app.css")) { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
        using var second = await proxy.Client.SendAsync(request);
        using var unknown = await proxy.Client.GetAsync(new Uri(proxy.Address, Ui + "/assets/..%2fproxy.json"));

        Assert.Equal(("text/css", HttpStatusCode.NotModified, HttpStatusCode.NotFound), (first.Content.Headers.ContentType!.MediaType, second.StatusCode, unknown.StatusCode));
    }

    private static int Rows(string page) => page.Split("<tr data-row").Length - 1;

    private static (string, string)[] Key(int index, string name, string tenant, bool admin) =>
    [
        ($"LlmProxy:Auth:Keys:{index}:Name", name), ($"LlmProxy:Auth:Keys:{index}:Tenant", tenant), ($"LlmProxy:Auth:Keys:{index}:Admin", admin ? "true" : "false"),
        ($"LlmProxy:Auth:Keys:{index}:Sha256", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))),
    ];

    /// <summary>No inline script or style, no event handler, no other origin, no element that recorded text brought in.</summary>
    private static void AssertStrict(string html)
    {
        Assert.DoesNotMatch(Forbidden(), html);
        Assert.DoesNotMatch(Handlers(), Values().Replace(html, "\"\""));
    }

    [GeneratedRegex("""<script(?![^>]* src="/_llmproxy/ui/assets/app\.js" defer></script>)|<style|(src|href)="(https?:)?//|<svg onload|<img""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Forbidden();

    [GeneratedRegex("""<[a-z][^>]*\s(on[a-z]+|style)=""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Handlers();

    [GeneratedRegex("\"[^\"]*\"", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Values();

    [GeneratedRegex("rel=\"next\" href=\"(?<address>[^\"]+)\"", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NextPage();

    /// <summary>A client with cookies, as a browser has them.</summary>
    private sealed partial class Browser(RunningProxy proxy) : IDisposable
    {
        public HttpClient Client { get; } = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, CookieContainer = new CookieContainer() });

        public static string TokenOf(string page) => Token().Match(page).Groups["token"].Value;

        public Task<string> GetAsync(string path) => ReadAsync(path);

        public Task<HttpResponseMessage> PostAsync(string path, params (string Name, string Value)[] fields) => PostAsync(path, null, fields);

        public async Task<HttpResponseMessage> PostAsync(string path, string? origin, params (string Name, string Value)[] fields)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, Ui + path)) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
            request.Headers.Add("Origin", origin ?? proxy.Address.GetLeftPart(UriPartial.Authority));
            return await Client.SendAsync(request);
        }

        public void Dispose() => Client.Dispose();

        private async Task<string> ReadAsync(string path)
        {
            using var answer = await Client.GetAsync(new Uri(proxy.Address, Ui + path));
            return WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
        }

        [GeneratedRegex("name=\"token\" value=\"(?<token>[0-9a-f]+)\"", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
        private static partial Regex Token();
    }
}
