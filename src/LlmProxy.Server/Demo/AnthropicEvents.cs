using System.Text.Json.Nodes;

namespace LlmProxy.Server.Demo;

/// <summary>A whole answer of Anthropic Messages as the events of a stream.</summary>
internal static class AnthropicEvents
{
    private const int PieceLength = 24;

    public static IEnumerable<(string Name, JsonObject Data)> Of(JsonObject message)
    {
        var start = (JsonObject)message.DeepClone();
        start["content"] = new JsonArray();
        start["stop_reason"] = null;
        start["usage"] = new JsonObject { ["input_tokens"] = message["usage"]!["input_tokens"]!.DeepClone(), ["output_tokens"] = 1 };
        yield return Event("message_start", ("message", start));
        var index = 0;
        foreach (var block in message["content"]!.AsArray().Select(block => block!.AsObject()))
        {
            var isText = block["type"]!.GetValue<string>() == "text";
            var opening = (JsonObject)block.DeepClone();
            opening[isText ? "text" : "input"] = isText ? "" : new JsonObject();
            yield return Event("content_block_start", ("index", index), ("content_block", opening));
            var whole = isText ? block["text"]!.GetValue<string>() : block["input"]!.ToJsonString();
            for (var at = 0; at < whole.Length; at += PieceLength)
            {
                var piece = whole.Substring(at, Math.Min(PieceLength, whole.Length - at));
                yield return Event("content_block_delta", ("index", index), ("delta", isText
                    ? new JsonObject { ["type"] = "text_delta", ["text"] = piece }
                    : new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = piece }));
            }

            yield return Event("content_block_stop", ("index", index));
            index++;
        }

        yield return Event(
            "message_delta",
            ("delta", new JsonObject { ["stop_reason"] = message["stop_reason"]!.DeepClone(), ["stop_sequence"] = null }),
            ("usage", new JsonObject { ["output_tokens"] = message["usage"]!["output_tokens"]!.DeepClone() }));
        yield return Event("message_stop");
    }

    private static (string Name, JsonObject Data) Event(string name, params (string Key, JsonNode? Value)[] members)
    {
        var data = new JsonObject { ["type"] = name };
        foreach (var (key, value) in members)
        {
            data[key] = value;
        }

        return (name, data);
    }
}
