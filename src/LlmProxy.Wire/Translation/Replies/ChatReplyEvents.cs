using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Writes chunks of Chat Completions.</summary>
internal sealed class ChatReplyEvents(ReplyPlan plan) : ReplyEvents(plan)
{
    private int _calls;
    private bool _isFreeText;

    public static string WordOf(StopKind stop) => stop switch
    {
        StopKind.ToolUse => "tool_calls",
        StopKind.MaxTokens or StopKind.ContextWindow => "length",
        StopKind.Filter => "content_filter",
        _ => "stop",
    };

    public static void WriteUsage(Utf8JsonWriter json, TokenUsage usage)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", usage.Input);
        json.WriteNumber("completion_tokens", usage.Output);
        json.WriteNumber("total_tokens", usage.Total);
        if (usage.CacheRead > 0 || usage.CacheWrite > 0)
        {
            json.WriteStartObject("prompt_tokens_details");
            json.WriteNumber("cached_tokens", usage.CacheRead);
            if (usage.CacheWrite > 0)
            {
                json.WriteNumber("cache_write_tokens", usage.CacheWrite);
            }

            json.WriteEndObject();
        }

        if (usage.Reasoning > 0)
        {
            json.WriteObject("completion_tokens_details", details => details.WriteNumber("reasoning_tokens", usage.Reasoning));
        }

        json.WriteEndObject();
    }

    public override void Text(string delta) => Chunk(json => json.WriteString("content", delta));

    public override void Refusal(string delta) => Chunk(json => json.WriteString("refusal", delta));

    public override void BeginCall(string id, ToolName tool, string? signature)
    {
        _isFreeText = tool.IsFreeText;
        Chunk(json =>
        {
            json.WriteStartArray("tool_calls");
            json.WriteStartObject();
            json.WriteNumber("index", _calls);
            json.WriteString("id", id);
            json.WriteString("type", _isFreeText ? "custom" : "function");
            json.WriteObject(_isFreeText ? "custom" : "function", ("name", tool.Name), (_isFreeText ? "input" : "arguments", ""));
            WriteSignature(json, signature);
            json.WriteEndObject();
            json.WriteEndArray();
        });
    }

    public override void Arguments(string delta) => Chunk(json =>
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", _calls);
        json.WriteObject(_isFreeText ? "custom" : "function", (_isFreeText ? "input" : "arguments", delta));
        json.WriteEndObject();
        json.WriteEndArray();
    });

    public override void EndCall() => _calls++;

    public override void End(ReplyEnd end)
    {
        Chunk(_ => { }, WordOf(end.Stop));
        if (Plan.IncludesUsage && end.Usage is { } usage)
        {
            Event(null, json =>
            {
                WriteHead(json);
                json.WriteEmptyArray("choices");
                WriteUsage(json, usage);
            });
        }

        Frame(null, "[DONE]"u8);
    }

    public override void Error(int status, string message) => Frame(null, OpenAiErrors.Format(status, message));

    /// <summary>Google's place for a thought signature in this dialect; clients send it back.</summary>
    public static void WriteSignature(Utf8JsonWriter json, string? signature)
    {
        if (signature is { Length: > 0 })
        {
            json.WriteStartObject("extra_content");
            json.WriteObject("google", ("thought_signature", Requests.RawJson.Clean(signature)));
            json.WriteEndObject();
        }
    }

    protected override void OnBegin() => Chunk(json =>
    {
        json.WriteString("role", "assistant");
        json.WriteString("content", "");
    });

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteString("id", Id);
        json.WriteString("object", "chat.completion.chunk");
        json.WriteNumber("created", Plan.Now);
        json.WriteString("model", Model);
    }

    private void Chunk(Action<Utf8JsonWriter> delta, string? finish = null) => Event(null, json =>
    {
        WriteHead(json);
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WriteStartObject("delta");
        delta(json);
        json.WriteEndObject();
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
        json.WriteEndArray();
    });
}
