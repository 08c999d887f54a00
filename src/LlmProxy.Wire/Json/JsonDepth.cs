namespace LlmProxy.Wire.Json;

/// <summary>How deep JSON is nested, found without reading it.</summary>
internal static class JsonDepth
{
    /// <summary>Whether JSON is nested deeper than a number of levels, as far as it can be read.</summary>
    public static bool IsOver(ReadOnlySpan<byte> json, int maxDepth)
    {
        var depth = 0;
        while (json.IndexOfAny("\"[]{}"u8) is >= 0 and var at)
        {
            var found = json[at];
            json = json[(at + 1)..];
            if (found == '"')
            {
                json = AfterString(json);
            }
            else if (found is (byte)'[' or (byte)'{')
            {
                if (++depth > maxDepth)
                {
                    return true;
                }
            }
            else
            {
                depth--;
            }
        }

        return false;
    }

    private static ReadOnlySpan<byte> AfterString(ReadOnlySpan<byte> json)
    {
        while (json.IndexOfAny((byte)'"', (byte)'\\') is >= 0 and var at)
        {
            if (json[at] == '"')
            {
                return json[(at + 1)..];
            }

            json = at + 2 <= json.Length ? json[(at + 2)..] : default;
        }

        return default;
    }
}
