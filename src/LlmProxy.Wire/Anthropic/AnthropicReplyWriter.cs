using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Writes a response of the Messages API (platform.claude.com, "Messages" and "Streaming messages"); <see cref="AnthropicAssembler"/> reads it back.</summary>
internal sealed class AnthropicReplyWriter(AssembledReply reply) : ReplyWriter
{
    private readonly List<ReplyEvent> _events = [];

    public override byte[] Whole() => reply.Error is { } error ? Error(error) : ReplyJson.Object(json =>
    {
        WriteHead(json);
        using var message = LenientJson.Parse(reply.Message.Json);
        json.WriteRaw("content", (message?.RootElement ?? default).Get("content"u8));
        WriteStop(json);
        json.WriteObject("usage", usage =>
        {
            WriteInput(usage, reply.Usage);
            WriteOutput(usage, reply.Usage);
        });
    });

    public override IReadOnlyList<ReplyEvent> Events()
    {
        // 1. The message without its content.
        Add("message_start", json =>
        {
            json.WriteStartObject("message");
            WriteHead(json);
            json.WriteEmptyArray("content");
            json.WriteNull("stop_reason");
            json.WriteNull("stop_sequence");
            json.WriteStartObject("usage");
            WriteInput(json, reply.Usage);
            json.WriteNumber("output_tokens", Math.Min(1, reply.Usage.Output));
            json.WriteEndObject();
            json.WriteEndObject();
        });

        // 2. Its blocks, one after the other.
        using var message = LenientJson.Parse(reply.Message.Json);
        var index = 0;
        foreach (var block in (message?.RootElement ?? default).Get("content"u8).Items())
        {
            AddBlock(index++, block);
        }

        // 3. Why it stopped, and the end.
        if (reply.Error is { } error)
        {
            _events.Add(new ReplyEvent("error", Error(error)));
        }
        else if (reply.IsComplete)
        {
            Add("message_delta", json =>
            {
                json.WriteObject("delta", WriteStop);
                json.WriteObject("usage", usage => WriteOutput(usage, reply.Usage));
            });
            Add("message_stop", _ => { });
        }

        return _events;
    }

    private static byte[] Error(string error) => ReplyJson.Object(json =>
    {
        var (type, message) = ReplyJson.SplitError(error);
        json.WriteString("type", "error");
        json.WriteObject("error", ("type", type), ("message", message));
    });

    private static void WriteInput(Utf8JsonWriter json, TokenUsage usage)
    {
        // The API counts cached tokens next to the input, not in it.
        json.WriteNumber("input_tokens", usage.Input - usage.CacheRead - usage.CacheWrite);
        json.WriteNumber("cache_creation_input_tokens", usage.CacheWrite);
        json.WriteNumber("cache_read_input_tokens", usage.CacheRead);
        if (usage.LongCacheWrite > 0)
        {
            json.WriteObject("cache_creation", creation =>
            {
                creation.WriteNumber("ephemeral_5m_input_tokens", usage.CacheWrite - usage.LongCacheWrite);
                creation.WriteNumber("ephemeral_1h_input_tokens", usage.LongCacheWrite);
            });
        }
    }

    private static void WriteOutput(Utf8JsonWriter json, TokenUsage usage)
    {
        json.WriteNumber("output_tokens", usage.Output);
        if (usage.Reasoning > 0)
        {
            json.WriteObject("output_tokens_details", details => details.WriteNumber("thinking_tokens", usage.Reasoning));
        }
    }

    private void WriteHead(Utf8JsonWriter json)
    {
        json.WriteString("id", reply.ResponseId ?? "msg_recorded");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", reply.Model ?? "");
    }

    private void WriteStop(Utf8JsonWriter json)
    {
        json.WriteString("stop_reason", reply.StopReason);
        json.WriteNull("stop_sequence");
        if (reply.Refusal is { } refusal)
        {
            json.WriteObject("stop_details", ("type", "refusal"), ("explanation", refusal));
        }
    }

    private void AddBlock(int index, JsonElement block)
    {
        var type = block.Text("type"u8) ?? "";
        switch (type)
        {
            case "text":
                AddStart(index, block, json => json.WriteString("text", ""), "text");
                AddDeltas(index, "text_delta", "text", block.Text("text"u8));
                foreach (var citation in block.Get("citations"u8).Items())
                {
                    AddDelta(index, "citations_delta", json => json.WriteRaw("citation", citation));
                }

                break;
            case "thinking":
                AddStart(index, block, json => json.WriteString("thinking", ""), "thinking");
                AddDeltas(index, "thinking_delta", "thinking", block.Text("thinking"u8));
                if (block.Text("signature"u8) is { Length: > 0 } signature)
                {
                    AddDelta(index, "signature_delta", json => json.WriteString("signature", signature));
                }

                break;
            case var _ when type.EndsWith("tool_use", StringComparison.Ordinal) && block.Get("input"u8).Exists():
                AddStart(index, block, json => json.WriteObject("input"), "input");

                // Arguments that broke off are kept as a string. Arguments that are empty come without a delta.
                var input = block.Get("input"u8);
                var text = input.Text() ?? input.RawText();
                AddDeltas(index, "input_json_delta", "partial_json", text == "{}" ? "" : text);
                break;
            default:
                AddStart(index, block, null, "");
                break;
        }

        Add("content_block_stop", json => json.WriteNumber("index", index));
    }

    /// <summary>The block as it begins: what deltas bring is empty.</summary>
    private void AddStart(int index, JsonElement block, Action<Utf8JsonWriter>? writeEmpty, string emptied) => Add("content_block_start", json =>
    {
        json.WriteNumber("index", index);
        json.WriteStartObject("content_block");
        foreach (var property in block.EnumerateObject())
        {
            if (property.NameText() == emptied)
            {
                writeEmpty!(json);
            }
            else if (emptied.Length > 0 && property.NameText() == "citations" && property.Value.ValueKind == JsonValueKind.Array)
            {
                json.WriteEmptyArray("citations");
            }
            else if (emptied == "thinking" && property.NameText() == "signature")
            {
                json.WriteString("signature", "");
            }
            else
            {
                json.WriteRaw(property.NameText(), property.Value);
            }
        }

        json.WriteEndObject();
    });

    private void AddDeltas(int index, string type, string name, string? text)
    {
        foreach (var delta in ReplyJson.Deltas(text))
        {
            AddDelta(index, type, json => json.WriteString(name, delta));
        }
    }

    private void AddDelta(int index, string type, Action<Utf8JsonWriter> member) => Add("content_block_delta", json =>
    {
        json.WriteNumber("index", index);
        json.WriteStartObject("delta");
        json.WriteString("type", type);
        member(json);
        json.WriteEndObject();
    });

    private void Add(string name, Action<Utf8JsonWriter> members) => _events.Add(new ReplyEvent(name, ReplyJson.Object(json =>
    {
        json.WriteString("type", name);
        members(json);
    })));
}
