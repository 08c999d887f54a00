using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Messages, as Claude Code sends them.</summary>
internal sealed class AnthropicWire : AgentWire
{
    private const string Model = "claude-sonnet-4-5-20250929";

    public override string Name => "anthropic";

    public override DialectKind Kind => DialectKind.AnthropicMessages;

    public override string Headers =>
        $"User-Agent: claude-cli/2.0.14 (external, cli)\r\nanthropic-version: 2023-06-01\r\nanthropic-beta: fine-grained-tool-streaming-2025-05-14\r\nx-api-key: bench\r\nx-app: cli\r\nx-stainless-retry-count: 0\r\nx-claude-code-session-id: {Session}\r\n";

    private static string Session => $"11111111-2222-4333-8444-55{Marks.Run}";

    public override string Path(bool stream) => "/v1/messages?beta=true";

    public override string Open(string system, string toolText, string task) => string.Concat(
        $$"""{"model":"{{Model}}","max_tokens":32000,"system":""",
        Json(new object[]
        {
            new { type = "text", text = "You are Claude Code, Anthropic's official CLI for Claude.", cache_control = new { type = "ephemeral" } },
            new { type = "text", text = system, cache_control = new { type = "ephemeral" } },
        }),
        ",\"tools\":",
        Json(new object[]
        {
            new { name = "read_file", description = toolText, input_schema = new { type = "object", properties = new { path = new { type = "string" } } } },
        }),
        $$""","metadata":{"user_id":"user_bench_account__session_{{Session}}"},"messages":[""",
        Json(new { role = "user", content = new object[] { new { type = "text", text = task } } }));

    public override string Turn(int step, string result) => string.Concat(
        ",",
        Json(new { role = "assistant", content = Blocks(step, isLast: false) }),
        ",",
        Json(new { role = "user", content = new object[] { new { tool_use_id = Call(step), type = "tool_result", content = result } } }));

    public override string Close(bool stream) => $"],\"stream\":{(stream ? "true" : "false")}}}";

    public override string Reply(int step, bool isLast) => Json(new
    {
        id = "msg" + Id(step),
        type = "message",
        role = "assistant",
        model = Model,
        content = Blocks(step, isLast),
        stop_reason = isLast ? "end_turn" : "tool_use",
        stop_sequence = (string?)null,
        usage = Usage(90),
    });

    public override IEnumerable<string> Events(int step, bool isLast)
    {
        yield return Event(new { type = "message_start", message = new { id = "msg" + Id(step), type = "message", role = "assistant", model = Model, content = Array.Empty<object>(), usage = Usage(1) } }, "message_start");
        yield return Event(new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } }, "content_block_start");
        foreach (var piece in Pieces(Says(step), 10))
        {
            yield return Event(new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = piece } }, "content_block_delta");
        }

        yield return Event(new { type = "content_block_stop", index = 0 }, "content_block_stop");
        if (!isLast)
        {
            yield return Event(new { type = "content_block_start", index = 1, content_block = new { type = "tool_use", id = Call(step), name = "read_file", input = new { } } }, "content_block_start");
            var cut = Arguments(step).IndexOf(',', StringComparison.Ordinal);
            foreach (var piece in (string[])[Arguments(step)[..cut], Arguments(step)[cut..]])
            {
                yield return Event(new { type = "content_block_delta", index = 1, delta = new { type = "input_json_delta", partial_json = piece } }, "content_block_delta");
            }

            yield return Event(new { type = "content_block_stop", index = 1 }, "content_block_stop");
        }

        yield return Event(new { type = "message_delta", delta = new { stop_reason = isLast ? "end_turn" : "tool_use" }, usage = new { output_tokens = 90 } }, "message_delta");
        yield return Event(new { type = "message_stop" }, "message_stop");
    }

    private static object[] Blocks(int step, bool isLast)
    {
        var text = new { type = "text", text = Says(step) };
        return isLast ? [text] : [text, new { type = "tool_use", id = Call(step), name = "read_file", input = System.Text.Json.Nodes.JsonNode.Parse(Arguments(step)) }];
    }

    private static object Usage(int output) => new { input_tokens = 12, cache_read_input_tokens = 9000, cache_creation_input_tokens = 400, output_tokens = output };
}
