using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>What a part of a reply is.</summary>
internal enum PartKind
{
    Text,
    Refusal,
    Call,
}

/// <summary>A part of a reply: a text, a refusal, or a call with its arguments or its free text.</summary>
internal sealed record ReplyPart(PartKind Kind, string Text)
{
    public string Id { get; init; } = "";

    public ToolName? Tool { get; init; }

    public string? Signature { get; init; }
}

/// <summary>Collects a reply and writes it whole.</summary>
internal sealed class WholeReply(ReplyPlan plan) : IReplySink
{
    private readonly List<ReplyPart> _parts = [];
    private readonly StringBuilder _text = new();
    private PartKind? _open;
    private string _id = "";
    private string _model = "";
    private ReplyEnd? _end;
    private (int Status, string Message)? _error;

    /// <summary>The status of an error that the reply holds, or null.</summary>
    public int? ErrorStatus => _error?.Status;

    public void Begin(string? id, string model) => (_id, _model) = (ReplyIds.Of(id, plan), model);

    public void Text(string delta) => Say(PartKind.Text, delta);

    public void Refusal(string delta) => Say(PartKind.Refusal, delta);

    public void BeginCall(string id, ToolName tool, string? signature)
    {
        Close();
        _open = PartKind.Call;
        _parts.Add(new ReplyPart(PartKind.Call, "") { Id = id, Tool = tool, Signature = signature });
    }

    public void Arguments(string delta) => _text.Append(delta);

    public void EndCall() => Close();

    public void End(ReplyEnd end)
    {
        Close();
        _end = end;
    }

    public void Error(int status, string message) => _error = (status, message);

    public byte[] ToBytes() =>
        _error is { } error ? DialectCatalog.Get(plan.Source).FormatError(error.Status, error.Message)
        : ReplyJson.Object(plan.Source switch
        {
            DialectKind.AnthropicMessages => WriteAnthropic,
            DialectKind.OpenAiChat => WriteChat,
            DialectKind.OpenAiResponses => WriteResponses,
            _ => WriteGemini,
        });

    private void Say(PartKind kind, string delta)
    {
        if (_open != kind)
        {
            Close();
            _open = kind;
            _parts.Add(new ReplyPart(kind, ""));
        }

        _text.Append(delta);
    }

    private void Close()
    {
        if (_open is not null)
        {
            _parts[^1] = _parts[^1] with { Text = _text.ToString() };
            _text.Clear();
            _open = null;
        }
    }

    private string TextOf(PartKind kind) => string.Concat(_parts.Where(part => part.Kind == kind).Select(part => part.Text));

    private void WriteAnthropic(Utf8JsonWriter json)
    {
        json.WriteString("id", _id);
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", _model);
        json.WriteArray("content", _parts, part =>
        {
            if (part.Kind != PartKind.Call)
            {
                json.WriteObject(("type", "text"), ("text", part.Text));
                return;
            }

            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", part.Id);
            json.WriteString("name", part.Tool!.Name);
            json.WritePropertyName("input");
            json.WriteRaw(RawJson.Clean(Encoding.UTF8.GetBytes(Values.AsObject(part.Text))));
            json.WriteEndObject();
        });
        json.WriteString("stop_reason", AnthropicReplyEvents.WordOf(_end!.Stop));
        json.WriteString("stop_sequence", _end.StopSequence);
        json.WriteObject("usage", usage => AnthropicReplyEvents.WriteUsage(usage, _end.Usage));
    }

    private void WriteChat(Utf8JsonWriter json)
    {
        var calls = _parts.Where(part => part.Kind == PartKind.Call).ToList();
        var (text, refusal) = (TextOf(PartKind.Text), TextOf(PartKind.Refusal));
        json.WriteString("id", _id);
        json.WriteString("object", "chat.completion");
        json.WriteNumber("created", plan.Now);
        json.WriteString("model", _model);
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        json.WriteString("content", text.Length == 0 && (calls.Count > 0 || refusal.Length > 0) ? null : text);
        json.WriteString("refusal", refusal.Length > 0 ? refusal : null);
        if (calls.Count > 0)
        {
            json.WriteArray("tool_calls", calls, call =>
            {
                var isFreeText = call.Tool!.IsFreeText;
                json.WriteStartObject();
                json.WriteString("id", call.Id);
                json.WriteString("type", isFreeText ? "custom" : "function");
                json.WriteObject(isFreeText ? "custom" : "function", ("name", call.Tool.Name), (isFreeText ? "input" : "arguments", call.Text));
                ChatReplyEvents.WriteSignature(json, call.Signature);
                json.WriteEndObject();
            });
        }

        json.WriteEndObject();
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", ChatReplyEvents.WordOf(_end!.Stop));
        json.WriteEndObject();
        json.WriteEndArray();
        if (_end.Usage is { } usage)
        {
            ChatReplyEvents.WriteUsage(json, usage);
        }
    }

    private void WriteResponses(Utf8JsonWriter json)
    {
        ResponsesOutput.WriteHead(json, _id, _model, plan.Now, ResponsesOutput.StatusOf(_end!.Stop), _end.Stop);
        json.WriteStartArray("output");
        for (var i = 0; i < _parts.Count; i++)
        {
            ResponsesOutput.WriteItem(json, _parts[i], ResponsesOutput.IdOf(_parts[i], _id, i), isDone: true);
        }

        json.WriteEndArray();
        ResponsesOutput.WriteUsage(json, _end.Usage);
    }

    private void WriteGemini(Utf8JsonWriter json)
    {
        json.WriteStartArray("candidates");
        json.WriteStartObject();
        json.WriteStartObject("content");
        json.WriteArray("parts", _parts, part =>
        {
            if (part.Kind == PartKind.Call)
            {
                GeminiReplyEvents.WriteCall(json, part.Id, part.Tool!.Name, part.Signature, part.Text);
            }
            else
            {
                json.WriteObject(("text", part.Text));
            }
        });
        json.WriteString("role", "model");
        json.WriteEndObject();
        json.WriteString("finishReason", GeminiReplyEvents.WordOf(_end!.Stop));
        json.WriteNumber("index", 0);
        json.WriteEndObject();
        json.WriteEndArray();
        GeminiReplyEvents.WriteUsage(json, _end.Usage);
        json.WriteString("modelVersion", _model);
        json.WriteString("responseId", _id);
    }
}
