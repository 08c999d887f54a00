using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Testing;
using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Recording;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Replay;

public sealed class RecordedUpstreamTests
{
    private const string Model = "model-1";

    public static TheoryData<string> Loops() => [.. ToolLoop.All(Model).Select(loop => loop.Name)];

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task What_it_records_from_a_provider_it_answers_again_in_every_dialect(string name)
    {
        using var folder = new TestFolder();
        var loop = ToolLoop.All(Model).Single(l => l.Name == name);
        await using var provider = await ScriptedUpstream.StartAsync();
        provider.AnswerInTurn((loop.FirstAnswer, loop.ContentType), (loop.SecondAnswer, loop.ContentType));

        string[] first, again;
        await using (var upstream = await RecordedUpstream.StartAsync(folder["runs/loop.json"], Recording(provider)))
        {
            Assert.True(upstream.IsRecording);
            first = await PlayAsync(upstream, loop);
        }

        Assert.Equal([loop.FirstAnswer, loop.SecondAnswer], first);
        await using (var upstream = await RecordedUpstream.StartAsync(folder["runs/loop.json"]))
        {
            again = await PlayAsync(upstream, loop);
            Assert.True(upstream.Report.IsComplete, upstream.Report.ToString());
        }

        // What a client makes of it is the same; the events may be cut elsewhere.
        var dialect = DialectCatalog.Get(DialectCatalog.Recognize("POST", loop.Path)!.Value);
        for (var i = 0; i < first.Length; i++)
        {
            var (was, now) = (Assemble(dialect, first[i]), Assemble(dialect, again[i]));
            Assert.Equal((was.Message.Text, was.StopReason, was.Model, was.ResponseId, was.Usage, was.IsComplete), (now.Message.Text, now.StopReason, now.Model, now.ResponseId, now.Usage, now.IsComplete));
            Assert.Equal(was.Message.ToolCalls, now.Message.ToolCalls);
            Assert.True(now.IsComplete);
        }
    }

    [Fact]
    public async Task Calls_reach_the_provider_with_their_own_headers_and_bytes_while_it_records()
    {
        using var folder = new TestFolder();
        var loop = ToolLoop.All(Model)[0];
        await using var provider = await ScriptedUpstream.StartAsync();
        provider.AnswerWith(loop.FirstAnswer);

        await using (var upstream = await RecordedUpstream.StartAsync(folder["run.json"], Recording(provider)))
        {
            using var client = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Post, upstream.AnthropicBaseUrl + "/v1/messages?beta=true") { Content = new StringContent(loop.First, Encoding.UTF8, "application/json") };
            request.Headers.Add("x-api-key", "sk-ant-mine-1234567890123456");
            request.Headers.Add("anthropic-beta", ["one", "two"]);
            using var answer = await client.SendAsync(request);
        }

