using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;
using static LlmProxy.Tests.Wire.DesktopTalk;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// What a recorder of agent runs most easily gets wrong when its record is used, on each store: a search or a filter that
/// gives the opposite, everything or nothing; an error that looks like an empty list; examples whose use nobody counts; a
/// clean-up that takes what was to be kept; vectors that come back changed; and training data without the tools, the
/// images or the model's own turns. What can go wrong while it records is in <see cref="TrueRecordTests"/>.
/// </summary>
public abstract class TrueRecordUseTests
{
    private const string Plants = "Water the plants in the hall";
    private const string Flowers = "Water the flowers in the garden";
    private const string Trees = "Water the trees in the park";
    private const string Lawn = "Water the lawn behind the house";

    protected abstract Task<(string Key, string Value)[]> StoreAsync();

    private protected abstract Task ExecuteAsync(RunningProxy proxy, string sql);

    [StoreFact]
    public async Task A_listing_keeps_exactly_what_its_filter_says()
    {
        await using var proxy = await StartAsync();
        await PlayFourAsync(proxy);
        async Task<string> Listed(string query) =>
            string.Join(' ', (await proxy.GetJsonAsync("/_llmproxy/trajectories?" + query))["items"]!.AsArray().Select(i => ((string)i!["taskDescription"]!).Split(' ')[2]));

        Assert.Equal("lawn trees flowers plants", await Listed(""));
        Assert.Equal("trees", await Listed("provider=openai"));
        Assert.Equal("lawn flowers plants", await Listed("model=claude-sonnet-4-6"));
        Assert.Equal("lawn", await Listed("status=failed"));
        Assert.Equal("lawn", await Listed("success=false"));
        Assert.Equal("trees flowers plants", await Listed("success=true"));
        Assert.Equal("trees flowers plants", await Listed("minQuality=0.7"));
        Assert.Equal("trees plants", await Listed("minQuality=0.71"));
        Assert.Equal("flowers", await Listed("search=garden%20water"));
        Assert.Equal("plants", await Listed("provider=anthropic&success=true&minQuality=0.71"));
        var started = (string)(await proxy.GetJsonAsync("/_llmproxy/trajectories?search=trees"))["items"]![0]!["startedAt"]!;
        Assert.Equal("lawn trees", await Listed("since=" + started));
        Assert.Equal("lawn", await Listed("limit=1"));
    }

    [StoreFact]
    public async Task A_search_that_is_not_for_successes_alone_gives_failures_beside_them_and_each_filter_holds()
    {
        await using var proxy = await StartAsync();
        await PlayFourAsync(proxy);
        async Task<string> Found(string filters)
        {
            using var answer = await proxy.PostAsync("/_llmproxy/search", $$"""{"taskDescription":"Water the plants","topK":10,"minSimilarity":-1{{filters}}}""");
            return string.Join(' ', (await answer.JsonAsync())["items"]!.AsArray().Select(i => ((string)i!["taskDescription"]!).Split(' ')[2]).Order(StringComparer.Ordinal));
        }

        Assert.Equal("flowers plants", await Found(""));
        Assert.Equal("flowers plants", await Found(""","successOnly":true"""));
        Assert.Equal("flowers lawn plants", await Found(""","successOnly":false"""));
        Assert.Equal("plants", await Found(""","minQuality":0.71"""));
        Assert.Equal("trees", await Found(""","providers":["openai"]"""));
        Assert.Equal("flowers plants trees", await Found(""","providers":["openai","anthropic"]"""));
        Assert.Equal("", await Found(""","providers":["gemini"]"""));
    }

    [StoreFact]
    public async Task An_export_keeps_exactly_what_its_filter_says()
    {
        await using var proxy = await StartAsync();
        await PlayFourAsync(proxy);
        async Task<string> Exported(string query)
        {
            var lines = await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/export?format=openai" + query));
            return string.Join(' ', ((string[])["flowers", "lawn", "plants", "trees"]).Where(w => lines.Contains($"Water the {w} ", StringComparison.Ordinal)));
        }

        Assert.Equal("flowers plants trees", await Exported(""));
        Assert.Equal("plants trees", await Exported("&minQuality=0.71"));
        Assert.Equal("trees", await Exported("&modelProvider=openai"));
        Assert.Equal("flowers lawn plants trees", await Exported("&successOnly=false"));
        Assert.Equal("trees", await Exported("&limit=1"));
        Assert.Equal("", await Exported("&since=2999-01-01"));
    }

