using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Wire;
using static LlmProxy.Tests.Translation.Translations;

namespace LlmProxy.Tests.Translation;

public sealed class StreamTranslationTests
{
    private const DialectKind Anthropic = DialectKind.AnthropicMessages;
    private const DialectKind Chat = DialectKind.OpenAiChat;
    private const DialectKind Responses = DialectKind.OpenAiResponses;
    private const DialectKind Gemini = DialectKind.Gemini;

    public static TheoryData<DialectKind, DialectKind> Pairs => KnownFailuresTests.Pairs;

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_stream_arrives_with_its_text_calls_tokens_and_end(DialectKind upstream, DialectKind client)
    {
        foreach (var stream in (bool[])[true, false])
        {
            var reply = Assemble(client, Reply(Request(client, Minimal(client, stream), upstream, stream), Streams.Of(upstream)));
            Assert.Equal("Hello ü", reply.Message.Text);
            Assert.Null(reply.Message.Reasoning);
            Assert.Equal(["one x", "two "], reply.Message.ToolCalls.Select(call => $"{call.Name} {JsonNode.Parse(call.Arguments)!["a"]}"));
            Assert.Equal((15, 20, 5), (reply.Usage.Input, reply.Usage.Output, reply.Usage.CacheRead));
            Assert.True(reply.IsComplete);
            Assert.False(reply.EndedTurn);
        }
    }

    [Fact]
    public void Anthropic_gets_one_block_at_a_time_with_rising_indexes()
    {
        var heard = Reply(Request(Anthropic, Minimal(Anthropic, true), Chat, true), Streams.Of(Chat));
        Assert.Equal(
            """
            message_start
            content_block_start 0 text
            content_block_delta 0 text_delta Hel
            content_block_delta 0 text_delta lo ü
            content_block_stop 0
            content_block_start 1 tool_use one
            content_block_delta 1 input_json_delta {"a":
            content_block_delta 1 input_json_delta  "x"}
            content_block_stop 1
            content_block_start 2 tool_use two
            content_block_delta 2 input_json_delta {}
            content_block_stop 2
            message_delta tool_use {"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":20}
            message_stop
            """,
            string.Join('\n', Data(heard).Select(data =>
            {
                var type = data["type"]!.GetValue<string>();
                var delta = data["delta"];
                var block = data["content_block"];
                return string.Join(' ', new[] { type, data["index"]?.ToString(), block?["type"]?.ToString(), block?["name"]?.ToString(), delta?["type"]?.ToString() ?? delta?["stop_reason"]?.ToString(), delta?["text"]?.ToString() ?? delta?["partial_json"]?.ToString() ?? (type == "message_delta" ? data["usage"]!.ToJsonString() : null) }.Where(part => !string.IsNullOrEmpty(part)));
            })));
        Assert.All(heard.Split("\n\n", StringSplitOptions.RemoveEmptyEntries), frame => Assert.Matches("^event: [a-z_]+\ndata: \\{", frame));
    }

    [Fact]
    public void Chat_gets_usage_only_if_it_asked_and_ends_with_done()
    {
        var asked = Reply(Request(Chat, Minimal(Chat, true), Anthropic, true), Streams.Of(Anthropic));
        Assert.EndsWith("data: [DONE]\n\n", asked, StringComparison.Ordinal);
        Assert.Equal("""{"prompt_tokens":15,"completion_tokens":20,"total_tokens":35,"prompt_tokens_details":{"cached_tokens":5}}""", Data(asked)[^1]["usage"]!.ToJsonString());
        var silent = Reply(Request(Chat, """{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}""", Anthropic, true), Streams.Of(Anthropic));
        Assert.DoesNotContain("usage", silent, StringComparison.Ordinal);
        Assert.Equal(["call 0 one", "call 1 two"], Data(asked).Select(data => data["choices"]!.AsArray().FirstOrDefault()?["delta"]?["tool_calls"]?[0]).Where(call => call?["id"] is not null).Select(call => $"call {call!["index"]} {call["function"]!["name"]}"));
    }

