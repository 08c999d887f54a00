using System.Buffers;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Writes chunks of Gemini: events that end in CRLF, or the elements of an array. A call comes whole.</summary>
internal sealed class GeminiReplyEvents(ReplyPlan plan) : ReplyEvents(plan)
{
    private static readonly GeminiDialect Dialect = new();

    private readonly StringBuilder _arguments = new();
    private (string Id, string Name, string? Signature) _call;
    private bool _hasElements;

    public static string WordOf(StopKind stop) => stop switch
    {
        StopKind.MaxTokens or StopKind.ContextWindow => "MAX_TOKENS",
        StopKind.Refusal or StopKind.Filter => "SAFETY",
        _ => "STOP",
    };

    public static void WriteUsage(Utf8JsonWriter json, TokenUsage? usage)
    {
        if (usage is null)
        {
            return;
        }

        json.WriteStartObject("usageMetadata");
        json.WriteNumber("promptTokenCount", usage.Input);
        json.WriteNumber("candidatesTokenCount", Math.Max(0, usage.Output - usage.Reasoning));
        if (usage.CacheRead > 0)
        {
            json.WriteNumber("cachedContentTokenCount", usage.CacheRead);
        }

        if (usage.Reasoning > 0)
        {
            // Some servers count reasoning outside the output; here it is added to it.
            json.WriteNumber("thoughtsTokenCount", Math.Min(usage.Reasoning, usage.Output));
        }

        json.WriteNumber("totalTokenCount", usage.Total);
        json.WriteEndObject();
    }

    public static void WriteCall(Utf8JsonWriter json, string id, string name, string? signature, string arguments)
    {
        json.WriteStartObject();
        json.WriteStartObject("functionCall");
        json.WriteString("id", id);
        json.WriteString("name", name);
        json.WritePropertyName("args");
        json.WriteRaw(RawJson.Clean(Encoding.UTF8.GetBytes(Values.AsObject(arguments))));
        json.WriteEndObject();
        if (signature is { Length: > 0 })
        {
            json.WriteString("thoughtSignature", RawJson.Clean(signature));
        }

        json.WriteEndObject();
    }

    public override void Text(string delta) => Chunk(json => json.WriteObject(("text", delta)), null);

    public override void Refusal(string delta) => Text(delta);

    public override void BeginCall(string id, ToolName tool, string? signature) => _call = (id, tool.Name, signature);

    public override void Arguments(string delta) => _arguments.Append(delta);

    public override void EndCall()
    {
        Chunk(json => WriteCall(json, _call.Id, _call.Name, _call.Signature, _arguments.ToString()), null);
        _arguments.Clear();
    }

    public override void End(ReplyEnd end)
    {
        Chunk(json => json.WriteObject(("text", "")), end);
        EndArray();
    }

    public override void Error(int status, string message)
    {
        Frame(null, Dialect.FormatError(status, message));
        EndArray();
    }

    public override bool KeepAlive() => !Plan.IsArray && base.KeepAlive();

    protected override void OnBegin()
    {
    }

    protected override void Frame(string? name, ReadOnlySpan<byte> data)
    {
        Output.Write(!Plan.IsArray ? "data: "u8 : _hasElements ? ",\r\n"u8 : "["u8);
        _hasElements = true;
        Output.Write(data);
        Output.Write(Plan.IsArray ? ""u8 : "\r\n\r\n"u8);
    }

    private void EndArray()
    {
        if (Plan.IsArray)
        {
            Output.Write("]\r\n"u8);
        }
    }

    private void Chunk(Action<Utf8JsonWriter> part, ReplyEnd? end) => Event(null, json =>
    {
        json.WriteStartArray("candidates");
        json.WriteStartObject();
        json.WriteStartObject("content");
        json.WriteStartArray("parts");
        part(json);
        json.WriteEndArray();
        json.WriteString("role", "model");
        json.WriteEndObject();
        if (end is not null)
        {
            json.WriteString("finishReason", WordOf(end.Stop));
        }

        json.WriteNumber("index", 0);
        json.WriteEndObject();
        json.WriteEndArray();
        WriteUsage(json, end?.Usage);
        json.WriteString("modelVersion", Model);
        json.WriteString("responseId", Id);
    });
}
