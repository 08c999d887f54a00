using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData;
using LlmProxy.Wire;
using static LlmProxy.Tests.Export.ExportLab;

namespace LlmProxy.Tests.Export;

/// <summary>What lines hold, format by format.</summary>
public sealed class TrajectoryExporterTests
{
    private const string Tools = """[{"name":"look","description":"Looks","input_schema":{"type":"object","properties":{"at":{"type":"string"}},"required":["at"]},"cache_control":{"type":"ephemeral"}}]""";
    private const string Shot = """[{"type":"text","text":"Here it is"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]""";

    [Theory]
    [InlineData("openai", """{"messages":[{"role":"system","content":"You are a clerk."},{"role":"user","content":"Find the invoice"},{"role":"assistant","content":"I look.","tool_calls":[{"id":"c1","type":"function","function":{"name":"look","arguments":"{\"at\":\"desk\"}"}},{"id":"c2","type":"function","function":{"name":"look","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"Here it is\n[image]"},{"role":"tool","tool_call_id":"c2","content":"ERROR: no"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},{"type":"text","text":"Go on"}]},{"role":"assistant","content":"Found."}],"tools":[{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object","properties":{"at":{"type":"string"}},"required":["at"]}}}],"parallel_tool_calls":true}""")]
    [InlineData("gemini", """{"systemInstruction":{"role":"system","parts":[{"text":"You are a clerk."}]},"contents":[{"role":"user","parts":[{"text":"Find the invoice"}]},{"role":"model","parts":[{"text":"I look."},{"functionCall":{"name":"look","args":{"at":"desk"}}},{"functionCall":{"name":"look","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"output":"Here it is\n[image]"}}},{"functionResponse":{"name":"look","response":{"error":"no"}}},{"fileData":{"mimeType":"image/png","fileUri":"gs://b/i/IMAGE.png"}},{"text":"Go on"}]},{"role":"model","parts":[{"text":"Found."}]}],"tools":[{"functionDeclarations":[{"name":"look","description":"Looks","parameters":{"type":"OBJECT","properties":{"at":{"type":"STRING"}},"required":["at"]}}]}]}""")]
    [InlineData("trl", """{"prompt":[{"role":"system","content":"You are a clerk."},{"role":"user","content":"Find the invoice"}],"completion":[{"role":"assistant","content":"I look.","tool_calls":[{"type":"function","function":{"name":"look","arguments":{"at":"desk"}}},{"type":"function","function":{"name":"look","arguments":{}}}]},{"role":"tool","name":"look","content":"Here it is\n[image]"},{"role":"tool","name":"look","content":"ERROR: no"},{"role":"user","content":"Go on"},{"role":"assistant","content":"Found."}],"tools":[{"type":"function","function":{"name":"look","description":"Looks","parameters":{"type":"object","properties":{"at":{"type":"string"}},"required":["at"]}}}]}""")]
    [InlineData("anthropic", """{"model":"claude-sonnet-4-5","system":[{"type":"text","text":"You are a clerk."}],"tools":[{"name":"look","description":"Looks","input_schema":{"type":"object","properties":{"at":{"type":"string"}},"required":["at"]}}],"messages":[{"role":"user","content":"Find the invoice"},{"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"c1","name":"look","input":{"at":"desk"}},{"type":"tool_use","id":"c2","name":"look","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[{"type":"text","text":"Here it is"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},{"type":"tool_result","tool_use_id":"c2","content":"no","is_error":true},{"type":"text","text":"Go on"}]},{"role":"assistant","content":[{"type":"text","text":"Found."}]}]}""")]
    [InlineData("sharegpt", """{"conversations":[{"from":"system","value":"You are a clerk.\n\n<tools>\n[{\"type\":\"function\",\"function\":{\"name\":\"look\",\"description\":\"Looks\",\"parameters\":{\"type\":\"object\",\"properties\":{\"at\":{\"type\":\"string\"}},\"required\":[\"at\"]}}}]\n</tools>"},{"from":"human","value":"Find the invoice"},{"from":"gpt","value":"I look.\n<tool_call>\n{\"name\":\"look\",\"arguments\":{\"at\":\"desk\"}}\n</tool_call>\n<tool_call>\n{\"name\":\"look\",\"arguments\":{}}\n</tool_call>"},{"from":"tool","value":"<tool_response>\nHere it is\n[image]\n</tool_response>\n<tool_response>\nERROR: no\n</tool_response>\nGo on"},{"from":"gpt","value":"Found."}]}""")]
    public async Task A_run_with_parallel_calls_an_error_and_an_image_is_said_in_each_formats_way(string format, string expected)
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Find the invoice"),
            DialectKind.AnthropicMessages,
            "You are a clerk.",
            Tools.Replace(""","cache_control":{"type":"ephemeral"}""", "", StringComparison.Ordinal),
            (0, [User("Find the invoice")], """{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},{"type":"tool_use","id":"c1","name":"look","input":{"at":"desk"}},{"type":"tool_use","id":"c2","name":"look","input":{}}]}"""),
            (2, [$$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":{{Shot}}},{"type":"tool_result","tool_use_id":"c2","content":"no","is_error":true},{"type":"text","text":"Go on"}]}"""], Assistant("Found.")));

        var line = await lab.LineAsync(ExportFormats.Parse(format)!.Value, r => r with { ImageUri = "gs://b/i", KeepsImageFiles = true });

        expected = expected.Replace("IMAGE", ContentHash.Of(Convert.FromBase64String("iVBORw0KGgo=")).Value, StringComparison.Ordinal);
        Assert.Equal(expected, line);
    }

    [Fact]
    public async Task What_the_proxy_injected_is_not_in_it()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("a", "Find the invoice"));

        foreach (var format in new[] { ExportFormat.OpenAi, ExportFormat.Gemini, ExportFormat.Anthropic, ExportFormat.Trl, ExportFormat.ShareGpt })
        {
            var line = await lab.LineAsync(format);
            Assert.Contains("You are a clerk.", line, StringComparison.Ordinal);
            Assert.DoesNotContain("injected", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Foreign_assistant_turns_have_weight_0_or_are_left_out_with_the_results_of_their_calls()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Find the invoice"),
            DialectKind.AnthropicMessages,
            null,
            null,
            (0, [User("Before"), "!" + Use("f1", "look", "{}", "foreign"), Result("f1", "\"foreign result\""), User("Find the invoice")], Assistant("Found.")));

        var openai = JsonNode.Parse(await lab.LineAsync(ExportFormat.OpenAi))!["messages"]!.AsArray();
        Assert.Equal(["user", "assistant", "tool", "user", "assistant"], openai.Select(m => m!["role"]!.GetValue<string>()));
        Assert.Equal(0, openai[1]!["weight"]!.GetValue<int>());
        Assert.Null(openai[4]!["weight"]);
        foreach (var format in new[] { ExportFormat.Gemini, ExportFormat.Anthropic, ExportFormat.Trl, ExportFormat.ShareGpt })
        {
            var line = await lab.LineAsync(format);
            Assert.DoesNotContain("foreign", line, StringComparison.Ordinal);
            Assert.Contains("Before", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_rewritten_history_gives_a_line_for_each_part_and_learns_from_each_reply_once()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Find the invoice"),
            DialectKind.AnthropicMessages,
            "You are a clerk.",
            null,
            (0, [User("Find the invoice")], Assistant("First.")),
            (2, [User("more")], Assistant("Second.")),
            (0, [User("Summary of what was done"), Assistant("Second."), User("and now")], Assistant("Third.")));

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi));

        Assert.Equal((2, 1), (summary.Lines, summary.Runs));
        Assert.Equal([1, 2], lines[0].Origin.Replies);
        Assert.Equal([0, 3], lines[1].Origin.Replies);
        var second = JsonNode.Parse(lines[1].Json.Span)!["messages"]!.AsArray();
        Assert.Equal(["You are a clerk.", "Summary of what was done", "Second.", "and now", "Third."], second.Select(m => m!["content"]!.GetValue<string>()));
        Assert.Equal(0, second[2]!["weight"]!.GetValue<int>());
    }

    [Fact]
    public async Task A_note_that_is_sent_once_and_a_reply_that_broke_off_do_not_cut_a_run()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Find the invoice"),
            DialectKind.AnthropicMessages,
            null,
            null,
            (0, [User("Find the invoice")], Use("c1", "look", "{}")),
            (2, [Result("c1", "\"r1\""), User("You have been at it for 5 iterations")], Use("c2", "look", "{}")),
            (3, [Use("c2", "look", "{}"), Result("c2", "\"r2\"")], Assistant("Found.")));

        var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi));

        var messages = JsonNode.Parse(Assert.Single(lines).Json.Span)!["messages"]!.AsArray();
        Assert.Equal(["user", "assistant", "tool", "user", "assistant", "tool", "assistant"], messages.Select(m => m!["role"]!.GetValue<string>()));
        Assert.Equal([1, 2, 3], lines[0].Origin.Replies);
    }

    [Fact]
    public async Task The_next_task_of_a_conversation_keeps_what_was_said_before_and_learns_from_its_own_replies()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(Run("a", "First task") with { ConversationId = "talk" }, DialectKind.AnthropicMessages, null, null, (0, [User("First task")], Assistant("One.")));
        await lab.SaveAsync(
            Run("b", "Second task", minute: 5) with { ConversationId = "talk" },
            DialectKind.AnthropicMessages,
            null,
            null,
            (0, [User("First task"), "!" + Assistant("One."), User("Second task")], Assistant("Two.")));

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.Trl));

        Assert.Empty(summary.Notes);
        Assert.Equal(
            """{"prompt":[{"role":"user","content":"First task"},{"role":"assistant","content":"One."},{"role":"user","content":"Second task"}],"completion":[{"role":"assistant","content":"Two."}]}""",
            Encoding.UTF8.GetString(lines.Single(l => l.Origin.TrajectoryId == "b").Json.Span));
        Assert.Equal([0, 1], lines.Single(l => l.Origin.TrajectoryId == "b").Origin.Replies);
    }

    [Fact]
    public async Task Only_the_last_images_stay_where_a_format_limits_them()
    {
        await using var lab = await OpenAsync();
        var steps = Enumerable.Range(0, 14).Select(i => (i == 0 ? 0 : i * 2, (string[])[i == 0 ? User("Go") : Result($"c{i - 1}", Shot)], i == 13 ? Assistant("Done.") : Use($"c{i}", "shot", "{}"))).ToArray();
        await lab.SaveAsync(Run("a", "Go"), DialectKind.AnthropicMessages, null, null, steps);

        Assert.Equal(10, Count(await lab.LineAsync(ExportFormat.OpenAi), "image_url\":{"));
        Assert.Equal(3, Count(await lab.LineAsync(ExportFormat.OpenAi, r => r with { MaxImages = 3 }), "image_url\":{"));
        Assert.Equal(0, Count(await lab.LineAsync(ExportFormat.Gemini), "fileData"));
        Assert.Equal(13, Count(await lab.LineAsync(ExportFormat.Gemini, r => r with { ImageUri = "gs://b", KeepsImageFiles = true }), "fileData"));
        Assert.Equal(13, Count(await lab.LineAsync(ExportFormat.Anthropic), "base64"));
        var trl = await lab.LineAsync(ExportFormat.Trl, r => r with { MaxImages = 2, KeepsImageFiles = true });
        Assert.Equal(2, JsonNode.Parse(trl)!["images"]!.AsArray().Count);
    }

    [Fact]
    public async Task Calls_without_results_and_ids_and_names_that_consumers_refuse_are_mended()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("a", "Go"),
            DialectKind.Gemini,
            null,
            """[{"functionDeclarations":[{"name":"files.read","parameters":{"type":"OBJECT","properties":{"p":{"type":"STRING"}}}}]}]""",
            (0, ["""{"role":"user","parts":[{"text":"Go"}]}"""], """{"role":"model","parts":[{"functionCall":{"name":"files.read","args":{"p":"a"}}},{"functionCall":{"name":"files.read","args":{"p":"b"}}}]}"""),
            (2, ["""{"role":"user","parts":[{"functionResponse":{"name":"files.read","response":{"output":"A"}}}]}"""], """{"role":"model","parts":[{"functionCall":{"name":"files.read","args":{"p":"\ud83d"}}}]}"""),
            (4, ["""{"role":"user","parts":[{"functionResponse":{"name":"files.read","response":{"output":"C"}}}]}"""], """{"role":"model","parts":[{"text":"Done."}]}"""));

        var messages = JsonNode.Parse(await lab.LineAsync(ExportFormat.OpenAi))!["messages"]!.AsArray();

        Assert.Equal("files_read", messages[1]!["tool_calls"]![0]!["function"]!["name"]!.GetValue<string>());
        Assert.Equal(["A", "No result was recorded.", "C"], messages.Where(m => m!["role"]!.GetValue<string>() == "tool").Select(m => m!["content"]!.GetValue<string>()));
        var ids = messages.Where(m => m!["tool_calls"] is not null).SelectMany(m => m!["tool_calls"]!.AsArray()).Select(c => c!["id"]!.GetValue<string>()).ToList();
        Assert.Equal(3, ids.Distinct().Count());
        Assert.Contains("\uFFFD", messages[4]!["tool_calls"]![0]!["function"]!["arguments"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Schemas_become_what_each_consumer_takes()
    {
        await using var lab = await OpenAsync();
        const string Schema = """[{"name":"f","input_schema":{"$schema":"x","type":"object","additionalProperties":false,"$defs":{"P":{"type":"object","properties":{"n":{"type":["integer","null"]}}}},"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]},"b":{"$ref":"#/$defs/P"},"c":{"enum":["x","y"]},"d":{"type":"array"},"type":{"type":"string"}},"required":["a","gone"]}}]""";
        await lab.SaveAsync(Run("a", "Go"), DialectKind.AnthropicMessages, null, Schema, (0, [User("Go")], Assistant("Done.")));

        var parameters = JsonNode.Parse(await lab.LineAsync(ExportFormat.Gemini))!["tools"]![0]!["functionDeclarations"]![0]!["parameters"]!;

        Assert.Equal(
            """{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true},"b":{"type":"OBJECT","properties":{"n":{"type":"INTEGER","nullable":true}}},"c":{"type":"STRING","enum":["x","y"]},"d":{"type":"ARRAY","items":{"type":"STRING"}},"type":{"type":"STRING"}},"required":["a"]}""",
            parameters.ToJsonString());
    }

    [Fact]
    public async Task Runs_are_chosen_by_score_success_provider_and_end_and_the_others_are_counted()
    {
        await using var lab = await OpenAsync(new LlmProxyOptions { Export = new ExportOptions { AllowProviders = ["anthropic", "openai"] } });
        await lab.SaveAnswerAsync(Run("good", "A"));
        await lab.SaveAnswerAsync(Run("late", "B", minute: 60));
        await lab.SaveAnswerAsync(Run("poor", "C", quality: 0.5));
        await lab.SaveAnswerAsync(Run("failed", "D", success: false));
        await lab.SaveAnswerAsync(Run("unknown", "E", success: null));
        await lab.SaveAnswerAsync(Run("gemini", "F") with { Provider = "gemini" });
        await lab.SaveAnswerAsync(Run("openai", "G") with { Provider = "openai" });
        await lab.SaveAnswerAsync(Run("active", "H") with { Status = TrajectoryStatus.Active, Success = null, QualityScore = null, CompletedAt = null });
        await lab.SaveAnswerAsync(Run("fresh", "I") with { IsProvisional = true, LastActivityAt = TimeProvider.System.GetUtcNow() });

        var request = new ExportRequest("default", ExportFormat.OpenAi);
        var (lines, summary, start) = await lab.ExportAsync(request);
        Assert.Equal(["good", "late", "openai"], lines.Select(l => l.Origin.TrajectoryId).Order(StringComparer.Ordinal));
        Assert.Equal(2, start.Providers["anthropic"]);
        Assert.Contains("anthropic (2 runs), openai (1 runs)", start.Notice, StringComparison.Ordinal);
        Assert.Equal(
            ["did not succeed 1", "ended a moment ago and may continue (Tasks:EndOfTurnGrace) 1", "provider gemini is not in Export:AllowProviders 1", "scores below 0.7 1", "still under way 1", "success is inferred or unknown (--include-inferred) 1"],
            summary.LeftOut.Select(l => $"{l.Key} {l.Value}"));

        // An open run's last activity is earlier than the latest end: a later export begins there.
        Assert.Equal(Start.AddMinutes(1), summary.NextSince);
        Assert.Equal("late", Assert.Single((await lab.ExportAsync(request with { Since = Start.AddMinutes(30) })).Lines).Origin.TrajectoryId);
        Assert.Equal("openai", Assert.Single((await lab.ExportAsync(request with { ModelProvider = "openai" })).Lines).Origin.TrajectoryId);
        Assert.Equal("late", Assert.Single((await lab.ExportAsync(request with { Limit = 1 })).Lines).Origin.TrajectoryId);
        Assert.Equal(6, (await lab.ExportAsync(request with { SuccessOnly = false, MinQuality = 0 })).Lines.Count);
    }

    [Fact]
    public async Task Redact_takes_out_what_todays_patterns_name()
    {
        await using var lab = await OpenAsync(new LlmProxyOptions { Recording = new RecordingOptions { Redaction = new RedactionOptions { Patterns = ["ACME-\\d+"] } } });
        await lab.SaveAnswerAsync(Run("a", "Pay ACME-4711"), "Paid ACME-4711.");

        Assert.Contains("ACME-4711", await lab.LineAsync(ExportFormat.OpenAi), StringComparison.Ordinal);
        Assert.DoesNotContain("ACME-4711", await lab.LineAsync(ExportFormat.OpenAi, r => r with { Redact = true }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Redact_takes_secrets_out_of_everything_that_describes_a_run()
    {
        // What an older version stored: it knew the pattern less well, or not at all.
        await using var lab = await OpenAsync(new LlmProxyOptions { Recording = new RecordingOptions { Redaction = new RedactionOptions { Patterns = ["ACME-\\d+"] } } });
        var run = Run("a", "Pay ACME-1") with { TaskId = "task-ACME-2", ConversationId = "conversation-ACME-3", Client = "agent/ACME-4", Model = "claude-ACME-5" };
        await lab.SaveAsync(
            run,
            DialectKind.AnthropicMessages,
            "Your number is ACME-6.",
            Tools.Replace("Looks", "Looks at ACME-7", StringComparison.Ordinal),
            (0, [User("Pay ACME-8")], Assistant("Paid ACME-9.")));

        var (plain, cleaned) = (await OriginAndLineAsync(false), await OriginAndLineAsync(true));

        foreach (var number in "123456789")
        {
            Assert.Contains($"ACME-{number}", plain, StringComparison.Ordinal);
            Assert.DoesNotContain($"ACME-{number}", cleaned, StringComparison.Ordinal);
        }

        async Task<string> OriginAndLineAsync(bool redact)
        {
            var line = Assert.Single((await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi) { Redact = redact })).Lines);
            var origin = line.Origin;
            return string.Join('\n', [origin.TaskId, origin.ConversationId, origin.TaskDescription, origin.Client, .. origin.Models, Encoding.UTF8.GetString(line.Json.Span)]);
        }
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
