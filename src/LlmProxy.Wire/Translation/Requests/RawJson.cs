using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translation.Requests;

/// <summary>JSON as sent that other providers take: no half surrogate pairs, no broken UTF-8.</summary>
internal static class RawJson
{
    public static string Clean(JsonElement value) => Encoding.UTF8.GetString(Clean(value.Raw()));

    public static ReadOnlySpan<byte> Clean(ReadOnlySpan<byte> json)
    {
        json = JsonText.Repair(json);
        if (!JsonText.HasHalfPair(json))
        {
            return json;
        }

        using var clean = new ByteBuffer(json.Length);
        while (json.IndexOf((byte)'"') is >= 0 and var start)
        {
            clean.Append(json[..(start + 1)]);
            json = json[(start + 1)..];
            var end = 0;
            while (end < json.Length && json[end] != '"')
            {
                end += json[end] == '\\' ? 2 : 1;
            }

            end = Math.Min(end, json.Length);
            JsonText.AppendCanonical(clean, json[..end]);
            json = json[end..];
            if (json.Length > 0)
            {
                clean.Append((byte)'"');
                json = json[1..];
            }
        }

        clean.Append(json);
        return clean.ToArray();
    }

    /// <summary>A text without half surrogate pairs.</summary>
    public static string Clean(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]))
            {
                if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    i++;
                    continue;
                }

                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            }
        }

        return text;
    }
}
