using System.Net;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Server.Dashboard;
using LlmProxy.Tests.Storage;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Dashboard;

/// <summary>Who sees which pages, with keys and in other modes.</summary>
public sealed class DashboardAccessTests
{
    [Fact]
    public async Task Each_tenant_signs_in_with_its_key_and_sees_its_own()
    {
        var (north, south, caller) = (Key("north"), Key("south"), Key("caller"));
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [.. Entry(0, "north-admin", "north", north, isAdmin: true), .. Entry(1, "south-admin", "south", south, isAdmin: true), .. Entry(2, "south-caller", "south", caller, isAdmin: false)]);
        await proxy.Store.SaveAsync([SampleRuns.Change(SampleRuns.Run("north-run", "Survey the northern route") with { Tenant = "north" }, SampleRuns.Text("{\"role\":\"user\",\"content\":\"northern\"}"))], CancellationToken.None);

        using var stranger = new Visitor(proxy.Address);
        using var redirected = await stranger.Client.GetAsync(DashboardEndpoints.Prefix + "/trajectories?success=true");
        Assert.Equal(HttpStatusCode.Found, redirected.StatusCode);
        Assert.StartsWith(DashboardEndpoints.Prefix + "/sign-in?return=", redirected.Headers.Location!.OriginalString, StringComparison.Ordinal);
        foreach (var key in (string[])["wrong", caller, ""])
        {
            using var refused = await stranger.SendAsync("/sign-in", "/sign-in", ("key", key));
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        }

        using var northern = await SignInAsync(proxy, north);
        Assert.Contains("northern route", await northern.ReadAsync("/trajectories"), StringComparison.Ordinal);
        var settings = await northern.ReadAsync("/settings");
        Assert.Contains("north-admin", settings, StringComparison.Ordinal);
        Assert.DoesNotContain("south", settings, StringComparison.Ordinal);

        using var southern = await SignInAsync(proxy, south);
        Assert.DoesNotContain("northern route", await southern.ReadAsync("/trajectories"), StringComparison.Ordinal);
        foreach (var path in (string[])["/trajectories/north-run", "/trajectories/north-run/steps/1/text", "/compare?left=north-run&right=north-run"])
        {
            using var hidden = await southern.Client.GetAsync(DashboardEndpoints.Prefix + path);
            Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
        }

        using var deletion = await southern.SendAsync("", "/trajectories/north-run/delete");
        Assert.Equal(HttpStatusCode.NotFound, deletion.StatusCode);
        Assert.NotNull(await proxy.Store.FindTrajectoryAsync("north", "north-run", CancellationToken.None));

        using var left = await northern.SendAsync("", "/sign-out");
        using var after = await northern.Client.GetAsync(DashboardEndpoints.Prefix + "/trajectories");
        Assert.Equal(HttpStatusCode.Found, after.StatusCode);
    }

    [Theory]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example")]
    [InlineData("/_llmproxy/ui/..\\evil")]
    [InlineData("/_llmproxy/uievil")]
    public async Task Signing_in_leads_to_no_other_site(string path)
    {
        var key = Key("admin");
        await using var proxy = await RunningProxy.StartAsync(null, [.. Entry(0, "admin", "default", key, isAdmin: true)]);
        using var visitor = new Visitor(proxy.Address);

        using var answer = await visitor.SendAsync("/sign-in", "/sign-in", ("key", key), ("return", path));

        Assert.Equal(DashboardEndpoints.Prefix, answer.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Pages_that_are_off_are_not_served()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Dashboard:Enabled", "false"));
        using var visitor = new Visitor(proxy.Address);
        using var page = await visitor.Client.GetAsync(DashboardEndpoints.Prefix);
        using var root = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { { "Accept", "text/html" } } };
        using var probe = await visitor.Client.SendAsync(root);

        Assert.Equal(HttpStatusCode.NotFound, page.StatusCode);
        Assert.Equal(HttpStatusCode.OK, probe.StatusCode);
    }

    [Fact]
    public async Task A_run_of_500_steps_is_read_in_pages_below_2_MB()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var messages = Enumerable.Range(0, 500).Select(i => SampleRuns.Text($"{{\"role\":\"user\",\"content\":\"{i} {new string('x', 30_000)}\"}}")).ToArray();
        await proxy.Store.SaveAsync([SampleRuns.Change(SampleRuns.Run("long") with { IterationCount = 500 }, messages)], CancellationToken.None);
        using var visitor = new Visitor(proxy.Address);

        var (first, last) = (await visitor.ReadAsync("/trajectories/long"), await visitor.ReadAsync("/trajectories/long?from=481"));

        Assert.InRange(Encoding.UTF8.GetByteCount(first), 1, 2 << 20);
        Assert.Contains("Steps 1 to 20 of 500", first, StringComparison.Ordinal);
        Assert.Contains("Steps 481 to 500 of 500", last, StringComparison.Ordinal);
        Assert.DoesNotContain("rel=\"next\"", last, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_template_of_a_folder_is_saved_only_if_it_is_valid()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-templates-");
        try
        {
            foreach (var (name, text) in LlmProxy.Core.Prompting.TemplateSet.Shipped.Files)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.FullName, name))!);
                await File.WriteAllTextAsync(Path.Combine(folder.FullName, name), text);
            }

            var file = Path.Combine(folder.FullName, "openai.sbn");
            var before = await File.ReadAllTextAsync(file);
            await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", folder.FullName));
            using var visitor = new Visitor(proxy.Address);
            using var link = await proxy.PostAsync("/_llmproxy/ui/links", "");
            using var opened = await visitor.Client.GetAsync(System.Text.Json.Nodes.JsonNode.Parse(await link.Content.ReadAsStringAsync())!["path"]!.GetValue<string>());

            using var broken = await visitor.SendAsync("/templates?file=openai.sbn", "/templates/save", ("file", "openai.sbn"), ("text", "{{ system.txt }}"));
            Assert.Equal(before, await File.ReadAllTextAsync(file));
            using var saved = await visitor.SendAsync("/templates?file=openai.sbn", "/templates/save", ("file", "openai.sbn"), ("text", before + "\nBe brief.\n"));

            Assert.Equal(HttpStatusCode.OK, broken.StatusCode);
            Assert.Equal(HttpStatusCode.Found, saved.StatusCode);
            Assert.EndsWith("Be brief.\n", await File.ReadAllTextAsync(file), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Assembled here, so that no scanner takes it for a real one.
    private static string Key(string name) => string.Concat("llmp", "-", name, "-", "0123456789abcdef");

    private static (string Key, string Value)[] Entry(int index, string name, string tenant, string key, bool isAdmin) =>
    [
        ($"LlmProxy:Auth:Keys:{index}:Name", name), ($"LlmProxy:Auth:Keys:{index}:Tenant", tenant), ($"LlmProxy:Auth:Keys:{index}:Admin", isAdmin ? "true" : "false"),
        ($"LlmProxy:Auth:Keys:{index}:Sha256", Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))),
    ];

    private static async Task<Visitor> SignInAsync(RunningProxy proxy, string key)
    {
        var visitor = new Visitor(proxy.Address);
        using var answer = await visitor.SendAsync("/sign-in", "/sign-in", ("key", key));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        return visitor;
    }
}
