using System.Net;
using System.Text.RegularExpressions;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Dashboard;

namespace LlmProxy.Tests.Dashboard;

/// <summary>The pages, over a socket: what they show, what they never show, and who may do what.</summary>
public sealed partial class DashboardPageTests(DashboardServer server) : IClassFixture<DashboardServer>
{
    public static TheoryData<string, string> Screens => new()
    {
        { "", "Trajectories a day" },
        { "/trajectories", "Rename the quarterly report" },
        { "/live", "Open tasks" },
        { "/examples?text=What+should+I+wear+in+Oslo", "similarity" },
        { "/experiments", "The experiment is off" },
        { "/templates", "No findings." },
        { "/cost", "claude-sonnet-4-6" },
        { "/compare", "Choose two trajectories" },
        { "/export", "includeInferred" },
        { "/settings", "LlmProxy:Storage:ConnectionString" },
        { "/health", "ANTHROPIC_BASE_URL" },
    };

    [Theory]
    [MemberData(nameof(Screens))]
    public async Task Each_screen_shows_its_content_under_a_strict_policy(string path, string content)
    {
        using var visitor = server.Visit();
        using var answer = await visitor.Client.GetAsync(DashboardEndpoints.Prefix + path);
        var page = await answer.Content.ReadAsStringAsync();

        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {page}");
        Assert.Contains(content, page, StringComparison.Ordinal);
        AssertStrict(answer, page);
    }

