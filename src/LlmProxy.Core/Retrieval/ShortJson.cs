using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Core.Redaction;
using LlmProxy.Wire.Json;

namespace LlmProxy.Core.Retrieval;

/// <summary>JSON for an example: compact, long texts shortened in the middle, long lists by their start, secrets left out.</summary>
internal static class ShortJson
{
    // Quotes, umlauts and arrows stay readable; the text goes into a prompt, not into a page.
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, Indented = false };
    private static readonly JsonDocumentOptions Lenient = new() { AllowTrailingCommas = true, MaxDepth = 64 };

    /// <summary>The text in at most <paramref name="maxLength"/> characters, or null where it is no JSON object or array.</summary>
    public static string? TryShorten(string text, int maxLength, RemovedText removed, bool isResult = false)
    {
        var trimmed = text.AsSpan().Trim();
        if (trimmed.IsEmpty || trimmed[0] is not ('{' or '['))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text.AsMemory(), Lenient);

            // Tighter each time, so that the structure survives as long as it can.
            foreach (var (texts, items) in ((int, int)[])[(maxLength, 8), (Math.Max(24, maxLength / 2), 5), (48, 3), (24, 2), (12, 1)])
            {
                var result = Write(document.RootElement, texts, items, removed, isResult);
                if (result.Length <= maxLength)
                {
                    return result;
                }
            }

            return Sentences.CutMiddle(Write(document.RootElement, 12, 1, removed, isResult), maxLength);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Write(JsonElement element, int maxText, int maxItems, RemovedText removed, bool isResult)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Readable))
        {
            Write(writer, element, maxText, maxItems, removed, isResult, depth: 0);
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static void Write(Utf8JsonWriter writer, JsonElement element, int maxText, int maxItems, RemovedText removed, bool isResult, int depth)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                var isSensitive = element.Get("isSensitive"u8).ValueKind == JsonValueKind.True;
                foreach (var property in element.EnumerateObject())
                {
                    // Nulls and empty texts teach nothing.
                    if (property.Value.ValueKind == JsonValueKind.Null || property.Value.Is(""u8))
                    {
                        continue;
                    }

                    var name = property.NameText();
                    writer.WritePropertyName(RecordedText.CleanLine(name, removed));
                    if (property.Value.ValueKind == JsonValueKind.String && (SecretPatterns.IsNamed(name) || (isSensitive && name == "text")))
                    {
                        removed.Secrets++;
                        writer.WriteStringValue(RecordedText.Removed);
                    }
                    else if (depth >= 3 && property.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)
                    {
                        writer.WriteStringValue("…");
                    }
                    else
                    {
                        Write(writer, property.Value, maxText, maxItems, removed, isResult, depth + 1);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                var (n, count) = (0, element.GetArrayLength());
                foreach (var item in element.EnumerateArray())
                {
                    if (n++ == maxItems && count > maxItems)
                    {
                        writer.WriteStringValue($"… {count - maxItems} more");
                        break;
                    }

                    Write(writer, item, maxText, maxItems, removed, isResult, depth + 1);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                var text = Sentences.CutMiddle(element.Text()!, maxText * 4);
                writer.WriteStringValue(Sentences.CutMiddle(isResult ? RecordedText.CleanResultLine(text, removed) : RecordedText.CleanLine(text, removed), maxText));
                break;
            default:
                element.WriteTo(writer);
                break;
        }
    }
}
