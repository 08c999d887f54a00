using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Chat Completions.</summary>
internal sealed class ChatWire : AgentWire
{
    private const string Model = "gpt-4.1";

    public override string Name => "chat";

    public override DialectKind Kind => DialectKind.OpenAiChat;

    public override string Headers => "User-Agent: OpenAI/Python 1.99.0\r\nAuthorization: Bearer bench\r\n";

    public override string Path(bool stream) => "/v1/chat/completions";

    public override string Open(string system, string toolText, string task) => string.Concat(
        $$"""{"model":"{{Model}}","tools":""",
        Json(new object[] { new { type = "function", function = new { name = "read_file", description = toolText, parameters = new { type = "object" } } } }),
        ",\"messages\":[",
        Json(new { role = "system", content = system }),
        ",",
        Json(new { role = "user", content = task }));

    public override string Turn(int step, string result) => string.Concat(
        ",",
        Json(Message(step, isLast: false)),
        ",",
        Json(new { role = "tool", tool_call_id = Call(step), content = result }));

    public override string Close(bool stream) => $"],\"stream\":{(stream ? "true" : "false")}}}";

    public override string Reply(int step, bool isLast) => Json(new
    {
        id = "chatcmpl" + Id(step),
        @object = "chat.completion",
        created = 1760000000,
        model = Model,
        choices = new object[] { new { index = 0, message = Message(step, isLast), finish_reason = isLast ? "stop" : "tool_calls" } },
        usage = new { prompt_tokens = 9000, completion_tokens = 90, total_tokens = 9090 },
    });

    public override IEnumerable<string> Events(int step, bool isLast)
    {
        foreach (var piece in Pieces(Says(step), 10))
        {
            yield return Chunk(step, new { role = "assistant", content = piece }, null);
        }

        if (!isLast)
        {
            yield return Chunk(step, new { tool_calls = new object[] { new { index = 0, id = Call(step), type = "function", function = new { name = "read_file", arguments = "" } } } }, null);
            yield return Chunk(step, new { tool_calls = new object[] { new { index = 0, function = new { arguments = Arguments(step) } } } }, null);
        }

        yield return Chunk(step, new { }, isLast ? "stop" : "tool_calls");
        yield return "data: [DONE]\n\n";
    }

    private static string Chunk(int step, object delta, string? reason) => Event(new
    {
        id = "chatcmpl" + Id(step),
        @object = "chat.completion.chunk",
        created = 1760000000,
        model = Model,
        choices = new object[] { new { index = 0, delta, finish_reason = reason } },
    });

    private static object Message(int step, bool isLast) => isLast
        ? new { role = "assistant", content = Says(step) }
        : new { role = "assistant", content = Says(step), tool_calls = new object[] { new { id = Call(step), type = "function", function = new { name = "read_file", arguments = Arguments(step) } } } };
}
