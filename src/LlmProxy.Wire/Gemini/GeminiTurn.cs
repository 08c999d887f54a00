using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Gemini;

/// <summary>A turn of the model that a history holds as several contents.</summary>
internal static class GeminiTurn
{
    /// <summary>One content with the parts of all of them; a single one as it is.</summary>
    /// <param name="json">Contents as they are in the array, with what is between them.</param>
    public static ReadOnlySpan<byte> Join(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        reader.Read();
        reader.Skip();
        if (reader.BytesConsumed == json.Length)
        {
            return json;
        }

        using var contents = LenientJson.Parse((byte[])[(byte)'[', .. json, (byte)']']);
        using var joined = new ByteBuffer(json.Length);
        joined.Append("{\"role\":\"model\",\"parts\":["u8);
        var isFirst = true;
        foreach (var content in contents?.RootElement.Items() ?? [])
        {
            var parts = content.Get("parts"u8);
            if (parts.ValueKind == JsonValueKind.Object)
            {
                Add(parts);
            }

            foreach (var part in parts.Items())
            {
                Add(part);
            }
        }

        joined.Append("]}"u8);
        return joined.ToArray();

        void Add(JsonElement part)
        {
            joined.Append(isFirst ? ""u8 : ","u8);
            joined.Append(part.Raw());
            isFirst = false;
        }
    }
}
