using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.OpenAiChat;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translated;

/// <summary>
/// Ollama's own chat (docs.ollama.com, API reference, "Generate a chat message"), recorded in the form of Chat Completions.
/// Its calls have no ids: an id is made of a call's name and arguments.
/// </summary>
internal sealed class OllamaChatDialect() : TranslatedDialect(DialectKind.OllamaChat, "ollama-chat", "proxy", new OpenAiChatDialect())
{
    public override bool IsCompletion(ReadOnlySpan<char> path) => path.EndsWith("/api/chat", StringComparison.Ordinal);

    public override ReplyAssembler CreateAssembler(string? contentType, bool streamRequested) => new OllamaAssembler(Form.CreateAssembler(null, streamRequested));

    public override byte[] FormatError(int status, string message) => ReplyJson.Join("{\"error\":", message, "}");

    /// <summary>The calls of a message, with ids.</summary>
    public static void AddCalls(ByteBuffer json, JsonElement calls, ref int index, Queue<(string Name, string Id)>? open = null)
    {
        json.Add("["u8);
        var isFirst = true;
        foreach (var call in calls.Items())
        {
            var function = call.Get("function"u8);
            var (name, arguments) = (function.Text("name"u8) ?? "", function.Get("arguments"u8));
            var raw = arguments.Exists() ? arguments.RawText() : "{}";
            var id = call.Text("id"u8) is { Length: > 0 } given ? given : IdOf(name, raw);
            open?.Enqueue((name, id));
            json.Add(isFirst ? ""u8 : ","u8).Add("{\"index\":"u8).Add(Encoding.UTF8.GetBytes(index++.ToString(System.Globalization.CultureInfo.InvariantCulture)))
                .Add(",\"type\":\"function\",\"id\":"u8).Add(id).Add(",\"function\":{\"name\":"u8).Add(name).Add(",\"arguments\":"u8)
                .Add(arguments.ValueKind == JsonValueKind.String ? arguments.Text()! : raw).Add("}}"u8);
            isFirst = false;
        }

        json.Add("]"u8);
    }

    protected override byte[]? Translate(ReadOnlyMemory<byte> body, string path)
    {
        using var document = LenientJson.Parse(body);
        var request = document?.RootElement ?? default;
        if (request.Get("messages"u8).ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        using var json = new ByteBuffer(body.Length + 256);
        json.Add("{\"model\":"u8).Add(request.Get("model"u8)).Add(request.Get("stream"u8).ValueKind == JsonValueKind.False ? ",\"stream\":false"u8 : ",\"stream\":true"u8);
        if (request.Get("tools"u8).Exists())
        {
            json.Add(",\"tools\":"u8).Add(request.Get("tools"u8));
        }

        var open = new Queue<(string Name, string Id)>();
        json.Add(",\"messages\":"u8).AddList(request.Get("messages"u8).Items(), (to, message) => AddMessage(to, message, open));
        return json.Add("}"u8).ToArray();
    }

    private static void AddMessage(ByteBuffer json, JsonElement message, Queue<(string Name, string Id)> open)
    {
        json.Add("{\"role\":"u8).Add(message.Get("role"u8)).Add(",\"content\":"u8);
        if (message.Get("images"u8).Items().Any())
        {
            json.Add("[{\"type\":\"text\",\"text\":"u8).Add(message.Text("content"u8) ?? "").Add("}"u8);
            foreach (var image in message.Get("images"u8).Items())
            {
                json.Add(",{\"type\":\"image_url\",\"image_url\":{\"url\":"u8).Add("data:image/png;base64," + image.Text()).Add("}}"u8);
            }

            json.Add("]"u8);
        }
        else
        {
            json.Add(message.Get("content"u8));
        }

        if (message.Get("thinking"u8).Exists())
        {
            json.Add(",\"reasoning_content\":"u8).Add(message.Get("thinking"u8));
        }

        if (message.Get("tool_calls"u8).Items().Any())
        {
            var index = 0;
            open.Clear();
            json.Add(",\"tool_calls\":"u8);
            AddCalls(json, message.Get("tool_calls"u8), ref index, open);
        }

        if (message.Get("role"u8).Is("tool"u8))
        {
            // Results come in the order of their calls.
            var answered = message.Text("tool_call_id"u8) is { Length: > 0 } given ? given : open.TryDequeue(out var call) ? call.Id : "";
            json.Add(",\"tool_call_id\":"u8).Add(answered);
        }

        json.Add("}"u8);
    }

    private static string IdOf(string name, string arguments) =>
        "call_" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(CallKey.Of(name, Encoding.UTF8.GetBytes(arguments)))).AsSpan(0, 12));
}

/// <summary>Assembles a response of Ollama's chat: one JSON object a line, or one in all.</summary>
internal sealed class OllamaAssembler : ReplyAssembler
{
    private readonly ReplyAssembler _form;
    private readonly JsonValueReader _values;
    private int _calls;

    public OllamaAssembler(ReplyAssembler form)
    {
        _form = form;
        _values = new JsonValueReader(OnValue, static () => { });
    }

    public override bool HasEnded => _form.HasEnded;

    public override void Append(ReadOnlySpan<byte> bytes) => _values.Append(bytes);

    public override AssembledReply ToReply() => _form.ToReply();

    private void OnValue(ReadOnlyMemory<byte> line)
    {
        using var document = LenientJson.Parse(line);
        var value = document?.RootElement ?? default;
        var message = value.Get("message"u8);
        if (!message.Exists())
        {
            _form.Append(line.Span);
            return;
        }

        using var json = new ByteBuffer();
        json.Add("{\"model\":"u8).Add(value.Get("model"u8)).Add(",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"u8).Add(message.Get("content"u8));
        if (message.Get("thinking"u8).Exists())
        {
            json.Add(",\"reasoning_content\":"u8).Add(message.Get("thinking"u8));
        }

        if (message.Get("tool_calls"u8).Items().Any())
        {
            json.Add(",\"tool_calls\":"u8);
            OllamaChatDialect.AddCalls(json, message.Get("tool_calls"u8), ref _calls);
        }

        json.Add("}"u8);
        if (value.Get("done"u8).ValueKind == JsonValueKind.True)
        {
            var reason = value.Text("done_reason"u8) ?? "stop";
            json.Add(",\"finish_reason\":"u8).Add(reason == "stop" && _calls > 0 ? "tool_calls" : reason);
        }

        json.Add("}]"u8);
        if (value.Get("eval_count"u8).Exists() || value.Get("prompt_eval_count"u8).Exists())
        {
            json.Add(",\"usage\":{\"prompt_tokens\":"u8).Add(value.Get("prompt_eval_count"u8)).Add(",\"completion_tokens\":"u8).Add(value.Get("eval_count"u8)).Add("}"u8);
        }

        _form.Append(json.Add("}"u8).Span);
    }
}
