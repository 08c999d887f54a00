using System.Globalization;
using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>Reads and writes JSON of agents' files.</summary>
internal static class ImportedJson
{
    /// <summary>A time as text, in seconds or in milliseconds; null if there is none.</summary>
    public static DateTimeOffset? Time(JsonElement value)
    {
        if (value.Text() is { } text)
        {
            return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at : null;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number))
        {
            return null;
        }

        // Seconds have ten digits until the year 2286.
        var milliseconds = number < 1e11 ? number * 1000 : number;
        return milliseconds is > 0 and < 253_402_300_799_000 ? DateTimeOffset.FromUnixTimeMilliseconds((long)milliseconds) : null;
    }

    /// <summary>The value as it is kept.</summary>
    public static ReadOnlyMemory<byte> Copy(JsonElement value, string? without = null) =>
        StrictJson.Bytes(writer => StrictJson.Write(writer, value, without is null ? null : name => name == without));

    /// <summary>Some values as one array.</summary>
    public static ReadOnlyMemory<byte> Array(IEnumerable<ReadOnlyMemory<byte>> items) => StrictJson.Bytes(writer =>
    {
        writer.WriteStartArray();
        foreach (var item in items)
        {
            StrictJson.Write(writer, item);
        }

        writer.WriteEndArray();
    });

    /// <summary>The texts of a value: a string, an object with a text, or a list of those.</summary>
    public static string TextOf(JsonElement content) => content.ValueKind switch
    {
        JsonValueKind.String => content.Text() ?? "",
        JsonValueKind.Array => string.Join('\n', content.Items().Select(TextOf).Where(t => t.Length > 0)),
        JsonValueKind.Object => content.Text("text"u8) ?? content.Text("content"u8) ?? "",
        _ => "",
    };
}
