using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Testing.Replay;
using LlmProxy.Testing.Stubs;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Replay;

/// <summary>The mappings by the rules of WireMock's own mapping model; those of WireMock.Net are checked in the real server.</summary>
public sealed class StubFolderTests
{
    private static readonly string[] WireMockMembers = ["id", "name", "scenarioName", "requiredScenarioState", "newScenarioState", "request", "response"];

    [Fact]
    public void In_wiremock_a_run_is_one_scenario_from_started_to_an_end_of_its_own()
    {
        var mappings = Mappings(StubFlavor.WireMock, "mappings/");

        // By name: the first step for the next run and for this one, in each form, then the others in each form; errors have one.
        Assert.Equal(["done", "Started", "done", "Started", "step-02", "step-02", "step-03", "step-03", "step-04", "step-05"], mappings.Select(m => (string)m["requiredScenarioState"]!));
        Assert.Equal(["step-02", "step-02", "step-02", "step-02", "step-03", "step-03", "step-04", "step-04", "step-05", "done"], mappings.Select(m => (string)m["newScenarioState"]!));
        Assert.Equal("replay of task-1", (string)Assert.Single(mappings.Select(m => m["scenarioName"]!.ToJsonString()).Distinct())[1..^1]);
        Assert.All(mappings, m => Assert.Equal(WireMockMembers, m.Select(member => member.Key)));
        Assert.Equal(mappings.Count, mappings.Select(m => Guid.Parse((string)m["id"]!)).Distinct().Count());
    }

    [Theory]
    [InlineData("step-01-stream", "(/.*)?/messages", """{"matchesJsonPath":{"expression":"$.model","equalTo":"claude-sonnet-4-5"}}""", """{"matchesJsonPath":"$[?(@.stream == true)]"}""")]
    [InlineData("step-01-whole", "(/.*)?/messages", """{"matchesJsonPath":{"expression":"$.model","equalTo":"claude-sonnet-4-5"}}""", """{"not":{"matchesJsonPath":"$[?(@.stream == true)]"}}""")]
    [InlineData("step-01-whole-again", "(/.*)?/messages", """{"matchesJsonPath":{"expression":"$.model","equalTo":"claude-sonnet-4-5"}}""", """{"not":{"matchesJsonPath":"$[?(@.stream == true)]"}}""", """{"not":{"matchesJsonPath":"$..[?(@.tool_use_id)]"}}""")]
    [InlineData("step-02-whole", "(/.*)?/chat/completions", """{"matchesJsonPath":{"expression":"$.model","matches":"gpt-4\\.1.*"}}""", """{"not":{"matchesJsonPath":"$[?(@.stream == true)]"}}""", """{"matchesJsonPath":"$..[?(@.tool_call_id == 'it\\'s')]"}""")]
    [InlineData("step-03-stream", "(/.*)?/models/gemini-2\\.5-pro(:|%3A)streamGenerateContent", """{"matchesJsonPath":"$.contents[*].parts[?(@.functionResponse.name == 'look')]"}""")]
    [InlineData("step-03-whole", "(/.*)?/models/gemini-2\\.5-pro(:|%3A)generateContent", """{"matchesJsonPath":"$.contents[*].parts[?(@.functionResponse.name == 'look')]"}""")]
    [InlineData("step-04", "(/.*)?/responses")]
    public void In_wiremock_a_request_is_matched_by_model_stream_and_results_and_by_no_text(string step, string path, params string[] body)
    {
        var request = Mapping(StubFolder.Of(Run(), StubFlavor.WireMock), $"mappings/{step}.json")["request"]!;

        Assert.Equal(("POST", path), ((string)request["method"]!, (string)request["urlPathPattern"]!));
        Assert.Equal(body, (request["bodyPatterns"] as JsonArray ?? []).Select(pattern => Plain(pattern!)));
        Assert.DoesNotContain("Sweep", Plain(request), StringComparison.Ordinal);
    }

