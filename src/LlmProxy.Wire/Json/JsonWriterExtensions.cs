using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>Small objects and empty containers in one call.</summary>
internal static class JsonWriterExtensions
{
    /// <summary>Writes an object of texts; a null is written as null.</summary>
    public static void WriteObject(this Utf8JsonWriter json, params ReadOnlySpan<(string Name, string? Text)> members)
    {
        json.WriteStartObject();
        foreach (var (name, text) in members)
        {
            json.WriteString(name, text);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes a member that is an object of texts.</summary>
    public static void WriteObject(this Utf8JsonWriter json, string name, params ReadOnlySpan<(string Name, string? Text)> members)
    {
        json.WritePropertyName(name);
        json.WriteObject(members);
    }

    /// <summary>Writes a member that is an empty array.</summary>
    public static void WriteEmptyArray(this Utf8JsonWriter json, string name)
    {
        json.WriteStartArray(name);
        json.WriteEndArray();
    }

    /// <summary>Writes the members of a list, each as one value.</summary>
    public static void WriteArray<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            write(item);
        }

        json.WriteEndArray();
    }
}
