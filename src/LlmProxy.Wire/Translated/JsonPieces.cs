using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>Writes JSON from pieces of other JSON, which stay as they are: texts with lone surrogates too.</summary>
internal static class JsonPieces
{
    /// <summary>Adds a value as sent; <c>null</c> for none.</summary>
    public static ByteBuffer Add(this ByteBuffer json, JsonElement value)
    {
        json.Append(value.Exists() ? value.Raw() : "null"u8);
        return json;
    }

    /// <summary>Adds bytes.</summary>
    public static ByteBuffer Add(this ByteBuffer json, ReadOnlySpan<byte> bytes)
    {
        json.Append(bytes);
        return json;
    }

    /// <summary>Adds a string literal.</summary>
    public static ByteBuffer Add(this ByteBuffer json, string text)
    {
        JsonText.AppendLiteral(json, text);
        return json;
    }

    /// <summary>Adds a list, without those for which nothing is written.</summary>
    public static ByteBuffer AddList<T>(this ByteBuffer json, IEnumerable<T> items, Action<ByteBuffer, T> write)
    {
        json.Append((byte)'[');
        var isFirst = true;
        foreach (var item in items)
        {
            var before = json.Length;
            if (!isFirst)
            {
                json.Append((byte)',');
            }

            var start = json.Length;
            write(json, item);
            if (json.Length == start)
            {
                json.Truncate(before);
            }
            else
            {
                isFirst = false;
            }
        }

        json.Append((byte)']');
        return json;
    }
}
