using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Replies;

/// <summary>
/// The framing that all dialects share: a response is JSON or server-sent events. Its first byte decides which;
/// the content type and the request do not (servers answer stream requests with JSON, and send events as
/// text/plain or application/json).
/// </summary>
internal abstract class JsonReplyAssembler : ReplyAssembler
{
    // Raw unknown events are kept so that nothing is lost, but a stranger's endless stream must not fill the memory.
    private const int MaxUnknown = 1000;

    private readonly SseReader _events;
    private readonly JsonValueReader _values;
    private readonly List<string> _unknown = [];
    private Framing _framing;

    /// <param name="inputLeavesCacheOut">See <see cref="UsageTally"/>.</param>
    protected JsonReplyAssembler(bool inputLeavesCacheOut = false)
    {
        Tally = new UsageTally(inputLeavesCacheOut);
        _events = new SseReader(OnEvent);
        _values = new JsonValueReader(data => OnEvent(null, data), OnDone);
    }

    private enum Framing
    {
        Unknown,
        Events,
        Values,
    }

    /// <inheritdoc />
    public override bool HasEnded => Ended || Error is not null;

    /// <summary>Whether the dialect's end was seen.</summary>
    protected bool Ended { get; set; }

    /// <summary>The error that the response holds.</summary>
    protected string? Error { get; set; }

    /// <summary>The response's id, or null.</summary>
    protected string? ResponseId { get; set; }

    /// <summary>The model that answered, or null.</summary>
    protected string? Model { get; set; }

    /// <summary>Why the model stopped, or null.</summary>
    protected string? StopReason { get; set; }

    /// <summary>The usage objects.</summary>
    protected UsageTally Tally { get; }

    /// <summary>Whether the response comes as server-sent events.</summary>
    protected bool IsEvents => _framing == Framing.Events;

    /// <inheritdoc />
    public sealed override void Append(ReadOnlySpan<byte> bytes)
    {
        if (_framing == Framing.Unknown)
        {
            var first = bytes.IndexOfAnyExcept(" \r\n\t\uFEFF"u8);
            if (first < 0)
            {
                return;
            }

            bytes = bytes[first..];
            _framing = bytes[0] is (byte)'{' or (byte)'[' ? Framing.Values : Framing.Events;
        }

        if (_framing == Framing.Values)
        {
            _values.Append(bytes);
        }
        else
        {
            _events.Append(bytes);
        }
    }

    /// <inheritdoc />
    public sealed override AssembledReply ToReply()
    {
        _events.Flush();
        return Build();
    }

    /// <summary>The response as far as it came.</summary>
    protected abstract AssembledReply Build();

    /// <summary>The response, with what all dialects know of one.</summary>
    /// <param name="read">The message that was put together, as its dialect's reader reads it.</param>
    /// <param name="refusal">The refusal's text, or null.</param>
    /// <param name="endsTurn">Whether the model stopped of its own accord, if it calls no tool.</param>
    /// <param name="callsTool">Whether the client has a call to answer; null for any call of the message.</param>
    /// <param name="marks">See <see cref="AssembledReply.Marks"/>.</param>
    protected AssembledReply Build((ConversationMessage Message, IReadOnlyList<string> CallKeys) read, string? refusal, bool endsTurn, bool? callsTool = null, IReadOnlyList<string>? marks = null)
    {
        var isComplete = Ended && Error is null;
        var usage = Tally.Usage;
        return new AssembledReply
        {
            ResponseId = ResponseId,
            Model = Model,
            Message = read.Message,
            StopReason = StopReason,
            Usage = usage ?? TokenUsage.None,
            HasUsage = usage is not null,
            Terms = Tally.Terms,
            Refusal = refusal,
            Error = Error,
            IsComplete = isComplete,
            EndedTurn = isComplete && endsTurn && !(callsTool ?? read.Message.ToolCalls.Any(static call => !call.IsHosted)),
            CallKeys = read.CallKeys,
            Marks = marks ?? [],
            Unknown = _unknown,
        };
    }

    /// <summary>Takes one event or the whole response.</summary>
    /// <returns>Whether it was understood.</returns>
    protected abstract bool OnValue(JsonElement value);

    /// <summary>Takes <c>[DONE]</c> or the end of a streamed array.</summary>
    protected abstract void OnDone();

    /// <summary>Keeps what is not understood.</summary>
    protected void KeepUnknown(string raw)
    {
        if (_unknown.Count < MaxUnknown)
        {
            _unknown.Add(raw);
        }
    }

    /// <summary>Notes an error object in any of the shapes in which servers send it.</summary>
    /// <returns>Whether there is one.</returns>
    protected bool TakeError(JsonElement value)
    {
        var error = value.Get("error"u8);
        if (!error.Exists() && value.Get("object"u8).Is("error"u8))
        {
            error = value;
        }

        if (error.ValueKind == JsonValueKind.Object)
        {
            Error = Describe(error);
            return true;
        }

        if (error.Text() is { Length: > 0 } text)
        {
            Error = "error: " + text;
            return true;
        }

        return false;
    }

    /// <summary>An error object as <c>type: message</c>.</summary>
    protected static string Describe(JsonElement error)
    {
        var type = error.Text("status"u8) ?? error.Text("type"u8) ?? error.Text("code"u8) ?? error.Number("code"u8)?.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return $"{type ?? "error"}: {error.Text("message"u8) ?? error.RawText()}";
    }

    private void OnEvent(string? name, ReadOnlyMemory<byte> data)
    {
        if (data.Span.Trim(" "u8).SequenceEqual("[DONE]"u8))
        {
            OnDone();
            return;
        }

        using var document = LenientJson.Parse(data);
        if (document is null || document.RootElement.ValueKind != JsonValueKind.Object)
        {
            KeepUnknown(Encoding.UTF8.GetString(data.Span));
            return;
        }

        if (!OnValue(document.RootElement) && !TakeError(document.RootElement))
        {
            if (name == "error")
            {
                Error = Describe(document.RootElement);
            }

            KeepUnknown(Encoding.UTF8.GetString(data.Span));
        }
    }
}
