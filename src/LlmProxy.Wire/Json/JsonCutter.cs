using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>Cuts properties out of JSON and leaves every other byte as it was.</summary>
internal static class JsonCutter
{
    /// <summary>
    /// A copy without <c>cache_control</c> properties. Those inside of what is data (a tool's arguments or schema)
    /// belong to the user and stay.
    /// </summary>
    public static byte[] WithoutCacheControl(ReadOnlySpan<byte> json)
    {
        if (json.IndexOf("cache_control"u8) < 0)
        {
            return json.ToArray();
        }

        var cuts = new List<ByteRange>();
        try
        {
            Find(json, cuts);
        }
        catch (JsonException)
        {
            return json.ToArray();
        }

        using var buffer = new ByteBuffer(json.Length);
        var position = 0;
        foreach (var cut in cuts)
        {
            buffer.Append(json[position..cut.Start]);
            position = cut.End;
        }

        buffer.Append(json[position..]);
        return buffer.ToArray();
    }

    private static void Find(ReadOnlySpan<byte> json, List<ByteRange> cuts)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        // For each open object or array: the end of its last kept value, and the start of a cut that must reach to
        // the next property since there is no kept one before it.
        var open = new Stack<(int KeptEnd, int CutStart)>();
        var current = (KeptEnd: -1, CutStart: -1);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    open.Push(current);
                    current = (-1, -1);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    current = open.Pop();
                    current.KeptEnd = (int)reader.BytesConsumed;
                    break;
                case JsonTokenType.PropertyName:
                    var nameStart = (int)reader.TokenStartIndex;
                    var name = JsonText.Name(reader.ValueSpan);
                    if (name.SequenceEqual("cache_control"u8))
                    {
                        reader.Read();
                        reader.Skip();
                        var end = (int)reader.BytesConsumed;
                        if (current.KeptEnd >= 0)
                        {
                            cuts.Add(new ByteRange(current.KeptEnd, end - current.KeptEnd));
                            current.KeptEnd = end;
                        }
                        else
                        {
                            var start = current.CutStart >= 0 ? current.CutStart : nameStart;
                            if (current.CutStart >= 0)
                            {
                                cuts.RemoveAt(cuts.Count - 1);
                            }

                            cuts.Add(new ByteRange(start, end - start));
                            current.CutStart = start;
                        }
                    }
                    else
                    {
                        if (current.CutStart >= 0)
                        {
                            cuts[^1] = new ByteRange(current.CutStart, nameStart - current.CutStart);
                            current.CutStart = -1;
                        }

                        if (IsData(name))
                        {
                            reader.Read();
                            reader.Skip();
                            current.KeptEnd = (int)reader.BytesConsumed;
                        }
                    }

                    break;
                default:
                    current.KeptEnd = (int)reader.BytesConsumed;
                    break;
            }
        }
    }

    private static bool IsData(ReadOnlySpan<byte> name)
        => name.SequenceEqual("input"u8) || name.SequenceEqual("input_schema"u8) || name.SequenceEqual("parameters"u8)
        || name.SequenceEqual("args"u8) || name.SequenceEqual("arguments"u8) || name.SequenceEqual("response"u8);
}