    [StoreFact]
    public async Task A_filter_that_cannot_be_read_and_a_store_that_cannot_answer_are_errors_and_no_empty_lists()
    {
        await using var proxy = await StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy, Plants);
        foreach (var query in (string[])["trajectories?minQuality=high", "trajectories?success=perhaps", "trajectories?since=soon", "trajectories?cursor=1", "export?format=openai&minQuality=2"])
        {
            using var refused = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/" + query));
            Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (refused.StatusCode, refused.Content.Headers.ContentType!.MediaType));
        }

        const string Search = $$"""{"taskDescription":"{{Plants}}","minQuality":0.5}""";
        using (var found = await proxy.PostAsync("/_llmproxy/search", Search))
        using (var refused = await proxy.PostAsync("/_llmproxy/search", Search.Replace("0.5", "\"high\"", StringComparison.Ordinal)))
        {
            Assert.Single((await found.JsonAsync())["items"]!.AsArray());
            Assert.Equal((HttpStatusCode.BadRequest, "minQuality"), (refused.StatusCode, (string?)(await refused.JsonAsync())["field"]));
        }

        await ExecuteAsync(proxy, "ALTER TABLE task_trajectory RENAME TO gone");
        foreach (var query in (string[])["trajectories?provider=anthropic", "trajectories/last", "statistics", "export?format=openai", "examples"])
        {
            using var failed = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/" + query));
            Assert.Equal((query, HttpStatusCode.ServiceUnavailable), (query, failed.StatusCode));
        }

        using var search = await proxy.PostAsync("/_llmproxy/search", Search);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, search.StatusCode);
    }

    [StoreFact]
    public async Task The_use_of_an_example_is_counted_once_for_each_task_that_got_it()
    {
        await using var proxy = await StartAsync();
        var run = await LongRun.RecordClaudeAsync(proxy, Plants);
        Assert.Empty((await proxy.GetJsonAsync("/_llmproxy/examples"))["items"]!.AsArray());

        foreach (var (task, steps) in ((string, int)[])[(Plants + " today", 3), (Plants + " tomorrow", 1)])
        {
            var gpt = new LongRun("chat", "gpt-4o", task);
            for (var step = 1; step <= steps; step++)
            {
                proxy.Upstream.AnswerWith(gpt.Answer(step));
                using var answer = await proxy.PostAsync(gpt.Path, gpt.Request(step, "You operate a desktop."));
                Assert.Equal([run], answer.Headers.GetValues("LlmProxy-Examples"));
            }
        }

        // No call waits for the count.
        JsonNode example;
        var started = Stopwatch.GetTimestamp();
        do
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60), "the use is not counted");
            await Task.Delay(20);
            example = (await proxy.GetJsonAsync("/_llmproxy/examples"))["items"]!.AsArray().SingleOrDefault() ?? new JsonObject { ["usageCount"] = 0 };
        }
        while ((int)example["usageCount"]! < 2);

        Assert.Equal((run, Plants, 2), ((string)example["trajectoryId"]!, (string)example["taskDescription"]!, (int)example["usageCount"]!));
        Assert.NotNull((string?)example["lastUsedAt"]);
    }

    [StoreFact]
    public async Task A_clean_up_takes_old_poor_runs_and_neither_failures_nor_what_is_pinned_young_or_good()
    {
        await using var proxy = await StartAsync(("LlmProxy:Cleanup:MaxQuality", "0.5"));
        await PlayFourAsync(proxy);
        var poor = await PlayAsync(proxy, "Sweep the yard", """{"success":true,"metrics":{"userInterventions":2}}""");
        var pinned = await PlayAsync(proxy, "Sweep the cellar", """{"success":true,"metrics":{"userInterventions":3}}""");
        using (await proxy.Client.PutAsync(new Uri(proxy.Address, $"/_llmproxy/examples/{pinned}"), new StringContent("""{"pinned":true}""")))
        {
        }

        async Task<int> Cleaned(string body)
        {
            using var answer = await proxy.PostAsync("/_llmproxy/cleanup", body);
            return (int)(await answer.JsonAsync())["deleted"]!;
        }

        Assert.Equal(0, await Cleaned("{}"));
        Assert.Equal(0, await Cleaned("""{"olderThanDays":0,"maxQuality":0.3}"""));
        Assert.Equal(1, await Cleaned("""{"olderThanDays":0,"dryRun":true}"""));
        Assert.Equal(1, await Cleaned("""{"olderThanDays":0}"""));

        var left = (await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray().Select(i => (string)i!["taskDescription"]!);
        Assert.Equal(["Sweep the cellar", Lawn, Trees, Flowers, Plants], left);
        using var gone = await proxy.Client.GetAsync(new Uri(proxy.Address, "/_llmproxy/trajectories/" + poor));
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal(1, await Cleaned("""{"olderThanDays":0,"includeUnscored":true}"""));
    }

    [StoreFact]
    public async Task Vectors_come_back_exactly_as_they_were_written()
    {
        await using var proxy = await StartAsync();
        var task = await ApiTestRuns.PlayToTheEndAsync(proxy, Plants);
        using (var embedded = await proxy.PostAsync($"/_llmproxy/trajectories/{task}/embedding", """{"taskDescription":"Bake bread with rye flour"}"""))
        {
            Assert.Equal(HttpStatusCode.OK, embedded.StatusCode);
        }

        float[] awkward = [1 / 3f, -0.1f, float.Epsilon, 1.17549435e-38f, 3.40282347e+38f, -16777217f, 1e-7f, 0.30000001f];
        var store = (SqlTrajectoryStore)proxy.Store;
        var run = Assert.Single(await store.ReadRunsAsync(0, 10, default));
        Assert.Equal(1, await store.SaveEmbeddingsAsync("default", [new TrajectoryEmbeddings(run.Run.Id, run.Run.TaskDescription, [new TrajectoryEmbedding("some-model", "task", awkward, "some text")])], default));

        var vectors = (await store.ReadRunAsync(run, default)).Change.Embeddings.ToDictionary(e => (e.Model, e.Kind), e => e.Vector.Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(awkward.Select(BitConverter.SingleToInt32Bits), vectors[("some-model", "task")]);
        Assert.Equal(LexicalEmbedder.Embed("Bake bread with rye flour").Select(BitConverter.SingleToInt32Bits), vectors[(LexicalEmbedder.ModelName, "task")]);
    }

    [StoreFact]
    public async Task Training_data_holds_every_turn_once_with_its_tools_results_and_images_in_each_formats_own_way()
    {
        const string Image = """{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}""";
        await using var proxy = await StartAsync();
        // OpenAI takes no file of less than ten lines.
        for (var i = 1; i < 10; i++)
        {
            await ApiTestRuns.PlayToTheEndAsync(proxy, string.Create(CultureInfo.InvariantCulture, $"{Plants} {i}"));
        }

        var talk = new DesktopTalk(proxy, "Save the invoice");
        await talk.AskAsync([], Thinks("The shop has it."), Says("I open the shop."), Clicks("c1", 10, 20));
        await talk.AskAsync([Result("c1", "The shop is open.").Replace("]}", $",{Image}]}}", StringComparison.Ordinal)], Clicks("c2", 0, 0));
        await talk.AskAsync([Result("c2", "Error executing computer_click_mouse tool: nothing there", isError: true)], Says("I try again."), Clicks("c3", 30, 40));
        await talk.AskAsync([Result("c3", "Visual change detected near (30, 40) with 90% confidence.")], Says("The invoice is saved."));
        using (await proxy.PostAsync($"/_llmproxy/tasks/{talk.TaskId}/complete", """{"success":true}"""))
        {
        }

        using var folder = new TestFolder();
        foreach (var (format, member, expected) in ((string, string, string)[])
        [
            ("openai", "messages", $$$"""[{"role":"system","content":"{{{DesktopTalk.System}}}"},{"role":"user","content":"Save the invoice"},{"role":"assistant","content":"I open the shop.","tool_calls":[{"id":"c1","type":"function","function":{"name":"computer_click_mouse","arguments":"{\"x\":10,\"y\":20}"}}]},{"role":"tool","tool_call_id":"c1","content":"The shop is open.\n[image]"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c2","type":"function","function":{"name":"computer_click_mouse","arguments":"{\"x\":0,\"y\":0}"}}]},{"role":"tool","tool_call_id":"c2","content":"ERROR: Error executing computer_click_mouse tool: nothing there"},{"role":"assistant","content":"I try again.","tool_calls":[{"id":"c3","type":"function","function":{"name":"computer_click_mouse","arguments":"{\"x\":30,\"y\":40}"}}]},{"role":"tool","tool_call_id":"c3","content":"Visual change detected near (30, 40) with 90% confidence."},{"role":"assistant","content":"The invoice is saved."}]"""),
            ("gemini", "contents", """[{"role":"user","parts":[{"text":"Save the invoice"}]},{"role":"model","parts":[{"text":"I open the shop."},{"functionCall":{"name":"computer_click_mouse","args":{"x":10,"y":20}}}]},{"role":"user","parts":[{"functionResponse":{"name":"computer_click_mouse","response":{"output":"The shop is open.\n[image]"}}},{"fileData":{"mimeType":"image/png","fileUri":"gs://b/i/IMAGE.png"}}]},{"role":"model","parts":[{"functionCall":{"name":"computer_click_mouse","args":{"x":0,"y":0}}}]},{"role":"user","parts":[{"functionResponse":{"name":"computer_click_mouse","response":{"error":"Error executing computer_click_mouse tool: nothing there"}}}]},{"role":"model","parts":[{"text":"I try again."},{"functionCall":{"name":"computer_click_mouse","args":{"x":30,"y":40}}}]},{"role":"user","parts":[{"functionResponse":{"name":"computer_click_mouse","response":{"output":"Visual change detected near (30, 40) with 90% confidence."}}}]},{"role":"model","parts":[{"text":"The invoice is saved."}]}]"""),
            ("anthropic", "messages", $$"""[{"role":"user","content":"Save the invoice"},{"role":"assistant","content":[{{Says("I open the shop.")}},{{Clicks("c1", 10, 20)}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{{Says("The shop is open.")}},{{Image}}]}]},{"role":"assistant","content":[{{Clicks("c2", 0, 0)}}]},{"role":"user","content":[{{Result("c2", "Error executing computer_click_mouse tool: nothing there", isError: true)}}]},{"role":"assistant","content":[{{Says("I try again.")}},{{Clicks("c3", 30, 40)}}]},{"role":"user","content":[{{Result("c3", "Visual change detected near (30, 40) with 90% confidence.")}}]},{"role":"assistant","content":[{{Says("The invoice is saved.")}}]}]"""),
        ])
        {
            var outcome = await Llmproxy.RunAsync(proxy, "export", "--format", format, "--image-uri", "gs://b/i", "--output", folder[format + ".jsonl"]);
            Assert.True(outcome.Code == 0, outcome.Output + outcome.Error);

            var lines = await File.ReadAllLinesAsync(folder[format + ".jsonl"]);
            Assert.Equal(10, lines.Length);
            Assert.All(lines, line => Assert.IsType<JsonObject>(JsonNode.Parse(line)));
            using var line = JsonDocument.Parse(lines.Single(l => l.Contains("Save the invoice", StringComparison.Ordinal)));
            var image = LlmProxy.Core.Trajectories.ContentHash.Of(Convert.FromBase64String("iVBORw0KGgo=")).Value;
            Assert.Equal(expected.Replace("IMAGE", image, StringComparison.Ordinal), line.RootElement.GetProperty(member).GetRawText());
            Assert.Contains("set_task_status", line.RootElement.GetProperty("tools").GetRawText(), StringComparison.Ordinal);
        }
    }

    [StoreFact]
    public async Task A_line_for_OpenAI_holds_no_key_that_OpenAI_does_not_know()
    {
        await using var proxy = await StartAsync();
        var talk = new DesktopTalk(proxy, "Save the invoice");
        await talk.AskAsync([], Thinks("The shop has it."), Clicks("c1", 10, 20));
        await talk.AskAsync([Result("c1", "The shop is open."), """{"type":"image","source":{"type":"url","url":"https://example.com/shop.png"}}"""], Says("The invoice is saved."));
        using (await proxy.PostAsync($"/_llmproxy/tasks/{talk.TaskId}/complete", """{"success":true,"comment":"well done"}"""))
        {
        }

        // The agent puts a turn into the model's mouth.
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        using (await proxy.PostAsync("/anthropic/v1/messages", """{"model":"claude-sonnet-4-6","max_tokens":10,"messages":[{"role":"user","content":"Sort it"},{"role":"assistant","content":"Detected 3 elements."},{"role":"user","content":"Go on"}]}"""))
        using (await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true}"""))
        {
        }

        var lines = (await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/export?format=openai"))).TrimEnd('\n').Split('\n').Select(l => JsonNode.Parse(l)!).ToList();
        var messages = lines.SelectMany(l => l["messages"]!.AsArray()).ToList();

        string Keys(IEnumerable<JsonNode?> nodes) => string.Join(' ', nodes.SelectMany(n => n!.AsObject().Select(m => m.Key)).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(2, lines.Count);
        Assert.Equal("messages parallel_tool_calls tools", Keys(lines));
        Assert.Equal("content role", Keys(messages.Where(m => (string)m!["role"]! is "system" or "user")));
        Assert.Equal("content role tool_calls weight", Keys(messages.Where(m => (string)m!["role"]! == "assistant")));
        Assert.Equal("content role tool_call_id", Keys(messages.Where(m => (string)m!["role"]! == "tool")));
        Assert.Equal("function id type", Keys(messages.SelectMany(m => m!["tool_calls"]?.AsArray() ?? [])));
        Assert.Equal("function type", Keys(lines.SelectMany(l => l["tools"]?.AsArray() ?? [])));
    }

    private async Task<RunningProxy> StartAsync(params (string Key, string Value)[] settings) =>
        await RunningProxy.StartAsync(null, [("LlmProxy:Recording:Providers", "anthropic,openai"), ("LlmProxy:Recording:Failures", "true"), .. await StoreAsync(), .. settings]);

    /// <summary>Runs that scored 1, 0.7, 1 (by another provider), and one that failed.</summary>
    private static async Task PlayFourAsync(RunningProxy proxy)
    {
        await ApiTestRuns.PlayToTheEndAsync(proxy, Plants);
        await PlayAsync(proxy, Flowers, """{"success":true,"metrics":{"userInterventions":1}}""");
        var gpt = new LongRun("chat", "gpt-4o", Trees);
        proxy.Upstream.AnswerWith(gpt.Answer(1));
        using (await proxy.PostAsync(gpt.Path, gpt.Request(1, "You operate a desktop.")))
        using (await proxy.PostAsync("/_llmproxy/tasks/last/complete", """{"success":true}"""))
        {
        }

        await PlayAsync(proxy, Lawn, """{"success":false}""");
    }

    private static async Task<string> PlayAsync(RunningProxy proxy, string task, string outcome)
    {
        var id = await ApiTestRuns.PlayAsync(proxy, task);
        using var answer = await proxy.PostAsync($"/_llmproxy/tasks/{id}/complete", outcome);
        Assert.True((bool?)(await answer.JsonAsync())["recorded"]);
        return id;
    }
}

public sealed class SqliteTrueRecordUseTests : TrueRecordUseTests
{
    protected override Task<(string Key, string Value)[]> StoreAsync() => Task.FromResult(Array.Empty<(string, string)>());

    private protected override async Task ExecuteAsync(RunningProxy proxy, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")};Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Constants of the tests.
        command.CommandText = sql;
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}

[NeedsPostgres]
[Collection(PostgresTests.Name)]
public sealed class PostgresTrueRecordUseTests(PostgresServer server) : TrueRecordUseTests
{
    private string _database = "";

    protected override async Task<(string Key, string Value)[]> StoreAsync()
    {
        _database = await server.CreateDatabaseAsync();
        return [("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", _database)];
    }

    private protected override async Task ExecuteAsync(RunningProxy proxy, string sql)
    {
        await using var connection = new NpgsqlConnection(_database + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100 // Constants of the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}
