using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>
/// Writes events of Responses. Its last events say once more what the deltas said: the text is kept, as the grammar demands.
/// </summary>
internal sealed class ResponsesReplyEvents(ReplyPlan plan) : ReplyEvents(plan)
{
    private readonly ResponsesOutput _output = new();
    private readonly StringBuilder _text = new();
    private ReplyPart? _open;
    private string _itemId = "";
    private long _sequence;
    private int _index = -1;

    public override void Text(string delta) => Say(delta, isRefusal: false);

    public override void Refusal(string delta) => Say(delta, isRefusal: true);

    public override void BeginCall(string id, ToolName tool, string? signature)
    {
        Close();
        Open(new ReplyPart(PartKind.Call, "") { Id = id, Tool = tool });
    }

    public override void Arguments(string delta)
    {
        _text.Append(delta);
        Add($"response.{ArgumentsName}.delta", json =>
        {
            WritePlace(json);
            json.WriteString("delta", delta);
        });
    }

    public override void EndCall() => Close();

    public override void End(ReplyEnd end)
    {
        Close();
        Add(ResponsesOutput.StatusOf(end.Stop) == "completed" ? "response.completed" : "response.incomplete", json =>
        {
            json.WriteStartObject("response");
            ResponsesOutput.WriteHead(json, Id, Model, Plan.Now, ResponsesOutput.StatusOf(end.Stop), end.Stop);
            json.WriteStartArray("output");
            _output.WriteTo(json);
            json.WriteEndArray();
            ResponsesOutput.WriteUsage(json, end.Usage);
            json.WriteEndObject();
        });
    }

    public override void Error(int status, string message)
    {
        using var document = LenientJson.Parse(OpenAiErrors.Format(status, message));
        var code = document!.RootElement.Get("error"u8).Text("code"u8);
        Add("error", json =>
        {
            json.WriteString("code", code);
            json.WriteString("message", message);
            json.WriteNull("param");
        });
    }

    protected override void OnBegin()
    {
        foreach (var type in (ReadOnlySpan<string>)["response.created", "response.in_progress"])
        {
            Add(type, json =>
            {
                json.WriteStartObject("response");
                ResponsesOutput.WriteHead(json, Id, Model, Plan.Now, "in_progress", StopKind.EndTurn);
                json.WriteEmptyArray("output");
                json.WriteNull("usage");
                json.WriteEndObject();
            });
        }
    }

    private string ArgumentsName => _open!.Tool!.IsFreeText ? "custom_tool_call_input" : "function_call_arguments";

    private void Say(string delta, bool isRefusal)
    {
        var kind = isRefusal ? PartKind.Refusal : PartKind.Text;
        if (_open?.Kind != kind)
        {
            Close();
            Open(new ReplyPart(kind, ""));
            Add("response.content_part.added", json => WriteContent(json, ""));
        }

        _text.Append(delta);
        Add(isRefusal ? "response.refusal.delta" : "response.output_text.delta", json =>
        {
            WritePlace(json);
            json.WriteNumber("content_index", 0);
            json.WriteString("delta", delta);
            if (!isRefusal)
            {
                json.WriteEmptyArray("logprobs");
            }
        });
    }

    private void Open(ReplyPart part)
    {
        _open = part;
        _index++;
        _itemId = ResponsesOutput.IdOf(part, Id, _index);
        Add("response.output_item.added", json =>
        {
            json.WriteNumber("output_index", _index);
            json.WritePropertyName("item");
            ResponsesOutput.WriteItem(json, part, _itemId, isDone: false);
        });
    }

    private void Close()
    {
        if (_open is not { } part)
        {
            return;
        }

        var text = _text.ToString();
        _text.Clear();
        part = part with { Text = text };
        if (part.Kind == PartKind.Call)
        {
            Add($"response.{ArgumentsName}.done", json =>
            {
                WritePlace(json);
                if (!part.Tool!.IsFreeText)
                {
                    json.WriteString("name", part.Tool.Name);
                }

                json.WriteString(part.Tool.IsFreeText ? "input" : "arguments", text);
            });
        }
        else
        {
            var isRefusal = part.Kind == PartKind.Refusal;
            Add(isRefusal ? "response.refusal.done" : "response.output_text.done", json =>
            {
                WritePlace(json);
                json.WriteNumber("content_index", 0);
                json.WriteString(isRefusal ? "refusal" : "text", text);
                if (!isRefusal)
                {
                    json.WriteEmptyArray("logprobs");
                }
            });
            Add("response.content_part.done", json => WriteContent(json, text));
        }

        _open = null;
        _output.Add(part, _itemId);
        Add("response.output_item.done", json =>
        {
            json.WriteNumber("output_index", _index);
            json.WritePropertyName("item");
            ResponsesOutput.WriteItem(json, part, _itemId, isDone: true);
        });
    }

