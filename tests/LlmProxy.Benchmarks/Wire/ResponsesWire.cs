using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Wire;

/// <summary>Responses, without a history on the server's side.</summary>
internal sealed class ResponsesWire : AgentWire
{
    private const string Model = "gpt-5";

    public override string Name => "responses";

    public override DialectKind Kind => DialectKind.OpenAiResponses;

    public override string Headers => "User-Agent: OpenAI/Python 1.99.0\r\nAuthorization: Bearer bench\r\n";

    public override string Path(bool stream) => "/v1/responses";

    public override string Open(string system, string toolText, string task) => string.Concat(
        $$"""{"model":"{{Model}}","instructions":""",
        Json(system),
        ",\"tools\":",
        Json(new object[] { new { type = "function", name = "read_file", description = toolText, parameters = new { type = "object" } } }),
        ",\"input\":[",
        Json(new { type = "message", role = "user", content = new object[] { new { type = "input_text", text = task } } }));

    public override string Turn(int step, string result) =>
        string.Concat(Items(step, isLast: false).Append(new { type = "function_call_output", call_id = Call(step), output = result }).Select(item => "," + Json(item)));

    public override string Close(bool stream) => $"],\"store\":false,\"stream\":{(stream ? "true" : "false")}}}";

    public override string Reply(int step, bool isLast) => Json(Response(step, isLast));

    public override IEnumerable<string> Events(int step, bool isLast)
    {
        yield return Event(new { type = "response.created", response = new { id = "resp" + Id(step), model = Model, status = "in_progress", output = Array.Empty<object>() } }, "response.created");
        yield return Event(new { type = "response.output_item.added", output_index = 0, item = new { type = "message", id = "item" + Id(step), role = "assistant", content = Array.Empty<object>() } }, "response.output_item.added");
        foreach (var piece in Pieces(Says(step), 10))
        {
            yield return Event(new { type = "response.output_text.delta", item_id = "item" + Id(step), output_index = 0, content_index = 0, delta = piece }, "response.output_text.delta");
        }

        var index = 0;
        foreach (var item in Items(step, isLast))
        {
            yield return Event(new { type = "response.output_item.done", output_index = index++, item }, "response.output_item.done");
        }

        yield return Event(new { type = "response.completed", response = Response(step, isLast) }, "response.completed");
    }

    private static object Response(int step, bool isLast) => new
    {
        id = "resp" + Id(step),
        @object = "response",
        status = "completed",
        model = Model,
        output = Items(step, isLast),
        usage = new { input_tokens = 9000, output_tokens = 90, total_tokens = 9090 },
    };

    private static object[] Items(int step, bool isLast)
    {
        var message = new { type = "message", id = "item" + Id(step), role = "assistant", status = "completed", content = new object[] { new { type = "output_text", text = Says(step), annotations = Array.Empty<object>() } } };
        return isLast ? [message] : [message, new { type = "function_call", id = "fc" + Id(step), call_id = Call(step), name = "read_file", arguments = Arguments(step), status = "completed" }];
    }
}
