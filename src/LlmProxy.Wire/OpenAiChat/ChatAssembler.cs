using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>Assembles a response of Chat Completions (OpenAI API reference, "Chat", "Streaming"). The first choice is the message.</summary>
internal sealed class ChatAssembler : JsonReplyAssembler
{
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _refusal = new();
    private readonly StringBuilder _reasoningContent = new();
    private readonly StringBuilder _reasoning = new();
    private readonly StringBuilder _shownReasoning = new();
    private readonly List<byte[]> _reasoningDetails = [];
    private readonly SortedDictionary<string, byte[]> _extra = new(StringComparer.Ordinal);
    private readonly ChatToolCalls _calls = new();
    private readonly Dictionary<long, bool> _choices = [];
    private readonly StringBuilder _legacyArguments = new();
    private string? _legacyName;
    private readonly SortedDictionary<long, ChatAssembler> _others = [];
    private string? _nativeReason;
    private bool _hasText;

    protected override AssembledReply Build()
    {
        TakeOthers();
        using var json = new ByteBuffer();
        WriteMessage(json);
        return Build(ChatMessageReader.Instance.Read(json.ToArray()), _refusal.Length > 0 ? _refusal.ToString() : null, StopWord.EndsTurn(StopReason) && !StopWord.IsCut(_nativeReason));
    }

    protected override void OnDone() => Ended = true;

    protected override bool OnValue(JsonElement value)
    {
        var choices = value.Get("choices"u8);
        var hasUsage = TakeUsage(value);
        if (choices.ValueKind != JsonValueKind.Array)
        {
            return hasUsage && !value.Get("error"u8).Exists();
        }

        // Gateways change the id on the way; SDKs keep the first.
        ResponseId ??= value.Text("id"u8) is { Length: > 0 } id ? id : null;
        Model = value.Text("model"u8) is { Length: > 0 } model ? model : Model;
        Tally.TakeTier(value.Text("service_tier"u8));
        foreach (var choice in choices.Items())
        {
            TakeChoice(choice);
        }

        if (value.Get("error"u8).Exists())
        {
            TakeError(value);
        }

        return true;
    }

    private void TakeChoice(JsonElement choice)
    {
        var index = choice.Number("index"u8) ?? 0;
        var message = choice.Get("message"u8);
        // Perplexity sends both: in events the message so far next to the delta, in a whole response an empty delta.
        var isWhole = message.ValueKind == JsonValueKind.Object && !(IsEvents && choice.Get("delta"u8).ValueKind == JsonValueKind.Object);
        var finish = choice.Text("finish_reason"u8);
        _choices[index] = isWhole || !string.IsNullOrEmpty(finish) || _choices.GetValueOrDefault(index);
        if (index == 0)
        {
            TakeDelta(isWhole ? message : choice.Get("delta"u8));
            StopReason = string.IsNullOrEmpty(finish) ? StopReason : finish;
            _nativeReason = choice.Text("native_finish_reason"u8) ?? _nativeReason;
            if (choice.Get("error"u8).Exists())
            {
                TakeError(choice);
            }
        }

        else if (_others.TryGetValue(index, out var other) || _others.TryAdd(index, other = new ChatAssembler()))
        {
            other.TakeDelta(isWhole ? message : choice.Get("delta"u8));
            other.StopReason = string.IsNullOrEmpty(finish) ? other.StopReason : finish;
        }

        if (!Tally.IsStated)
        {
            // Moonshot puts usage into the choice.
            TakeUsage(choice);
        }

        Ended |= _choices.Values.All(static ended => ended);
    }

    /// <summary>
    /// Some servers (GitHub Copilot) spread one message over several choices, all of which stop for a tool call: text in one,
    /// calls in the next. Choices that are alternatives are messages of their own.
    /// </summary>
    private void TakeOthers()
    {
        if (!StopWord.CallsTool(StopReason))
        {
            return;
        }

        var (hasCalls, hasText) = (_calls.Count > 0, _text.Length > 0);
        foreach (var other in _others.Values.Where(other => StopWord.CallsTool(other.StopReason) && (other._text.Length == 0 || !hasText) && (other._calls.Count == 0 || !hasCalls)))
        {
            _text.Append(other._text);
            _hasText |= other._hasText;
            _calls.Take(other._calls);
        }

        _others.Clear();
    }