    private void WriteContent(Utf8JsonWriter json, string text)
    {
        WritePlace(json);
        json.WriteNumber("content_index", 0);
        json.WritePropertyName("part");
        ResponsesOutput.WriteContent(json, _open!.Kind, text);
    }

    private void WritePlace(Utf8JsonWriter json)
    {
        json.WriteString("item_id", _itemId);
        json.WriteNumber("output_index", _index);
    }

    private void Add(string type, Action<Utf8JsonWriter> members) => Event(type, json =>
    {
        json.WriteString("type", type);
        json.WriteNumber("sequence_number", _sequence++);
        members(json);
    });
}

/// <summary>The output of a response, whole and as its last event holds it.</summary>
internal sealed class ResponsesOutput
{
    private readonly List<(ReplyPart Part, string Id)> _items = [];

    public void Add(ReplyPart part, string id) => _items.Add((part, id));

    public void WriteTo(Utf8JsonWriter json)
    {
        foreach (var (part, id) in _items)
        {
            WriteItem(json, part, id, isDone: true);
        }
    }

    public static string StatusOf(StopKind stop) => stop is StopKind.MaxTokens or StopKind.ContextWindow or StopKind.Filter ? "incomplete" : "completed";

    public static string IdOf(ReplyPart part, string responseId, int index)
    {
        var prefix = part.Kind != PartKind.Call ? "msg" : part.Tool!.IsFreeText ? "ctc" : "fc";
        return string.Create(CultureInfo.InvariantCulture, $"{prefix}_{(responseId.StartsWith("resp_", StringComparison.Ordinal) ? responseId[5..] : responseId)}_{index}");
    }

    public static void WriteHead(Utf8JsonWriter json, string id, string model, long now, string status, StopKind stop)
    {
        json.WriteString("id", id);
        json.WriteString("object", "response");
        json.WriteNumber("created_at", now);
        json.WriteString("status", status);
        json.WriteNull("error");
        if (status == "incomplete")
        {
            json.WriteObject("incomplete_details", ("reason", stop == StopKind.Filter ? "content_filter" : "max_output_tokens"));
        }
        else
        {
            json.WriteNull("incomplete_details");
        }

        json.WriteNull("instructions");
        json.WriteStartObject("metadata");
        json.WriteEndObject();
        json.WriteString("model", model);
        json.WriteBoolean("parallel_tool_calls", true);
        json.WriteNull("previous_response_id");
        json.WriteBoolean("store", false);
        json.WriteNumber("temperature", 1);
        json.WriteString("tool_choice", "auto");
        json.WriteEmptyArray("tools");
        json.WriteNumber("top_p", 1);
    }

    public static void WriteUsage(Utf8JsonWriter json, TokenUsage? usage)
    {
        if (usage is null)
        {
            json.WriteNull("usage");
            return;
        }

        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", usage.Input);
        json.WriteStartObject("input_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        if (usage.CacheWrite > 0)
        {
            json.WriteNumber("cache_write_tokens", usage.CacheWrite);
        }

        json.WriteEndObject();
        json.WriteNumber("output_tokens", usage.Output);
        json.WriteObject("output_tokens_details", details => details.WriteNumber("reasoning_tokens", usage.Reasoning));
        json.WriteNumber("total_tokens", usage.Total);
        json.WriteEndObject();
    }

    public static void WriteItem(Utf8JsonWriter json, ReplyPart part, string id, bool isDone)
    {
        json.WriteStartObject();
        json.WriteString("id", id);
        if (part.Kind == PartKind.Call)
        {
            var tool = part.Tool!;
            json.WriteString("type", tool.IsFreeText ? "custom_tool_call" : "function_call");
            json.WriteString("status", isDone ? "completed" : "in_progress");
            json.WriteString(tool.IsFreeText ? "input" : "arguments", part.Text);
            json.WriteString("call_id", part.Id);
            json.WriteString("name", tool.Name);
            if (tool.Namespace is not null)
            {
                json.WriteString("namespace", tool.Namespace);
            }
        }
        else
        {
            json.WriteString("type", "message");
            json.WriteString("status", isDone ? "completed" : "in_progress");
            json.WriteStartArray("content");
            if (isDone)
            {
                WriteContent(json, part.Kind, part.Text);
            }

            json.WriteEndArray();
            json.WriteString("role", "assistant");
        }

        json.WriteEndObject();
    }

    public static void WriteContent(Utf8JsonWriter json, PartKind kind, string text)
    {
        json.WriteStartObject();
        if (kind == PartKind.Refusal)
        {
            json.WriteString("type", "refusal");
            json.WriteString("refusal", text);
        }
        else
        {
            json.WriteString("type", "output_text");
            json.WriteEmptyArray("annotations");
            json.WriteEmptyArray("logprobs");
            json.WriteString("text", text);
        }

        json.WriteEndObject();
    }
}
