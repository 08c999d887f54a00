using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.OpenAiChat;

/// <summary>Writes a response of Chat Completions (OpenAI API reference, "Chat"); <see cref="ChatAssembler"/> reads it back.</summary>
internal sealed class ChatReplyWriter(AssembledReply reply) : ReplyWriter
{
    private static readonly ReplyEvent Done = new(null, "[DONE]"u8.ToArray());

    private readonly List<ReplyEvent> _events = [];

    public override byte[] Whole() => reply.Error is { } error ? Error(error) : ReplyJson.Object(json =>
    {
        WriteHead(json, "chat.completion");
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", 0);
        json.WritePropertyName("message");
        json.WriteRaw(reply.Message.Json.Span);
        json.WriteString("finish_reason", reply.StopReason);
        json.WriteEndObject();
        json.WriteEndArray();
        WriteUsage(json);
    });

    public override IReadOnlyList<ReplyEvent> Events()
    {
        using var document = LenientJson.Parse(reply.Message.Json);
        var message = document?.RootElement ?? default;

        // 1. The role, with an empty text where there will be one.
        AddDelta(json =>
        {
            json.WriteString("role", "assistant");
            if (message.Get("content"u8).ValueKind == JsonValueKind.String)
            {
                json.WriteString("content", "");
            }
        });

        // 2. The message, member by member.
        if (message.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in message.EnumerateObject())
            {
                AddMember(property.NameText(), property.Value);
            }
        }

        // 3. Why it stopped, the tokens, the end.
        if (reply.StopReason is not null)
        {
            AddDelta(_ => { }, reply.StopReason);
        }

        if (reply.HasUsage)
        {
            AddChunk(_ => { }, WriteUsage);
        }

        if (reply.Error is { } error)
        {
            _events.Add(new ReplyEvent(null, Error(error)));
        }
        else if (reply.IsComplete)
        {
            _events.Add(Done);
        }

        return _events;
    }

    private static byte[] Error(string error) => ReplyJson.Object(json =>
    {
        var (type, message) = ReplyJson.SplitError(error);
        json.WriteObject("error", ("message", message), ("type", type));
    });

    private void AddMember(string name, JsonElement value)
    {
        switch (name)
        {
            case "role":
                break;
            case "content" or "refusal" or "reasoning_content" or "reasoning" when value.Text() is { } text:
                foreach (var delta in ReplyJson.Deltas(text))
                {
                    AddDelta(json => json.WriteString(name, delta));
                }

                break;
            case "content" when value.ValueKind == JsonValueKind.Array:
                foreach (var part in value.EnumerateArray())
                {
                    AddDelta(json =>
                    {
                        json.WriteStartArray("content");
                        json.WriteRaw(part.Raw());
                        json.WriteEndArray();
                    });
                }

                break;
            case "tool_calls":
                var index = 0;
                foreach (var call in value.Items())
                {
                    AddCall(index++, call);
                }

                break;
            case "function_call":
                AddDelta(json => json.WriteObject("function_call", ("name", value.Text("name"u8)), ("arguments", "")));
                foreach (var delta in ReplyJson.Deltas(value.Text("arguments"u8)))
                {
                    AddDelta(json => json.WriteObject("function_call", ("arguments", delta)));
                }

                break;
            default:
                if (value.Exists())
                {
                    AddDelta(json => json.WriteRaw(name, value));
                }

                break;
        }
    }

    private void AddCall(int index, JsonElement call)
    {
        // {"type":"custom","custom":{"name","input"}} or {"type":"function","function":{"name","arguments"}}.
        var isCustom = call.Get("type"u8).Is("custom"u8);
        var (kind, text) = isCustom ? ("custom", "input") : ("function", "arguments");
        var named = isCustom ? call.Get("custom"u8) : call.Get("function"u8);
        AddCallDelta(index, json =>
        {
            json.WriteMembers(call, kind, "index");
            json.WriteObject(kind, ("name", named.Text("name"u8)), (text, ""));
        });
        foreach (var delta in ReplyJson.Deltas(isCustom ? named.Text("input"u8) : named.Text("arguments"u8)))
        {
            AddCallDelta(index, json => json.WriteObject(kind, (text, delta)));
        }
    }

    private void AddCallDelta(int index, Action<Utf8JsonWriter> members) => AddDelta(json =>
    {
        json.WriteStartArray("tool_calls");
        json.WriteStartObject();
        json.WriteNumber("index", index);
        members(json);
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private void AddDelta(Action<Utf8JsonWriter> members, string? finish = null) => AddChunk(
        json =>
        {
            json.WriteStartObject();
            json.WriteNumber("index", 0);
            json.WriteObject("delta", members);
            json.WriteString("finish_reason", finish);
            json.WriteEndObject();
        },
        null);

    private void AddChunk(Action<Utf8JsonWriter> choice, Action<Utf8JsonWriter>? more) => _events.Add(new ReplyEvent(null, ReplyJson.Object(json =>
    {
        WriteHead(json, "chat.completion.chunk");
        json.WriteStartArray("choices");
        choice(json);
        json.WriteEndArray();
        more?.Invoke(json);
    })));

    private void WriteHead(Utf8JsonWriter json, string type)
    {
        json.WriteString("id", reply.ResponseId ?? "chatcmpl-recorded");
        json.WriteString("object", type);
        json.WriteNumber("created", 0);
        json.WriteString("model", reply.Model ?? "");
    }

    private void WriteUsage(Utf8JsonWriter json)
    {
        if (!reply.HasUsage)
        {
            return;
        }

        var usage = reply.Usage;
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", usage.Input);
        json.WriteNumber("completion_tokens", usage.Output);
        json.WriteNumber("total_tokens", usage.Total);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", usage.CacheRead);
        if (usage.CacheWrite > 0)
        {
            json.WriteNumber("cache_write_tokens", usage.CacheWrite);
        }

        json.WriteEndObject();
        json.WriteObject("completion_tokens_details", details => details.WriteNumber("reasoning_tokens", usage.Reasoning));
        json.WriteEndObject();
    }
}
