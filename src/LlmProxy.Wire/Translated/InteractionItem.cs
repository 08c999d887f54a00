using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>A content of an interaction (a text, a call, a result…) and whose it is, as an item of Responses.</summary>
/// <param name="Content">The content.</param>
/// <param name="IsModel">Whether the model produced it.</param>
internal readonly record struct InteractionItem(JsonElement Content, bool IsModel)
{
    /// <summary>The contents of an element of <c>input</c>, <c>steps</c> or <c>outputs</c>: a turn, a step, or one content.</summary>
    public static IEnumerable<InteractionItem> Of(JsonElement element) => Of(element, isOutput: false);

    /// <summary>The contents of an element of a response.</summary>
    public static IEnumerable<InteractionItem> OfOutput(JsonElement element) => Of(element, isOutput: true);

    /// <summary>Writes the item; nothing for what has no form in Responses.</summary>
    public void WriteTo(ByteBuffer json)
    {
        var type = Content.ValueKind == JsonValueKind.String ? "text" : Content.Text("type"u8);
        switch (type)
        {
            case "text":
                json.Add("{\"type\":\"message\",\"role\":"u8).Add(IsModel ? "assistant" : "user").Add(",\"content\":[{\"type\":"u8).Add(IsModel ? "output_text" : "input_text")
                    .Add(",\"text\":"u8).Add(Content.ValueKind == JsonValueKind.String ? Content : Content.Get("text"u8)).Add("}]}"u8);
                break;
            case "function_call":
                json.Add("{\"type\":\"function_call\",\"call_id\":"u8).Add(Content.Get("id"u8)).Add(",\"name\":"u8).Add(Content.Get("name"u8)).Add(",\"arguments\":"u8);
                AddText(json, Content.Get("arguments"u8), "{}");
                json.Add("}"u8);
                break;
            case "function_result":
                json.Add("{\"type\":\"function_call_output\",\"call_id\":"u8).Add(Content.Get("call_id"u8)).Add(",\"output\":"u8);
                AddText(json, Content.Get("result"u8), "");
                json.Add(Content.Get("is_error"u8).ValueKind == JsonValueKind.True ? ",\"status\":\"incomplete\"}"u8 : "}"u8);
                break;
            case "thought":
                json.Add("{\"type\":\"reasoning\",\"summary\":"u8).AddList(Content.Get("summary"u8).Items(), static (to, part) =>
                    to.Add("{\"type\":\"summary_text\",\"text\":"u8).Add(part.Get("text"u8)).Add("}"u8));
                json.Add("}"u8);
                break;
            case "image" when !IsModel:
                json.Add("{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":"u8)
                    .Add(Content.Text("uri"u8) ?? $"data:{Content.Text("mime_type"u8)};base64,{Content.Text("data"u8)}").Add("}]}"u8);
                break;
            case not null when type.EndsWith("_call", StringComparison.Ordinal):
                json.Add(Content);
                break;
            default:
                break;
        }
    }

    private static IEnumerable<InteractionItem> Of(JsonElement element, bool isOutput)
    {
        var type = element.Text("type"u8);
        var isModel = isOutput || element.Get("role"u8).Is("model"u8) || type is "model_output" or "function_call" or "thought";
        var content = element.Get("content"u8);
        if (!content.Exists() || type is not (null or "message" or "user_input" or "model_output"))
        {
            return [new InteractionItem(element, isModel)];
        }

        return content.ValueKind == JsonValueKind.Array
            ? content.Items().Select(part => new InteractionItem(part, isModel || part.Get("type"u8).Is("function_call"u8) || part.Get("type"u8).Is("thought"u8)))
            : [new InteractionItem(content, isModel)];
    }

    private static void AddText(ByteBuffer json, JsonElement value, string missing)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            json.Add(value);
        }
        else
        {
            json.Add(value.Exists() ? value.RawText() : missing);
        }
    }
}