    [Fact]
    public void In_wiremock_a_stream_has_its_body_in_a_file_and_dribbles_over_its_recorded_time()
    {
        var folder = StubFolder.Of(Run(), StubFlavor.WireMock);
        var response = Mapping(folder, "mappings/step-01-stream.json")["response"]!.AsObject();

        // One of body, jsonBody, base64Body and bodyFileName; both numbers of the dribble; nothing hop-by-hop, no id.
        Assert.Equal(["status", "headers", "bodyFileName", "fixedDelayMilliseconds", "chunkedDribbleDelay"], response.Select(member => member.Key));
        Assert.Equal("""{"Content-Type":"text/event-stream; charset=utf-8"}""", Plain(response["headers"]!));
        Assert.Equal(250, (long?)response["fixedDelayMilliseconds"]);
        Assert.Equal(["numberOfChunks", "totalDuration"], response["chunkedDribbleDelay"]!.AsObject().Select(member => member.Key));
        Assert.Equal(740, (long?)response["chunkedDribbleDelay"]!["totalDuration"]);
        Assert.InRange((long)response["chunkedDribbleDelay"]!["numberOfChunks"]!, 2, 12);
        var body = Encoding.UTF8.GetString(folder.Files["__files/" + (string)response["bodyFileName"]!]);
        Assert.StartsWith("event: message_start\ndata: {\"type\":\"message_start\"", body, StringComparison.Ordinal);
        Assert.EndsWith("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", body, StringComparison.Ordinal);

        var whole = Mapping(folder, "mappings/step-02-whole.json")["response"]!.AsObject();
        Assert.Equal(["status", "headers", "bodyFileName"], whole.Select(member => member.Key));
        Assert.Equal("""{"Content-Type":"application/json"}""", Plain(whole["headers"]!));
        Assert.NotNull(JsonNode.Parse(folder.Files["__files/" + (string)whole["bodyFileName"]!]));

        // Asked for whole, the recorded stream comes when it had ended.
        Assert.Equal(990, (long?)Mapping(folder, "mappings/step-01-whole.json")["response"]!["fixedDelayMilliseconds"]);
    }

    [Fact]
    public void Without_pauses_nothing_is_delayed()
    {
        foreach (var flavor in (StubFlavor[])[StubFlavor.WireMock, StubFlavor.WireMockNet])
        {
            var folder = StubFolder.Of(Run(), flavor, withPauses: false);

            Assert.All(folder.Files.Where(file => file.Key.EndsWith(".json", StringComparison.Ordinal)), file => Assert.DoesNotContain("elay", Encoding.UTF8.GetString(file.Value), StringComparison.Ordinal));
        }
    }

