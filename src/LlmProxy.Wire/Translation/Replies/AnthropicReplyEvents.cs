using System.Text.Json;
using LlmProxy.Wire.Anthropic;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Writes events of the Messages API: one content block at a time.</summary>
internal sealed class AnthropicReplyEvents(ReplyPlan plan) : ReplyEvents(plan)
{
    private static readonly AnthropicMessagesDialect Dialect = new();

    private int _index = -1;
    private bool _isText;
    private bool _isOpen;
    private bool _hasBegun;

    public static string WordOf(StopKind stop) => stop switch
    {
        StopKind.ToolUse => "tool_use",
        StopKind.StopSequence => "stop_sequence",
        StopKind.MaxTokens => "max_tokens",
        StopKind.ContextWindow => "model_context_window_exceeded",
        StopKind.Refusal or StopKind.Filter => "refusal",
        _ => "end_turn",
    };

    public static void WriteUsage(Utf8JsonWriter json, TokenUsage? usage)
    {
        // The counts of a client's kind: without cached input. The grammar demands both numbers.
        json.WriteNumber("input_tokens", usage is null ? 0 : Math.Max(0, usage.Input - usage.CacheRead - usage.CacheWrite));
        if (usage is { CacheWrite: > 0 })
        {
            json.WriteNumber("cache_creation_input_tokens", usage.CacheWrite);
        }

        if (usage is { CacheRead: > 0 })
        {
            json.WriteNumber("cache_read_input_tokens", usage.CacheRead);
        }

        json.WriteNumber("output_tokens", usage?.Output ?? 0);
        if (usage is { Reasoning: > 0 })
        {
            json.WriteStartObject("output_tokens_details");
            json.WriteNumber("thinking_tokens", usage.Reasoning);
            json.WriteEndObject();
        }
    }

    public override void Text(string delta)
    {
        if (!_isOpen || !_isText)
        {
            Close();
            Open(isText: true, json => json.WriteObject("content_block", ("type", "text"), ("text", "")));
        }

        Delta("text_delta", "text", delta);
    }

    public override void Refusal(string delta) => Text(delta);

    public override void BeginCall(string id, ToolName tool, string? signature)
    {
        Close();
        Open(isText: false, json =>
        {
            json.WriteStartObject("content_block");
            json.WriteString("type", "tool_use");
            json.WriteString("id", id);
            json.WriteString("name", tool.Name);
            json.WriteStartObject("input");
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    public override void Arguments(string delta) => Delta("input_json_delta", "partial_json", delta);

    public override void EndCall() => Close();

    public override void End(ReplyEnd end)
    {
        Close();
        Event("message_delta", json =>
        {
            json.WriteString("type", "message_delta");
            json.WriteStartObject("delta");
            json.WriteString("stop_reason", WordOf(end.Stop));
            json.WriteString("stop_sequence", end.StopSequence);
            json.WriteEndObject();
            json.WriteStartObject("usage");
            WriteUsage(json, end.Usage);
            json.WriteEndObject();
        });
        Event("message_stop", json => json.WriteString("type", "message_stop"));
    }

    public override void Error(int status, string message) => Frame("error", Dialect.FormatError(status, message));

    public override bool KeepAlive()
    {
        if (_hasBegun)
        {
            Event("ping", json => json.WriteString("type", "ping"));
            return true;
        }

        return base.KeepAlive();
    }

    protected override void OnBegin()
    {
        _hasBegun = true;
        Event("message_start", json =>
        {
            json.WriteString("type", "message_start");
            json.WriteStartObject("message");
            json.WriteString("id", Id);
            json.WriteString("type", "message");
            json.WriteString("role", "assistant");
            json.WriteString("model", Model);
            json.WriteEmptyArray("content");
            json.WriteNull("stop_reason");
            json.WriteNull("stop_sequence");
            json.WriteStartObject("usage");
            WriteUsage(json, null);
            json.WriteEndObject();
            json.WriteEndObject();
        });
    }

    private void Open(bool isText, Action<Utf8JsonWriter> block)
    {
        (_isText, _isOpen) = (isText, true);
        _index++;
        Event("content_block_start", json =>
        {
            json.WriteString("type", "content_block_start");
            json.WriteNumber("index", _index);
            block(json);
        });
    }

    private void Delta(string type, string name, string text) => Event("content_block_delta", json =>
    {
        json.WriteString("type", "content_block_delta");
        json.WriteNumber("index", _index);
        json.WriteObject("delta", ("type", type), (name, text));
    });

    private void Close()
    {
        if (_isOpen)
        {
            _isOpen = false;
            Event("content_block_stop", json =>
            {
                json.WriteString("type", "content_block_stop");
                json.WriteNumber("index", _index);
            });
        }
    }
}
