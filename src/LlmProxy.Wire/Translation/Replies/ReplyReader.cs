using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Reads a target's reply, events or whole. Its first byte decides which, as in the assemblers.</summary>
internal abstract class ReplyReader
{
    private readonly SseReader _events;
    private readonly JsonValueReader _values;
    private bool? _isEvents;

    protected ReplyReader(ReplyFlow flow, bool inputLeavesCacheOut = false)
    {
        Flow = flow;
        Tally = new UsageTally(inputLeavesCacheOut);
        _events = new SseReader(OnEvent);
        _values = new JsonValueReader(data => OnEvent(null, data), OnDone);
        flow.Usage = () => Tally.Usage;
    }

    /// <summary>Whether the reply came as events.</summary>
    protected bool IsEvents => _isEvents == true;

    protected ReplyFlow Flow { get; }

    protected UsageTally Tally { get; }

    /// <summary>Whether the dialect's last event came.</summary>
    protected bool HasEnded { get; set; }

    public static ReplyReader Create(DialectKind kind, ReplyFlow flow) => kind switch
    {
        DialectKind.AnthropicMessages => new AnthropicReplyReader(flow),
        DialectKind.OpenAiChat => new ChatReplyReader(flow),
        DialectKind.OpenAiResponses => new ResponsesReplyReader(flow),
        _ => new GeminiReplyReader(flow),
    };

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_isEvents is null)
        {
            var first = bytes.IndexOfAnyExcept(" \r\n\t\uFEFF"u8);
            if (first < 0)
            {
                return;
            }

            bytes = bytes[first..];
            _isEvents = bytes[0] is not ((byte)'{' or (byte)'[');
        }

        if (_isEvents == true)
        {
            _events.Append(bytes);
        }
        else
        {
            _values.Append(bytes);
        }
    }

    /// <summary>The end of the body: a reply without its dialect's end was cut.</summary>
    public void Complete()
    {
        _events.Flush();
        if (Flow.IsOver)
        {
            return;
        }

        if (HasEnded || IsWholeWithout())
        {
            Flow.Finish();
        }
        else
        {
            Flow.Error(502, "The target's response ended before it was complete.");
        }
    }

    /// <summary>Whether a reply without a last event is whole.</summary>
    protected virtual bool IsWholeWithout() => Flow.HasStop;

    /// <summary>Takes one event or the whole reply.</summary>
    /// <returns>Whether it was understood.</returns>
    protected abstract bool OnValue(JsonElement value);

    /// <summary>Takes <c>[DONE]</c>, or the end of an array.</summary>
    protected virtual void OnDone()
    {
    }

    /// <summary>Reports an error of the target.</summary>
    protected bool TakeError(JsonElement holder)
    {
        var error = holder.Get("error"u8);
        if (!error.Exists())
        {
            return false;
        }

        Flow.Error(UpstreamErrors.StatusOf(error), UpstreamErrors.MessageOf(error));
        return true;
    }

    private void OnEvent(string? name, ReadOnlyMemory<byte> data)
    {
        if (Flow.IsOver)
        {
            return;
        }

        if (data.Span.Trim(" "u8).SequenceEqual("[DONE]"u8))
        {
            OnDone();
            return;
        }

        using var document = LenientJson.Parse(data);
        var value = document?.RootElement ?? default;
        if (value.ValueKind != JsonValueKind.Object)
        {
            if (name == "error")
            {
                Flow.Error(502, Encoding.UTF8.GetString(data.Span));
            }

            return;
        }

        if (!OnValue(value) && !TakeError(value))
        {
            if (name == "error")
            {
                Flow.Error(UpstreamErrors.StatusOf(value), UpstreamErrors.MessageOf(value));
            }
            else if (value.Text("type"u8) is { } type)
            {
                Flow.Lose(Requests.RawJson.Clean(type), "The event is not known.");
            }
        }
    }
}

/// <summary>Errors of targets, in any of the shapes in which servers send them.</summary>
internal static class UpstreamErrors
{
    public static string MessageOf(JsonElement error) =>
        error.Text() ?? error.Text("message"u8) ?? error.Get("error"u8).Text("message"u8) ?? error.Get("error"u8).Text() ?? error.Text("detail"u8) ?? Requests.RawJson.Clean(error);

    /// <summary>The status that an error within a 200 would have had.</summary>
    public static int StatusOf(JsonElement error)
    {
        if ((error.Number("code"u8) ?? error.Number("status"u8)) is >= 400 and < 600 and var status)
        {
            return (int)status;
        }

        return (error.Text("type"u8) ?? error.Text("code"u8) ?? error.Text("status"u8))?.ToLowerInvariant() switch
        {
            "overloaded_error" or "unavailable" or "service_unavailable" => 529,
            "rate_limit_error" or "rate_limit_exceeded" or "resource_exhausted" or "insufficient_quota" => 429,
            "invalid_request_error" or "invalid_argument" or "invalid_prompt" or "context_length_exceeded" => 400,
            "authentication_error" or "unauthenticated" => 401,
            "permission_error" or "permission_denied" => 403,
            "not_found_error" or "not_found" => 404,
            "timeout_error" or "deadline_exceeded" => 504,
            _ => 502,
        };
    }

    /// <summary>The message of a response with an error status.</summary>
    public static string MessageOf(int status, ReadOnlyMemory<byte> body)
    {
        using var document = LenientJson.Parse(body);
        var root = document?.RootElement ?? default;
        // Gemini's array form wraps the error, too.
        root = root.ValueKind == JsonValueKind.Array && root.GetArrayLength() > 0 ? root[0] : root;
        var error = root.Get("error"u8);
        var text = error.Exists() ? MessageOf(error)
            : root.ValueKind == JsonValueKind.Object ? MessageOf(root)
            : Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 2000)]).Trim();
        return Requests.RawJson.Clean(text.Length > 0 ? text : $"The target responded with status {status}.");
    }
}
