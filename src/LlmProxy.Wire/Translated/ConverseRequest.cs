using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>Translates requests of Bedrock's Converse to Messages.</summary>
internal static class ConverseRequest
{
    /// <summary>The request as one of Messages; null if it has no messages.</summary>
    public static byte[]? ToMessages(JsonElement request, string? model, bool isStream)
    {
        if (request.Get("messages"u8).ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        using var json = new ByteBuffer();
        json.Add("{"u8);
        if (model is not null)
        {
            json.Add("\"model\":"u8).Add(model).Add(","u8);
        }

        json.Add(isStream ? "\"stream\":true"u8 : "\"stream\":false"u8);
        if (request.Get("system"u8).ValueKind == JsonValueKind.Array)
        {
            json.Add(",\"system\":"u8).AddList(request.Get("system"u8).Items(), static (to, block) =>
            {
                if (block.Get("text"u8).Exists())
                {
                    AddBlock(to, block);
                }
            });
        }

        if (request.Get("toolConfig"u8).Get("tools"u8).ValueKind == JsonValueKind.Array)
        {
            json.Add(",\"tools\":"u8).AddList(request.Get("toolConfig"u8).Get("tools"u8).Items(), AddTool);
        }

        json.Add(",\"messages\":"u8).AddList(request.Get("messages"u8).Items(), static (to, message) =>
        {
            to.Add("{\"role\":"u8).Add(message.Get("role"u8)).Add(",\"content\":"u8);
            AddContent(to, message.Get("content"u8));
            to.Add("}"u8);
        });
        return json.Add("}"u8).ToArray();
    }

    /// <summary>Adds a message's content as blocks of Messages.</summary>
    public static void AddContent(ByteBuffer json, JsonElement content) => json.AddList(content.Items(), AddBlock);

    private static void AddTool(ByteBuffer json, JsonElement tool)
    {
        var spec = tool.Get("toolSpec"u8);
        if (spec.Exists())
        {
            json.Add("{\"name\":"u8).Add(spec.Get("name"u8)).Add(",\"description\":"u8).Add(spec.Get("description"u8))
                .Add(",\"input_schema\":"u8).Add(spec.Get("inputSchema"u8).Get("json"u8)).Add("}"u8);
        }
    }

    private static void AddBlock(ByteBuffer json, JsonElement block)
    {
        if (block.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in block.EnumerateObject())
        {
            var name = property.Utf8Name();
            var value = property.Value;
            if (name.SequenceEqual("text"u8))
            {
                json.Add("{\"type\":\"text\",\"text\":"u8).Add(value).Add("}"u8);
            }
            else if (name.SequenceEqual("toolUse"u8))
            {
                json.Add("{\"type\":\"tool_use\",\"id\":"u8).Add(value.Get("toolUseId"u8)).Add(",\"name\":"u8).Add(value.Get("name"u8))
                    .Add(",\"input\":"u8).Add(value.Get("input"u8)).Add("}"u8);
            }
            else if (name.SequenceEqual("toolResult"u8))
            {
                json.Add("{\"type\":\"tool_result\",\"tool_use_id\":"u8).Add(value.Get("toolUseId"u8))
                    .Add(value.Get("status"u8).Is("error"u8) ? ",\"is_error\":true"u8 : ""u8).Add(",\"content\":"u8);
                AddContent(json, value.Get("content"u8));
                json.Add("}"u8);
            }
            else if (name.SequenceEqual("json"u8))
            {
                json.Add("{\"type\":\"text\",\"text\":"u8).Add(value.RawText()).Add("}"u8);
            }
            else if (name.SequenceEqual("reasoningContent"u8))
            {
                AddReasoning(json, value);
            }
            else if (name.SequenceEqual("image"u8) || name.SequenceEqual("document"u8))
            {
                AddFile(json, name, value);
            }
            else if (!name.SequenceEqual("cachePoint"u8))
            {
                json.Add("{\"type\":\""u8).Add(name).Add("\",\"value\":"u8).Add(value).Add("}"u8);
            }

            return;
        }
    }

    private static void AddReasoning(ByteBuffer json, JsonElement value)
    {
        var text = value.Get("reasoningText"u8);
        if (text.Exists())
        {
            json.Add("{\"type\":\"thinking\",\"thinking\":"u8).Add(text.Get("text"u8)).Add(",\"signature\":"u8).Add(text.Get("signature"u8)).Add("}"u8);
        }
        else
        {
            json.Add("{\"type\":\"redacted_thinking\",\"data\":"u8).Add(value.Get("redactedContent"u8)).Add("}"u8);
        }
    }

    private static void AddFile(ByteBuffer json, ReadOnlySpan<byte> type, JsonElement value)
    {
        var kind = type.SequenceEqual("image"u8) ? "image/" : "application/";
        json.Add("{\"type\":\""u8).Add(type).Add("\",\"source\":{\"type\":\"base64\",\"media_type\":"u8).Add(kind + value.Text("format"u8))
            .Add(",\"data\":"u8).Add(value.Get("source"u8).Get("bytes"u8)).Add("}}"u8);
    }
}