    private void TakeDelta(JsonElement delta)
    {
        if (delta.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in delta.EnumerateObject())
        {
            var value = property.Value;
            if (!value.Exists())
            {
                continue;
            }

            switch (Encoding.UTF8.GetString(property.Utf8Name()))
            {
                case "role":
                    break;
                case "content":
                    TakeContent(value);
                    break;
                case "refusal":
                    _refusal.Append(value.Text());
                    break;
                case "reasoning_content":
                    _reasoningContent.Append(value.Text());
                    break;
                case "reasoning":
                    _reasoning.Append(value.Text());
                    break;
                case "reasoning_details":
                    _reasoningDetails.AddRange(value.Items().Select(detail => detail.Raw().ToArray()));
                    break;
                case "tool_calls":
                    foreach (var call in value.Items())
                    {
                        _calls.Append(call);
                    }

                    break;
                case "function_call":
                    _legacyName = value.Text("name"u8) is { Length: > 0 } name ? name : _legacyName;
                    _legacyArguments.Append(value.Text("arguments"u8));
                    break;
                case var other when value.ValueKind is not JsonValueKind.Array || value.GetArrayLength() > 0:
                    _extra[other] = value.Raw().ToArray();
                    break;
                default:
                    break;
            }
        }
    }

    private void TakeContent(JsonElement content)
    {
        var parts = new MessageBuilder(default);
        ContentParts.Read(content, parts);
        foreach (var part in parts.Parts)
        {
            if (part is TextPart text)
            {
                _hasText = true;
                _text.Append(text.Text);
            }
            else if (part is ThinkingPart thinking)
            {
                _shownReasoning.Append(thinking.Text);
            }
        }
    }

    private bool TakeUsage(JsonElement holder) =>
        Tally.Take(holder.Get("usage"u8)) || Tally.Take(holder.Get("x_groq"u8).Get("usage"u8)) || Tally.Take(holder.Get("usageMetadata"u8))
        || Tally.Take(holder.Get("timings"u8)) || (holder.Get("prompt_eval_count"u8).Exists() && Tally.Take(holder));

    private void WriteMessage(ByteBuffer json)
    {
        json.Append("{\"role\":\"assistant\",\"content\":"u8);
        if (_shownReasoning.Length > 0)
        {
            json.Append(ReplyJson.Join(
                "[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":", _shownReasoning.ToString(), "}]},{\"type\":\"text\",\"text\":", _text.ToString(), "}]"));
        }
        else if (_text.Length == 0 && (!_hasText || _calls.Count > 0 || _legacyName is not null))
        {
            json.Append("null"u8);
        }
        else
        {
            JsonText.AppendLiteral(json, _text.ToString());
        }

        WriteText(json, "refusal", _refusal);
        WriteText(json, "reasoning_content", _reasoningContent);
        WriteText(json, "reasoning", _reasoning);
        if (_reasoningDetails.Count > 0)
        {
            json.Append(",\"reasoning_details\":"u8);
            ReplyJson.AppendArray(json, _reasoningDetails, detail => json.Append(detail));
        }

        if (_calls.Count > 0)
        {
            json.Append(",\"tool_calls\":"u8);
            _calls.WriteTo(json);
        }

        if (_legacyName is not null)
        {
            json.Append(ReplyJson.Join(",\"function_call\":{\"name\":", _legacyName, ",\"arguments\":", _legacyArguments.ToString(), "}"));
        }

        foreach (var (name, value) in _extra)
        {
            json.Append(ReplyJson.Join(",", name, ":"));
            json.Append(value);
        }

        json.Append("}"u8);
    }

    private static void WriteText(ByteBuffer json, string name, StringBuilder text)
    {
        if (text.Length > 0)
        {
            json.Append(ReplyJson.Join(",", name, ":", text.ToString()));
        }
    }
}