    [Fact]
    public void An_error_is_the_dialects_own_and_tells_the_sdk_not_to_try_again_and_no_answer_is_a_fault()
    {
        var folder = StubFolder.Of(Run(), StubFlavor.WireMock);
        var error = Mapping(folder, "mappings/step-04.json")["response"]!.AsObject();

        Assert.Equal((429, "false"), ((int)error["status"]!, (string)error["headers"]!["x-should-retry"]!));
        Assert.Equal("rate_limit_error", (string?)JsonNode.Parse(folder.Files["__files/" + (string)error["bodyFileName"]!])!["error"]!["type"]);
        Assert.Equal("""{"fault":"CONNECTION_RESET_BY_PEER"}""", Plain(Mapping(folder, "mappings/step-05.json")["response"]!));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [InlineData(null)]
    public void A_step_has_a_mapping_for_each_form_whichever_was_recorded(bool? recorded)
    {
        var call = Run().Calls[0];
        var run = Run() with { Calls = [call with { Answer = call.Answer with { IsStream = recorded } }] };
        foreach (var flavor in Enum.GetValues<StubFlavor>())
        {
            var folder = StubFolder.Of(run, flavor);

            var at = flavor == StubFlavor.WireMock ? "mappings/" : "__admin/mappings/";
            Assert.Equal(
                ["step-01-stream-again.json", "step-01-stream.json", "step-01-whole-again.json", "step-01-whole.json"],
                folder.Files.Keys.Where(name => name.StartsWith(at, StringComparison.Ordinal)).Select(name => name[at.Length..]).Order(StringComparer.Ordinal));
            Assert.Equal(4, folder.Mappings);
        }
    }

    [Fact]
    public void The_same_run_gives_the_same_files_and_a_folder_with_other_files_is_left_alone()
    {
        using var folder = new Cli.TestFolder();
        var first = StubFolder.Of(Run(), StubFlavor.WireMock);

        first.WriteTo(folder["stubs"]);
        StubFolder.Of(Run() with { Calls = [.. Run().Calls.Take(2)] }, StubFlavor.WireMock).WriteTo(folder["stubs"]);

        Assert.Equal(
            ["step-01-stream-again.json", "step-01-stream.json", "step-01-whole-again.json", "step-01-whole.json", "step-02-stream.json", "step-02-whole.json"],
            Directory.GetFiles(folder["stubs/mappings"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(["step-01-stream.sse", "step-01-whole.json", "step-02-stream.sse", "step-02-whole.json"], Directory.GetFiles(folder["stubs/__files"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(first.Files.Keys, StubFolder.Of(Run(), StubFlavor.WireMock).Files.Keys);
        Assert.All(StubFolder.Of(Run(), StubFlavor.WireMock).Files, file => Assert.Equal(first.Files[file.Key], file.Value));
        Directory.CreateDirectory(folder["mine"]);
        File.WriteAllText(folder["mine/README.md"], "# Mine");
        Assert.Contains("holds other files", Assert.Throws<IOException>(() => first.WriteTo(folder["mine"])).Message, StringComparison.Ordinal);
    }

    /// <summary>Five steps: an Anthropic stream, a whole chat answer, a Gemini stream, an error of Responses, no answer at all.</summary>
    internal static RecordedTrajectory Run() => new()
    {
        Name = "task-1",
        Task = "Sweep\nthe rooms",
        Calls =
        [
            new RecordedCall(DialectKind.AnthropicMessages, new CallMarks { Model = "claude-sonnet-4-5", LastText = "Sweep the rooms" }, new RecordedAnswer
            {
                IsStream = true,
                FirstByte = TimeSpan.FromMilliseconds(250.4),
                Rhythm = StreamRhythm.Parse("0:300,40:300,700:400"),
                Reply = Reply(DialectKind.AnthropicMessages, """{"role":"assistant","content":[{"type":"text","text":"I look around. {{now}}"},{"type":"tool_use","id":"it's","name":"look","input":{"room":1}}]}""", "tool_use"),
            }),
            new RecordedCall(DialectKind.OpenAiChat, new CallMarks { Model = "gpt-4.1*", Results = ["it's", "it's"] }, new RecordedAnswer
            {
                IsStream = false,
                Reply = Reply(DialectKind.OpenAiChat, """{"role":"assistant","content":"Done."}""", "stop"),
            }),
            new RecordedCall(DialectKind.Gemini, new CallMarks { Model = "gemini-2.5-pro", Results = ["look"] }, new RecordedAnswer
            {
                IsStream = true,
                Reply = Reply(DialectKind.Gemini, """{"role":"model","parts":[{"text":"Done."}]}""", "STOP"),
            }),
            new RecordedCall(DialectKind.OpenAiResponses, new CallMarks(), new RecordedAnswer { Status = 429 }),
            new RecordedCall(DialectKind.OpenAiChat, new CallMarks(), new RecordedAnswer { Status = 0, BreaksOff = true }),
        ],
    };

    private static AssembledReply Reply(DialectKind dialect, string message, string stop) => new()
    {
        ResponseId = "answer-1",
        Model = "model-1",
        Message = DialectCatalog.Get(dialect).ReadMessage(Encoding.UTF8.GetBytes(message)),
        StopReason = stop,
        Usage = new TokenUsage(10, 5, 0, 0, 0),
        HasUsage = true,
        IsComplete = true,
    };

    private static List<JsonObject> Mappings(StubFlavor flavor, string folder)
    {
        var stubs = StubFolder.Of(Run(), flavor);
        return [.. stubs.Files.Keys.Where(name => name.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(name => Mapping(stubs, name))];
    }

    private static JsonObject Mapping(StubFolder folder, string name) => JsonNode.Parse(folder.Files[name])!.AsObject();

    private static string Plain(JsonNode node) => node.ToJsonString(new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
