using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Curation over the API, by the verb and on schedule, on trajectories of real calls.</summary>
public sealed class CurationApiTests
{
    private static readonly string[] Tasks =
    [
        "Rename the quarterly report and move it to the archive", "Rename the yearly report and move it to the archive",
        "Translate the welcome letter into Portuguese", "Translate the welcome letter into Danish",
    ];

    [Fact]
    public async Task Curation_gives_tasks_a_type_and_reports_coverage_and_a_dry_run_changes_nothing()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var ids = await PlayAsync(proxy);

        var dry = await CurateAsync(proxy, """{"dryRun":true}""");
        Assert.All(await TypesAsync(proxy, ids), Assert.Null);
        var report = await CurateAsync(proxy, "");
        var types = await TypesAsync(proxy, ids);

        Assert.Equal("dryRun tasks untyped changed types coverage redundant harmful", report.Names());
        Assert.Equal("name stated tasks judged successes examples goodExamples chosen", report["types"]![0].Names());
        Assert.Equal("trajectoryId taskDescription qualityScore iterationCount pinned verified evidence", report["types"]![0]!["chosen"]![0].Names());
        Assert.Equal((true, false, 4, 4), ((bool)dry["dryRun"]!, (bool)report["dryRun"]!, (int)dry["changed"]!, (int)report["changed"]!));
        Assert.Equal(dry["types"]!.ToJsonString(), report["types"]!.ToJsonString());
        Assert.Equal((types[0], types[2]), (types[1], types[3]));
        Assert.NotEqual(types[0], types[2]);
        Assert.Equal(report["types"]!.AsArray().Select(t => (string?)t!["name"]).Order(), types.Distinct().Order());
        Assert.Equal((2, 2, 2, 4), ((int)report["coverage"]!["types"]!, (int)report["coverage"]!["withExample"]!, (int)report["coverage"]!["withGoodExample"]!, (int)report["coverage"]!["tasksWithGoodExample"]!));
        Assert.Equal(0, (int)(await CurateAsync(proxy, "{}"))["changed"]!);
    }

    [Fact]
    public async Task A_type_is_stated_over_the_api_shown_and_kept_until_it_is_left_to_curation_again()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var ids = await PlayAsync(proxy);

        var stated = await PutAsync(proxy, ids[0], """{"taskType":" filing ","pinned":true}""");
        var report = await CurateAsync(proxy, "");
        var list = await Llmproxy.RunAsync(proxy, "examples", "list");
        var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", ids[0]);

        Assert.Equal("filing", (string?)stated["taskType"]);
        Assert.Equal(["filing", "filing"], (await TypesAsync(proxy, ids)).Take(2));
        Assert.Contains(report["types"]!.AsArray(), t => (string?)t!["name"] == "filing" && (bool)t["stated"]!);
        Assert.Matches("filing +pinned", list.Output);
        Assert.Contains("filing (stated)", shown.Output, StringComparison.Ordinal);

        Assert.Null((await PutAsync(proxy, ids[0], """{"taskType":""}"""))["taskType"]);
        await CurateAsync(proxy, "");
        Assert.False((bool)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{ids[0]}"))["taskTypeStated"]!);
        Assert.NotNull((await TypesAsync(proxy, ids))[0]);
    }

    [Theory]
    [InlineData("""{"taskType":1}""", "'taskType' must be a string")]
    [InlineData("""{"taskType":"LONG"}""", "'taskType' must be a text of at most 80 characters, or empty")]
    public async Task A_wrong_type_is_a_problem_that_names_the_field(string body, string detail)
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);

        using var answer = await SendAsync(proxy, id, body.Replace("LONG", new string('x', 81), StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(detail, (string?)(await answer.JsonAsync())["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_in_a_stated_type_is_not_stored()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy);
        var secret = "gh" + "p_" + new string('a', 16) + "B1c2D3e4F5g6H7i8J9k0";

        await PutAsync(proxy, id, JsonSerializer.Serialize(new { taskType = "deploy " + secret }));

        var type = (await TypesAsync(proxy, [id]))[0];
        Assert.StartsWith("deploy ", type, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, type, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_verb_prints_types_coverage_and_what_is_redundant_or_json()
    {
        await using var proxy = await RunningProxy.StartAsync();
        await PlayAsync(proxy);
        await ApiTestRuns.PlayToTheEndAsync(proxy, Tasks[0] + "!");

        var dry = await Llmproxy.RunAsync(proxy, "examples", "curate", "--dry-run");
        var json = await Llmproxy.RunAsync(proxy, "examples", "curate", "--json");

        Assert.Equal("", dry.Error);
        Assert.Contains("2 types of 5 finished tasks; 0 tasks have no type. The type of 5 would change.", dry.Output, StringComparison.Ordinal);
        Assert.Matches("Type +Tasks +Succeeded +Examples +Best example +Task", dry.Output);
        Assert.Contains("Coverage: 2 of 2 types have a good example, which are 5 of 5 tasks.", dry.Output, StringComparison.Ordinal);
        Assert.Contains("Redundant:", dry.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("Harmful:", dry.Output, StringComparison.Ordinal);
        Assert.Equal(5, (int)json.Json["changed"]!);
    }

    [Fact]
    public async Task Without_finished_tasks_the_verb_says_so()
    {
        await using var proxy = await RunningProxy.StartAsync();

        Assert.Contains("No task has finished yet.", (await Llmproxy.RunAsync(proxy, "examples", "curate")).Output, StringComparison.Ordinal);
        Assert.Contains("No example was used, pinned or edited yet.", (await Llmproxy.RunAsync(proxy, "examples", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_schedule_reaches_the_running_proxy()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Curation:Every", "00:00:01"));
        var id = await ApiTestRuns.PlayToTheEndAsync(proxy, Tasks[0]);
        await ApiTestRuns.PlayToTheEndAsync(proxy, Tasks[1]);

        await proxy.Log.WaitForAsync(1205, 1);
        Assert.NotNull(id);
    }

    private static async Task<IReadOnlyList<string>> PlayAsync(RunningProxy proxy)
    {
        var ids = new List<string>();
        foreach (var task in Tasks)
        {
            ids.Add(await ApiTestRuns.PlayToTheEndAsync(proxy, task));
        }

        return ids;
    }

    private static async Task<List<string?>> TypesAsync(RunningProxy proxy, IEnumerable<string> ids)
    {
        var types = new List<string?>();
        foreach (var id in ids)
        {
            types.Add((string?)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["taskType"]);
        }

        return types;
    }

    private static async Task<JsonNode> CurateAsync(RunningProxy proxy, string body)
    {
        using var answer = await proxy.PostAsync("/_llmproxy/examples/curate", body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.JsonAsync();
    }

    private static async Task<JsonNode> PutAsync(RunningProxy proxy, string id, string body)
    {
        using var answer = await SendAsync(proxy, id, body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return await answer.JsonAsync();
    }

    private static async Task<HttpResponseMessage> SendAsync(RunningProxy proxy, string id, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, new Uri(proxy.Address, "/_llmproxy/examples/" + id)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        return await proxy.Client.SendAsync(request);
    }
}