        Assert.Equal("/v1/messages?beta=true", provider.Last.Target);
        Assert.Equal(loop.First, provider.Last.Text);
        Assert.Equal("sk-ant-mine-1234567890123456", provider.Last.Headers["x-api-key"].Single());
        Assert.Equal("one,two", string.Join(',', provider.Last.Headers["anthropic-beta"]).Replace(" ", "", StringComparison.Ordinal));
        Assert.DoesNotContain("sk-ant", await File.ReadAllTextAsync(folder["run.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recorded_file_is_small_and_readable_and_holds_no_key_account_or_prompt()
    {
        using var folder = new TestFolder();
        await using var provider = await ScriptedUpstream.StartAsync();
        provider.Answer = (context, _) =>
        {
            context.Response.Headers["openai-organization"] = "org-AbCdEfGhIjKlMnOpQrSt";
            return ScriptedUpstream.WriteAsync(context, """{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"Use sk-proj-abcdefghijklmnopqrstuvwxyz123456 of org-AbCdEfGhIjKlMnOpQrSt and ACME-77."},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29}}""", 200, "application/json");
        };

        var options = Recording(provider);
        options.Task = "Find the key";
        options.Scrub.Add("ACME-\\d+");
        await using (var upstream = await RecordedUpstream.StartAsync(folder["run.json"], options))
        {
            await PostAsync(upstream.OpenAiBaseUrl + "/chat/completions", """{"model":"gpt-4o","user":"user-AbCdEfGhIjKlMnOpQrStUv","messages":[{"role":"system","content":"A secret prompt"},{"role":"user","content":"Which key, ACME-12? Mine is sk-proj-abcdefghijklmnopqrstuvwxyz123456"}]}""");
        }

        Assert.Equal(
            """
            {
              "format": "llmproxy-run/1",
              "name": "run",
              "task": "Find the key",
              "calls": [
                {
                  "dialect": "openai-chat",
                  "request": {
                    "model": "gpt-4o",
                    "lastText": "Which key, [redacted]? Mine is [redacted]"
                  },
                  "answer": {
                    "status": 200,
                    "stream": false,
                    "id": "chatcmpl-1",
                    "model": "gpt-4o-2024-08-06",
                    "stopReason": "stop",
                    "usage": {
                      "input": 20,
                      "output": 9
                    },
                    "message": {
                      "role": "assistant",
                      "content": "Use [redacted] of [redacted] and [redacted]."
                    }
                  }
                }
              ]
            }

            """.ReplaceLineEndings("\n"),
            await File.ReadAllTextAsync(folder["run.json"]));

        // The same call, with its secret, is found in it again.
        await using var replay = await RecordedUpstream.StartAsync(folder["run.json"], new RecordedUpstreamOptions { Scrub = { "ACME-\\d+" } });
        var (status, _) = await PostAsync(replay.OpenAiBaseUrl + "/chat/completions", """{"model":"gpt-4o","messages":[{"role":"system","content":"Another prompt"},{"role":"user","content":"Which key, ACME-99? Mine is sk-proj-abcdefghijklmnopqrstuvwxyz123456"}]}""");
        Assert.Equal(HttpStatusCode.OK, status);
    }

    [Fact]
    public async Task A_providers_error_is_recorded_with_its_body_and_answered_again()
    {
        using var folder = new TestFolder();
        await using var provider = await ScriptedUpstream.StartAsync();
        const string Error = """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""";
        provider.AnswerWith(Error, 529);
        var call = ToolLoop.All(Model)[0].First;

        await using (var upstream = await RecordedUpstream.StartAsync(folder["run.json"], Recording(provider)))
        {
            Assert.Equal(((HttpStatusCode)529, Error), await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", call));
        }

        await using var replay = await RecordedUpstream.StartAsync(folder["run.json"]);
        Assert.Equal(((HttpStatusCode)529, Error), await PostAsync(replay.AnthropicBaseUrl + "/v1/messages", call));
    }

    [Fact]
    public async Task Strict_replay_names_what_had_no_recording_what_came_nearest_and_what_was_not_made()
    {
        var run = StubFolderTests.Run() with { Calls = [.. StubFolderTests.Run().Calls.Take(2)] };
        var upstream = await RecordedUpstream.StartAsync(run);

        var (status, body) = await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", """{"model":"claude-opus-4-1","max_tokens":9,"messages":[{"role":"user","content":"Paint the rooms"}]}""");

        Assert.Equal(HttpStatusCode.NotFound, status);
        const string Reason = "the model is claude-opus-4-1, recorded was claude-sonnet-4-5; its last text is \"Paint the rooms\", recorded was \"Sweep the rooms\"";
        Assert.Equal(
            $"LlmProxy replay: there is no recording of the call (anthropic-messages, claude-opus-4-1): \"Paint the rooms\". Nearest is call 1 (anthropic-messages, claude-sonnet-4-5): \"Sweep the rooms\", but {Reason}.",
            (string?)JsonNode.Parse(body)!["error"]!["message"]);
        var error = await Assert.ThrowsAsync<ReplayMismatchException>(async () => await upstream.DisposeAsync());
        Assert.Equal(
            $"""
            The calls are not the recorded ones. 1 call had no recording:
              (anthropic-messages, claude-opus-4-1): "Paint the rooms"
                nearest is call 1 (anthropic-messages, claude-sonnet-4-5): "Sweep the rooms"
                but {Reason}
            2 of 2 recorded calls were not made:
              call 1 (anthropic-messages, claude-sonnet-4-5): "Sweep the rooms"
              call 2 (openai-chat, gpt-4.1*): results of it's, it's
            Run the test with LLMPROXY_RECORD=1 to record it anew if the change is wanted.
            """.ReplaceLineEndings("\n"),
            error.Message);
        await upstream.DisposeAsync();
    }

    [Fact]
    public void Long_texts_are_quoted_from_where_they_part()
    {
        var start = string.Concat(Enumerable.Repeat("one and the same beginning ", 9));
        var call = StubFolderTests.Run().Calls[0];
        var session = new ReplaySession(StubFolderTests.Run() with { Calls = [call with { Request = call.Request with { LastText = start + "and this end" } }] }, ReplayMode.Strict);

        var missed = session.Take(new IncomingReplayCall(call.Dialect, call.Request with { LastText = start + "and that end" }, true)).Unrecorded!;

        Assert.Equal("its last text is \"…beginning one and the same beginning and that end\", recorded was \"…beginning one and the same beginning and this end\"", missed.Reason);
    }

    [Theory]
    [InlineData("  SWEEP the\nrooms ", true)]
    [InlineData("Sweep the rooms!", false)]
    public async Task Blanks_and_case_of_the_last_text_do_not_matter(string text, bool isSame) =>
        Assert.Equal(isSame, await IsSameAsync("Sweep the rooms", text));

    [Theory]
    [InlineData("It is 2026-11-22T18:30:00Z, run 8f14e45f-ceea-467f-a0e6-1c2d3e4f5a6b. Go on.", "It is 2027-01-02T09:05:59Z, run 0cc175b9-c0f1-46b6-a831-c399e2697726. Go on.", true)]
    [InlineData("Room 1 of 9", "Room 12 of 9", true)]
    [InlineData("Go on.", "Go off.", false)]
    public async Task Clocks_counts_and_ids_in_the_last_text_do_not_matter(string recorded, string sent, bool isSame) =>
        Assert.Equal(isSame, await IsSameAsync(recorded, sent));

    [Fact]
    public async Task Strict_replay_answers_a_call_once_and_loose_replay_again()
    {
        var run = StubFolderTests.Run() with { Calls = [StubFolderTests.Run().Calls[0]] };
        const string Call = """{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"Sweep the rooms"}]}""";

        foreach (var (mode, second) in new[] { (ReplayMode.Strict, HttpStatusCode.NotFound), (ReplayMode.Loose, HttpStatusCode.OK) })
        {
            await using var upstream = await RecordedUpstream.StartAsync(run, new RecordedUpstreamOptions { Mode = mode, VerifyOnDispose = false });
            Assert.Equal(HttpStatusCode.OK, (await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", Call)).Status);
            Assert.Equal(second, (await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", Call)).Status);
        }
    }

    [Fact]
    public async Task Loose_replay_answers_another_model_and_text_with_the_next_call_and_keeps_silent_about_what_was_not_made()
    {
        var calls = StubFolderTests.Run().Calls;
        await using var upstream = await RecordedUpstream.StartAsync(StubFolderTests.Run() with { Calls = [calls[1], calls[0]] }, new RecordedUpstreamOptions { Mode = ReplayMode.Loose });

        var (status, body) = await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", """{"model":"another","max_tokens":9,"messages":[{"role":"user","content":"Paint"}]}""");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("answer-1", (string?)JsonNode.Parse(body)!["id"]);
        Assert.Single(upstream.Report.NotMade);
    }

    [Fact]
    public async Task An_answer_comes_as_the_request_wants_it()
    {
        var run = StubFolderTests.Run();
        await using var upstream = await RecordedUpstream.StartAsync(run with { Calls = [run.Calls[2], run.Calls[2], run.Calls[2]] });
        const string Call = """{"contents":[{"role":"model","parts":[{"functionCall":{"name":"look","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"name":"look","response":{"output":"x"}}}]}]}""";

        var (_, events) = await PostAsync(upstream.GeminiBaseUrl + "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", Call);
        var (_, array) = await PostAsync(upstream.GeminiBaseUrl + "/v1beta/models/gemini-2.5-pro:streamGenerateContent", Call);
        var (_, whole) = await PostAsync(upstream.GeminiBaseUrl + "/v1beta/models/gemini-2.5-pro:generateContent", Call);

        Assert.StartsWith("data: {\"candidates\"", events, StringComparison.Ordinal);
        Assert.Equal("Done.", (string?)JsonNode.Parse(array)![0]!["candidates"]![0]!["content"]!["parts"]![0]!["text"]);
        Assert.Equal("Done.", (string?)JsonNode.Parse(whole)!["candidates"]![0]!["content"]!["parts"]![0]!["text"]);
    }

    [Fact]
    public async Task With_pauses_each_event_comes_when_it_came_and_not_before()
    {
        var clock = new TestClock();
        var recorded = StubFolderTests.Run().Calls[0];
        var run = StubFolderTests.Run() with { Calls = [recorded with { Answer = recorded.Answer with { FirstByte = null, Rhythm = StreamRhythm("0:1,1000:1,5000:98") } }] };
        await using var upstream = await RecordedUpstream.StartAsync(run, new RecordedUpstreamOptions { KeepPauses = true, TimeProvider = clock });
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, upstream.AnthropicBaseUrl + "/v1/messages") { Content = new StringContent("""{"model":"claude-sonnet-4-5","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"Sweep the rooms"}]}""") };

        // Every event ends behind the second hundredth of the body, so that all are due after six seconds.
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await clock.WaitForTimerAsync();
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var first = reader.ReadLineAsync();
        Assert.False(first.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(5.9));
        Assert.False(first.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.2));

        Assert.Equal("event: message_start", await first.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("message_stop", await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_missing_is_named_with_the_ways_to_make_it()
    {
        var error = await Assert.ThrowsAsync<FileNotFoundException>(() => RecordedUpstream.StartAsync("runs/no-such-run.json"));

        Assert.Contains("LLMPROXY_RECORD=1", error.Message, StringComparison.Ordinal);
        Assert.Contains("llmproxy replay export --task ID --flavor recorded --output runs/no-such-run.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine("LlmProxy.Testing.Tests", "runs", "no-such-run.json"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recording_without_a_call_says_so_and_leaves_the_file_alone()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder["run.json"], "as it was");

        var upstream = await RecordedUpstream.StartAsync(folder["run.json"], new RecordedUpstreamOptions { Record = true, AnthropicUpstream = new Uri("http://127.0.0.1:9") });
        var (status, _) = await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", """{"model":"m","messages":[]}""");
        var error = await Assert.ThrowsAsync<ReplayMismatchException>(async () => await upstream.DisposeAsync());

        Assert.Equal(HttpStatusCode.BadGateway, status);
        Assert.Contains("http://127.0.0.1:9/v1/messages could not be reached", error.Message, StringComparison.Ordinal);
        Assert.Equal("as it was", await File.ReadAllTextAsync(folder["run.json"]));
    }

    private static Core.Trajectories.StreamRhythm StreamRhythm(string text) => Core.Trajectories.StreamRhythm.Parse(text);

    private static async Task<bool> IsSameAsync(string recorded, string sent)
    {
        var call = StubFolderTests.Run().Calls[0];
        var run = StubFolderTests.Run() with { Calls = [call with { Request = call.Request with { LastText = recorded } }] };
        await using var upstream = await RecordedUpstream.StartAsync(run, new RecordedUpstreamOptions { VerifyOnDispose = false });
        var body = new JsonObject { ["model"] = "claude-sonnet-4-5", ["max_tokens"] = 9, ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = sent }) };
        return (await PostAsync(upstream.AnthropicBaseUrl + "/v1/messages", body.ToJsonString())).Status == HttpStatusCode.OK;
    }

    internal static RecordedUpstreamOptions Recording(ScriptedUpstream provider) => new()
    {
        Record = true,
        AnthropicUpstream = provider.Address,
        OpenAiUpstream = new Uri(provider.Address, "v1"),
        GeminiUpstream = provider.Address,
    };

    internal static AssembledReply Assemble(IDialect dialect, string body)
    {
        var assembler = dialect.CreateAssembler(null, false);
        assembler.Append(Encoding.UTF8.GetBytes(body));
        return assembler.ToReply();
    }

    private static async Task<string[]> PlayAsync(RecordedUpstream upstream, ToolLoop loop)
    {
        // "/openai/v1/chat/completions": the same prefixes as the proxy's.
        var root = new Uri(upstream.AnthropicBaseUrl, "/");
        var first = await PostAsync(new Uri(root, loop.Path).ToString(), loop.First);
        var second = await PostAsync(new Uri(root, loop.Path).ToString(), loop.Second);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.Status, second.Status));
        return [first.Body, second.Body];
    }

    private static async Task<(HttpStatusCode Status, string Body)> PostAsync(string address, string body)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var answer = await client.PostAsync(new Uri(address), new StringContent(body, Encoding.UTF8, "application/json"));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }
}
