using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>Translates responses of Bedrock's Converse to Messages.</summary>
internal static class ConverseReply
{
    /// <summary>Adds a whole response.</summary>
    public static void Whole(ReplyAssembler form, JsonElement reply)
    {
        using var json = new ByteBuffer();
        json.Add("{\"type\":\"message\",\"role\":\"assistant\",\"content\":"u8);
        ConverseRequest.AddContent(json, reply.Get("output"u8).Get("message"u8).Get("content"u8));
        json.Add(",\"stop_reason\":"u8).Add(reply.Get("stopReason"u8)).Add(",\"usage\":"u8);
        AddUsage(json, reply.Get("usage"u8));
        form.Append(json.Add("}"u8).Span);
    }

    /// <summary>Adds an event.</summary>
    public static void Part(ReplyAssembler form, string type, JsonElement value)
    {
        using var json = new ByteBuffer();
        var (start, delta) = (value.Get("start"u8).Get("toolUse"u8), value.Get("delta"u8));
        switch (type)
        {
            case "contentBlockStart" when start.Exists():
                json.Add("{\"type\":\"content_block_start\",\"index\":"u8).Add(value.Get("contentBlockIndex"u8)).Add(",\"content_block\":{\"type\":\"tool_use\",\"input\":{},\"id\":"u8)
                    .Add(start.Get("toolUseId"u8)).Add(",\"name\":"u8).Add(start.Get("name"u8)).Add("}}"u8);
                break;
            case "contentBlockDelta":
                json.Add("{\"type\":\"content_block_delta\",\"index\":"u8).Add(value.Get("contentBlockIndex"u8)).Add(",\"delta\":"u8);
                AddDelta(json, delta);
                json.Add("}"u8);
                break;
            case "messageStop":
                json.Add("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"u8).Add(value.Get("stopReason"u8)).Add("}}{\"type\":\"message_stop\"}"u8);
                break;
            case "metadata":
                json.Add("{\"type\":\"message_delta\",\"delta\":{},\"usage\":"u8);
                AddUsage(json, value.Get("usage"u8));
                json.Add("}"u8);
                break;
            default:
                return;
        }

        form.Append(json.Span);
    }

    /// <summary>Adds a chunk of InvokeModelWithResponseStream: an event of Messages, or of Converse as its only member.</summary>
    public static void Chunk(ReplyAssembler form, byte[] json)
    {
        using var document = LenientJson.Parse(json);
        if (document is { RootElement: { ValueKind: JsonValueKind.Object } chunk } && !chunk.Get("type"u8).Exists())
        {
            foreach (var property in chunk.EnumerateObject())
            {
                Part(form, property.NameText(), property.Value);
            }
        }
        else
        {
            form.Append(json);
        }
    }

    private static void AddDelta(ByteBuffer json, JsonElement delta)
    {
        var reasoning = delta.Get("reasoningContent"u8);
        if (delta.Get("toolUse"u8).Exists())
        {
            json.Add("{\"type\":\"input_json_delta\",\"partial_json\":"u8).Add(delta.Get("toolUse"u8).Get("input"u8));
        }
        else if (reasoning.Get("signature"u8).Exists())
        {
            json.Add("{\"type\":\"signature_delta\",\"signature\":"u8).Add(reasoning.Get("signature"u8));
        }
        else if (reasoning.Exists())
        {
            json.Add("{\"type\":\"thinking_delta\",\"thinking\":"u8).Add(reasoning.Get("text"u8));
        }
        else
        {
            json.Add("{\"type\":\"text_delta\",\"text\":"u8).Add(delta.Get("text"u8));
        }

        json.Add("}"u8);
    }

    private static void AddUsage(ByteBuffer json, JsonElement usage)
    {
        if (!usage.Exists())
        {
            json.Add("null"u8);
            return;
        }

        json.Add("{\"input_tokens\":"u8).Add(usage.Get("inputTokens"u8)).Add(",\"output_tokens\":"u8).Add(usage.Get("outputTokens"u8))
            .Add(",\"cache_read_input_tokens\":"u8).Add(usage.Get("cacheReadInputTokens"u8))
            .Add(",\"cache_creation_input_tokens\":"u8).Add(usage.Get("cacheWriteInputTokens"u8)).Add("}"u8);
    }
}