    [Fact]
    public async Task A_trajectory_shows_outcome_score_prompt_and_steps()
    {
        using var visitor = server.Visit();

        var page = await visitor.ReadAsync("/trajectories/" + server.Run.Id);

        Assert.Contains("stated it", page, StringComparison.Ordinal);
        Assert.Contains("errorRate", page, StringComparison.Ordinal);
        Assert.Contains("You keep files in order.", page, StringComparison.Ordinal);
        Assert.Contains("list_files", page, StringComparison.Ordinal);
        Assert.Contains("q3.pdf", page, StringComparison.Ordinal);
        Assert.Contains("Step 2", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hostile_text_is_shown_as_text_everywhere()
    {
        using var visitor = server.Visit();
        var text = Uri.EscapeDataString(DashboardServer.Hostile);
        foreach (var path in (string[])["", "/trajectories", "/trajectories/" + server.HostileRun.Id, "/cost", "/health", "/examples?text=" + text, "/settings?search=" + text, $"/compare?left={server.HostileRun.Id}&right={server.Run.Id}", "/trajectories?search=" + Uri.EscapeDataString(DashboardServer.Hostile), "/trajectories?model=" + Uri.EscapeDataString(DashboardServer.Hostile)])
        {
            using var answer = await visitor.Client.GetAsync(DashboardEndpoints.Prefix + path);
            var page = await answer.Content.ReadAsStringAsync();

            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            AssertStrict(answer, page);
            Assert.All(Links().Matches(page).Select(link => link.Groups[1].Value), link => Assert.True(link.StartsWith(DashboardEndpoints.Prefix, StringComparison.Ordinal) || link[0] == '#', link));
            Assert.DoesNotContain("<svg onload", page, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(page, c => c is '\u202E' or '\u2066' or '\u200B' or '\u001B');
        }

        var run = await visitor.ReadAsync("/trajectories/" + server.HostileRun.Id);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", run, StringComparison.Ordinal);
        Assert.Contains("\\u202Eevil", run, StringComparison.Ordinal);
        Assert.Contains("{{ 7 * 7 }}", run, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(7)", run, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_is_sent_with_the_type_of_its_bytes_and_nothing_else_is_sent()
    {
        using var visitor = server.Visit();
        var steps = DashboardEndpoints.Prefix + "/trajectories/" + server.HostileRun.Id + "/steps/1/images/0/";

        using var image = await visitor.Client.GetAsync(steps + "0");
        using var script = await visitor.Client.GetAsync(steps + "1");
        using var none = await visitor.Client.GetAsync(steps + "2");

        Assert.Equal("image/png", image.Content.Headers.ContentType!.MediaType);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, script.StatusCode);
        Assert.DoesNotContain("alert(9)", await script.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task Filters_and_pages_are_in_the_address()
    {
        using var visitor = server.Visit();

        var failed = await visitor.ReadAsync("/trajectories?success=false");
        var none = await visitor.ReadAsync("/trajectories?search=zeppelin");
        var first = await visitor.ReadAsync("/trajectories?limit=1&status=completed");
        var next = WebUtility.HtmlDecode(NextPage().Match(first).Groups[1].Value);
        var second = await visitor.ReadAsync(next[DashboardEndpoints.Prefix.Length..]);

        Assert.DoesNotContain("Rename the quarterly report", failed, StringComparison.Ordinal);
        Assert.Contains("No trajectory matches", none, StringComparison.Ordinal);
        Assert.Contains("status=completed", next, StringComparison.Ordinal);
        Assert.NotEqual(Row().Match(first).Value, Row().Match(second).Value);
        using var wrong = await visitor.Client.GetAsync(DashboardEndpoints.Prefix + "/trajectories?minQuality=much");
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        Assert.Contains("minQuality", await wrong.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outcome_is_stated_by_the_form_of_this_page_alone()
    {
        var run = await server.PlayHostileAsync();
        var (page, action) = ("/trajectories/" + run.Id, $"/trajectories/{run.Id}/outcome");
        using var visitor = server.Visit();

        using var withoutToken = await visitor.SendAsync(action, [("success", "false")]);
        using var foreign = await visitor.SendAsync(action, [("success", "false")], "https://evil.example");
        Assert.Equal(HttpStatusCode.BadRequest, withoutToken.StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        Assert.True((await FindAsync(run))!.Success);

        using var stated = await visitor.SendAsync(page, action, ("success", "false"), ("comment", "It lost a file."));
        Assert.Equal(HttpStatusCode.Found, stated.StatusCode);
        var found = (await FindAsync(run))!;
        Assert.False(found.Success);
        Assert.Equal(OutcomeSource.Human, found.OutcomeSource);
        Assert.Equal("It lost a file.", found.Comment);
    }

    [Fact]
    public async Task Deleting_needs_the_one_time_link()
    {
        var run = await server.PlayHostileAsync();
        var (page, action) = ($"/trajectories/{run.Id}?delete=1", $"/trajectories/{run.Id}/delete");
        using var reader = server.Visit();
        Assert.DoesNotContain("Delete", await reader.ReadAsync(page), StringComparison.Ordinal);
        using var refused = await reader.SendAsync(page, action);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.NotNull(await FindAsync(run));

        using var owner = await server.VisitAsOwnerAsync();
        Assert.Contains("cannot be undone", await owner.ReadAsync(page), StringComparison.Ordinal);
        using var deleted = await owner.SendAsync(page, action);
        Assert.Equal(HttpStatusCode.Found, deleted.StatusCode);
        Assert.Null(await FindAsync(run));
    }

    [Fact]
    public async Task A_one_time_link_works_once_and_is_made_for_the_owner_alone()
    {
        using var anonymous = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Proxy.Address };
        using var refused = await anonymous.PostAsync("/_llmproxy/ui/links", null);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);

        using var made = await server.Proxy.PostAsync("/_llmproxy/ui/links", "");
        var path = System.Text.Json.Nodes.JsonNode.Parse(await made.Content.ReadAsStringAsync())!["path"]!.GetValue<string>();
        using var visitor = server.Visit();
        using var first = await visitor.Client.GetAsync(path);
        using var again = await visitor.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.Found, first.StatusCode);
        var cookie = first.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("path=/_llmproxy/ui", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(HttpStatusCode.Forbidden, again.StatusCode);
    }

    [Fact]
    public async Task Two_trajectories_are_aligned_by_their_tools()
    {
        using var visitor = server.Visit();

        var page = await visitor.ReadAsync($"/compare?left={server.Run.Id}&right={server.HostileRun.Id}");
        var same = await visitor.ReadAsync($"/compare?left={server.Run.Id}&right={server.Run.Id}");

        Assert.Contains(">differ<", page, StringComparison.Ordinal);
        Assert.Contains("list_files", page, StringComparison.Ordinal);
        Assert.DoesNotContain(">differ<", same, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exchanges_are_streamed_to_the_live_page()
    {
        using var visitor = server.Visit();
        using var answer = await visitor.Client.GetAsync(DashboardEndpoints.Prefix + "/events", HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.StartsWith(": watching", await lines.ReadLineAsync(), StringComparison.Ordinal);

        await server.PlayHostileAsync();
        string? line;
        do
        {
            line = await lines.ReadLineAsync();
        }
        while (line is not null && !line.StartsWith("data:", StringComparison.Ordinal));

        Assert.Contains("claude-sonnet-4-6", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_export_is_downloaded_and_settings_hide_secrets()
    {
        using var visitor = server.Visit();
        using var export = await visitor.Client.GetAsync(DashboardEndpoints.Prefix + "/export/data?format=openai&minQuality=0.5");
        Assert.Equal("trajectories-openai.jsonl", export.Content.Headers.ContentDisposition!.FileName!.Trim('"'));
        Assert.Contains("list_files", await export.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        var settings = await visitor.ReadAsync("/settings?search=Storage");
        Assert.DoesNotContain("Data Source", settings, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_template_is_checked_and_tried_by_readers_and_saved_by_no_reader()
    {
        using var owner = await server.VisitAsOwnerAsync();
        using var reader = server.Visit();
        const string Broken = "{{ system.txt }}";

        using var found = await reader.SendAsync("/templates", "/templates/check", ("file", "openai.sbn"), ("text", Broken));
        using var tried = await reader.SendAsync("/templates", "/templates", ("file", "openai.sbn"), ("text", "Always be brief.\n{{ system.text }}"), ("try", "latest"));
        using var refused = await reader.SendAsync("/templates", "/templates/save", ("file", "openai.sbn"), ("text", Broken));
        using var outside = await owner.SendAsync("/templates", "/templates/save", ("file", "../outside.sbn"), ("text", "x"));

        Assert.Contains("\"isError\":true", await found.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("Always be brief.", await tried.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("1 of 1 prompts would change", await tried.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, outside.StatusCode);
    }

    [Fact]
    public async Task The_root_leads_browsers_to_the_pages_and_answers_probes()
    {
        using var visitor = server.Visit();
        using var browser = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Accept", "text/html,application/xhtml+xml,*/*;q=0.8" } } };
        using var page = await visitor.Client.SendAsync(browser);
        using var probe = await visitor.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.Found, page.StatusCode);
        Assert.Equal(DashboardEndpoints.Prefix, page.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.OK, probe.StatusCode);
    }

    [Fact]
    public async Task Style_and_script_are_sent_once()
    {
        using var visitor = server.Visit();
        using var first = await visitor.Client.GetAsync(DashboardAssets.Address("dashboard.css"));
        using var again = new HttpRequestMessage(HttpMethod.Get, DashboardAssets.Address("dashboard.css"));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await visitor.Client.SendAsync(again);

        Assert.Equal("text/css", first.Content.Headers.ContentType!.MediaType);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
    }

    private static void AssertStrict(HttpResponseMessage answer, string page)
    {
        Assert.StartsWith("default-src 'self';", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("same-origin", answer.Headers.GetValues("Referrer-Policy").Single());
        Assert.Empty(Inline().Matches(page).Select(match => match.Value));
    }

    private async Task<Trajectory?> FindAsync(Trajectory run) => await server.Proxy.Store.FindTrajectoryAsync("default", run.Id, CancellationToken.None);

    [GeneratedRegex("""<style|<script(?![^>]*\ssrc="/_llmproxy/)|<[a-z]+(?:\s+[a-z-]+(?:="[^"]*")?)*\s+(?:on[a-z]+|style)=""", RegexOptions.IgnoreCase, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Inline();

    [GeneratedRegex("(?:href|src|action)=\"(?<value>[^\"]*)\"", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Links();

    [GeneratedRegex("rel=\"next\" href=\"(?<value>[^\"]+)\"", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex NextPage();

    [GeneratedRegex("""<tr data-row>.*?</a>""", RegexOptions.Singleline, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Row();
}
