using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Writes a reply for a client as events, as it comes.</summary>
internal abstract class ReplyEvents(ReplyPlan plan) : IReplySink
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly ArrayBufferWriter<byte> _json = new(1024);
    private Utf8JsonWriter? _writer;

    /// <summary>Where the client's bytes go; set for each call.</summary>
    public IBufferWriter<byte> Output { get; set; } = new ArrayBufferWriter<byte>();

    protected ReplyPlan Plan { get; } = plan;

    protected string Id { get; private set; } = "";

    protected string Model { get; private set; } = "";

    public static ReplyEvents Create(ReplyPlan plan) => plan.Source switch
    {
        DialectKind.AnthropicMessages => new AnthropicReplyEvents(plan),
        DialectKind.OpenAiChat => new ChatReplyEvents(plan),
        DialectKind.OpenAiResponses => new ResponsesReplyEvents(plan),
        _ => new GeminiReplyEvents(plan),
    };

    public void Begin(string? id, string model)
    {
        Id = ReplyIds.Of(id, Plan);
        Model = model;
        OnBegin();
    }

    public abstract void Text(string delta);

    public abstract void Refusal(string delta);

    public abstract void BeginCall(string id, ToolName tool, string? signature);

    public abstract void Arguments(string delta);

    public abstract void EndCall();

    public abstract void End(ReplyEnd end);

    public abstract void Error(int status, string message);

    /// <summary>Writes what keeps the client waiting.</summary>
    public virtual bool KeepAlive()
    {
        Output.Write(": keep-alive\n\n"u8);
        return true;
    }

    protected abstract void OnBegin();

    /// <summary>Writes one event.</summary>
    protected void Event(string? name, Action<Utf8JsonWriter> members)
    {
        _json.ResetWrittenCount();
        _writer ??= new Utf8JsonWriter(_json, Options);
        _writer.Reset(_json);
        _writer.WriteStartObject();
        members(_writer);
        _writer.WriteEndObject();
        _writer.Flush();
        Frame(name, _json.WrittenSpan);
    }

    /// <summary>Writes an event's data in the dialect's framing.</summary>
    protected virtual void Frame(string? name, ReadOnlySpan<byte> data)
    {
        if (name is not null)
        {
            Output.Write("event: "u8);
            Output.Write(global::System.Text.Encoding.ASCII.GetBytes(name));
            Output.Write("\n"u8);
        }

        Output.Write("data: "u8);
        Output.Write(data);
        Output.Write("\n\n"u8);
    }
}

/// <summary>Ids of replies in the client's form.</summary>
internal static class ReplyIds
{
    public static string Of(string? id, ReplyPlan plan)
    {
        var prefix = plan.Source switch
        {
            DialectKind.AnthropicMessages => "msg_",
            DialectKind.OpenAiChat => "chatcmpl-",
            DialectKind.OpenAiResponses => "resp_",
            _ => "",
        };
        var own = string.Concat((id ?? plan.Nonce).Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-').Take(100));
        return own.StartsWith(prefix, StringComparison.Ordinal) && own.Length > prefix.Length ? own : prefix + (own.Length > 0 ? own : plan.Nonce);
    }
}
