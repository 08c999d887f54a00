using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>
/// JSON that strict parsers take: recordings hold what lenient clients sent (half surrogate pairs, equal names twice,
/// broken UTF-8), and a training file with one such line is refused as a whole.
/// </summary>
internal static class StrictJson
{
    /// <summary>How lines are written: text as it is, escapes only where JSON demands them.</summary>
    public static JsonWriterOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = false, MaxDepth = 1000 };

    /// <summary>Text without half surrogate pairs.</summary>
    public static string Clean(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            }
        }

        return text;
    }

    /// <summary>Writes a value; of equal names the last one counts.</summary>
    public static void Write(Utf8JsonWriter writer, JsonElement value, Func<string, bool>? leaveOut = null)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                var properties = new List<(string Name, JsonElement Value)>();
                foreach (var property in value.EnumerateObject())
                {
                    var name = Clean(Encoding.UTF8.GetString(property.Utf8Name()));
                    properties.RemoveAll(p => p.Name == name);
                    properties.Add((name, property.Value));
                }

                foreach (var (name, inner) in properties)
                {
                    if (leaveOut?.Invoke(name) != true)
                    {
                        writer.WritePropertyName(name);
                        Write(writer, inner);
                    }
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case JsonValueKind.String:
                writer.WriteStringValue(Clean(value.Text()));
                break;
            case JsonValueKind.Undefined:
                writer.WriteNullValue();
                break;
            default:
                writer.WriteRawValue(value.Raw(), skipInputValidation: true);
                break;
        }
    }

    /// <summary>Writes JSON that is kept as bytes.</summary>
    public static void Write(Utf8JsonWriter writer, ReadOnlyMemory<byte> json, Func<string, bool>? leaveOut = null)
    {
        using var document = LenientJson.Parse(json);
        if (document is null)
        {
            writer.WriteStringValue(Clean(Encoding.UTF8.GetString(json.Span)));
        }
        else
        {
            Write(writer, document.RootElement, leaveOut);
        }
    }

    /// <summary>Writes JSON that is kept as text.</summary>
    public static void Write(Utf8JsonWriter writer, string json) => Write(writer, Encoding.UTF8.GetBytes(json));

    /// <summary>A value as strict JSON text.</summary>
    public static string Text(JsonElement value) => Encoding.UTF8.GetString(Bytes(writer => Write(writer, value)));

    /// <summary>What is written, as UTF-8.</summary>
    public static byte[] Bytes(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            write(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }
}