    [Fact]
    public void Responses_gets_rising_sequence_numbers_and_items_that_the_last_event_repeats()
    {
        var events = Data(Reply(Request(Responses, Minimal(Responses, true), Gemini), Streams.Of(Gemini)));
        Assert.Equal(Enumerable.Range(0, events.Count), events.Select(data => data["sequence_number"]!.GetValue<int>()));
        Assert.Equal(["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"], events.Take(4).Select(data => data["type"]!.GetValue<string>()));
        var done = events.Where(data => data["type"]!.GetValue<string>() == "response.output_item.done").ToList();
        Assert.Equal([0, 1, 2], done.Select(data => data["output_index"]!.GetValue<int>()));
        Assert.Equal(done.Select(data => data["item"]!.ToJsonString()), events[^1]["response"]!["output"]!.AsArray().Select(item => item!.ToJsonString()));
        Assert.All(events.Where(data => data["item_id"] is not null), data => Assert.Equal(done[data["output_index"]!.GetValue<int>()]["item"]!["id"]!.GetValue<string>(), data["item_id"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("/v1beta/models/m:streamGenerateContent?alt=sse", "text/event-stream; charset=utf-8")]
    [InlineData("/v1beta/models/m:streamGenerateContent", "application/json; charset=utf-8")]
    public void Gemini_gets_events_with_crlf_or_an_array(string path, string contentType)
    {
        var request = LlmProxy.Wire.Translation.ConversationTranslator.Translate(Gemini, Encoding.UTF8.GetBytes(Minimal(Gemini, true)), path, new() { Dialect = Chat, Model = "gpt-4.1" });
        Assert.Equal(contentType, request.CreateReply(200, null).ContentType);
        var heard = Reply(request, Streams.Of(Chat));
        if (path.EndsWith("sse", StringComparison.Ordinal))
        {
            Assert.All(heard.Split("\r\n\r\n", StringSplitOptions.RemoveEmptyEntries), frame => Assert.StartsWith("data: {", frame, StringComparison.Ordinal));
        }
        else
        {
            Assert.Equal("STOP", JsonNode.Parse(heard)!.AsArray()[^1]!["candidates"]![0]!["finishReason"]!.GetValue<string>());
        }

        Assert.Equal("Hello ü", Assemble(Gemini, heard).Message.Text);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_stream_split_anywhere_gives_the_same_bytes(DialectKind upstream, DialectKind client)
    {
        var request = Request(client, Minimal(client, true), upstream, true);
        var whole = Reply(request, Streams.Of(upstream));
        Assert.Equal(whole, Reply(request, Streams.Of(upstream), chunk: () => 1));
        var random = new Random(5);
        Assert.Equal(whole, Reply(request, Streams.Of(upstream), chunk: () => random.Next(1, 50)));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Nothing_is_held_back_longer_than_the_clients_grammar_needs(DialectKind upstream, DialectKind client)
    {
        var reply = Request(client, Minimal(client, true), upstream, true).CreateReply(200, null);
        var heard = new ArrayBufferWriter<byte>();
        var text = Streams.Of(upstream);
        reply.Append(Encoding.UTF8.GetBytes(text[..(text.IndexOf("\"Hel\"", StringComparison.Ordinal) + 5)]), heard);
        Assert.DoesNotContain("Hel", Encoding.UTF8.GetString(heard.WrittenSpan), StringComparison.Ordinal);
        var end = text.IndexOf("\n\n", text.IndexOf("\"Hel\"", StringComparison.Ordinal), StringComparison.Ordinal);
        end = end < 0 ? text.IndexOf("\r\n\r\n", text.IndexOf("\"Hel\"", StringComparison.Ordinal), StringComparison.Ordinal) + 4 : end + 2;
        reply = Request(client, Minimal(client, true), upstream, true).CreateReply(200, null);
        reply.Append(Encoding.UTF8.GetBytes(text[..end]), heard);
        Assert.Contains("Hel", Encoding.UTF8.GetString(heard.WrittenSpan), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_broken_or_cut_stream_ends_with_an_error_of_the_clients_dialect(DialectKind upstream, DialectKind client)
    {
        var text = Streams.Of(upstream);
        var half = text[..text.IndexOf("lo ü", StringComparison.Ordinal)];
        foreach (var isBroken in (bool[])[true, false])
        {
            var reply = Request(client, Minimal(client, true), upstream, true).CreateReply(200, null);
            var client1 = new ArrayBufferWriter<byte>();
            reply.Append(Encoding.UTF8.GetBytes(half), client1);
            if (isBroken)
            {
                reply.Fail("connection lost", client1);
            }
            else
            {
                reply.Complete(client1);
            }

            var heard = Assemble(client, Encoding.UTF8.GetString(client1.WrittenSpan));
            Assert.Equal("Hel", heard.Message.Text);
            Assert.Contains(isBroken ? "connection lost" : "ended before it was complete", heard.Error, StringComparison.Ordinal);
            Assert.False(heard.IsComplete);
            var length = client1.WrittenCount;
            reply.Append("data: {}\n\n"u8, client1);
            reply.Complete(client1);
            reply.Fail("again", client1);
            Assert.Equal(length, client1.WrittenCount);
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void An_error_in_mid_stream_and_an_error_status_keep_the_targets_message(DialectKind upstream, DialectKind client)
    {
        var text = Streams.Of(upstream);
        var error = upstream switch
        {
            Anthropic => "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"too busy\"}}\n\n",
            Responses => "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"too busy\",\"param\":null,\"sequence_number\":5}\n\n",
            Chat => "data: {\"error\":{\"message\":\"too busy\",\"type\":\"server_error\"}}\n\n",
            _ => "data: {\"error\":{\"code\":503,\"message\":\"too busy\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n",
        };
        var at = text.IndexOf("\n\n", text.IndexOf("\"Hel\"", StringComparison.Ordinal), StringComparison.Ordinal);
        at = at < 0 ? text.IndexOf("\r\n\r\n", text.IndexOf("\"Hel\"", StringComparison.Ordinal), StringComparison.Ordinal) + 4 : at + 2;
        var streamed = Assemble(client, Reply(Request(client, Minimal(client, true), upstream, true), text[..at] + error));
        Assert.Contains("too busy", streamed.Error, StringComparison.Ordinal);
        Assert.Equal("Hel", streamed.Message.Text);

        var body = error[(error.IndexOf("data: ", StringComparison.Ordinal) + 6)..].Trim();
        var request = Request(client, Minimal(client, true), upstream, true);
        var reply = request.CreateReply(529, "application/json");
        Assert.Equal((client == Anthropic ? 529 : 503, false, "application/json; charset=utf-8"), (reply.Status, reply.IsStream, reply.ContentType));
        Assert.Contains("too busy", Assemble(client, Reply(request, body, 529)).Error, StringComparison.Ordinal);
        Assert.Contains("<html>", Assemble(client, Reply(request, "<html>bad gateway</html>", 502)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_silent_target_keeps_an_Anthropic_client_waiting_with_pings()
    {
        var reply = Request(Anthropic, Minimal(Anthropic, true), Chat, true).CreateReply(200, null);
        var client = new ArrayBufferWriter<byte>();
        Assert.True(reply.KeepAlive(client));
        reply.Append(Encoding.UTF8.GetBytes(Streams.Of(Chat)[..400]), client);
        Assert.True(reply.KeepAlive(client));
        Assert.EndsWith("event: ping\ndata: {\"type\":\"ping\"}\n\n", Encoding.UTF8.GetString(client.WrittenSpan), StringComparison.Ordinal);
        reply.Append(Encoding.UTF8.GetBytes(Streams.Of(Chat)[400..]), client);
        Assert.True(reply.HasEnded);
        Assert.False(reply.KeepAlive(client));
        Assert.Equal("Hello ü", Assemble(Anthropic, Encoding.UTF8.GetString(client.WrittenSpan)).Message.Text);
    }

    private static List<JsonNode> Data(string heard) =>
        [.. heard.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Select(line => JsonNode.Parse(line[6..])!)];
}
