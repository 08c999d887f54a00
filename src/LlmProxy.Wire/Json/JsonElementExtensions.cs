using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>Reading of parsed JSON that takes whatever is there and never throws.</summary>
internal static class JsonElementExtensions
{
    /// <summary>The property's value (the last of equal names); undefined if there is none.</summary>
    public static JsonElement Get(this JsonElement element, ReadOnlySpan<byte> name)
    {
        var found = default(JsonElement);
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in element.EnumerateObject())
            {
                if (JsonText.Name(JsonMarshal.GetRawUtf8PropertyName(property)).SequenceEqual(name))
                {
                    found = property.Value;
                }
            }
        }

        return found;
    }

    /// <summary>The property's value by either of two names (Gemini takes both spellings).</summary>
    public static JsonElement Get(this JsonElement element, ReadOnlySpan<byte> name, ReadOnlySpan<byte> other)
    {
        var found = element.Get(name);
        return found.ValueKind == JsonValueKind.Undefined ? element.Get(other) : found;
    }

    /// <summary>The property's name as UTF-8.</summary>
    public static ReadOnlySpan<byte> Utf8Name(this JsonProperty property) => JsonText.Name(JsonMarshal.GetRawUtf8PropertyName(property));

    /// <summary>The property's name as text. <see cref="JsonProperty.Name"/> throws for half a surrogate pair; here it becomes a replacement character.</summary>
    public static string NameText(this JsonProperty property) => Encoding.UTF8.GetString(property.Utf8Name());

    /// <summary>Whether both values exist and are the same in JSON's sense: order of properties, white space and spelling do not matter.</summary>
    public static bool IsSameAs(this JsonElement element, JsonElement other) =>
        element.Exists() && other.Exists() && CanonicalJson.Of(element.Raw()) == CanonicalJson.Of(other.Raw());

    /// <summary>The text of a string, or null for anything else.</summary>
    public static string? Text(this JsonElement element)
        => element.ValueKind == JsonValueKind.String ? JsonText.DecodeLiteral(JsonMarshal.GetRawUtf8Value(element)) : null;

    /// <summary>The text of a string property, or null.</summary>
    public static string? Text(this JsonElement element, ReadOnlySpan<byte> name) => element.Get(name).Text();

    /// <summary>Whether a string has this value.</summary>
    public static bool Is(this JsonElement element, ReadOnlySpan<byte> text)
        => element.ValueKind == JsonValueKind.String && JsonText.Name(JsonMarshal.GetRawUtf8Value(element)[1..^1]).SequenceEqual(text);

    /// <summary>The value's bytes as sent; empty where it is undefined.</summary>
    public static ReadOnlySpan<byte> Raw(this JsonElement element)
        => element.ValueKind == JsonValueKind.Undefined ? default : JsonMarshal.GetRawUtf8Value(element);

    /// <summary>The value as text as sent.</summary>
    public static string RawText(this JsonElement element) => Encoding.UTF8.GetString(element.Raw());

    /// <summary>The elements of an array, none for anything else.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                yield return item;
            }
        }
    }

    /// <summary>The property as a whole number, or null.</summary>
    public static long? Number(this JsonElement element, ReadOnlySpan<byte> name)
    {
        var value = element.Get(name);
        return value.ValueKind != JsonValueKind.Number ? null
            : value.TryGetInt64(out var whole) ? whole
            : value.TryGetDouble(out var real) && Math.Abs(real) < 1e15 ? (long)real
            : null;
    }

    /// <summary>Whether there is a value that is not null.</summary>
    public static bool Exists(this JsonElement element) => element.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);
}
