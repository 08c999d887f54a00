using System.Buffers;
using System.Text;

namespace LlmProxy.Server.Access;

/// <summary>Finds a key of this proxy in a header or parameter: as it is, after a scheme or a name, in a list, percent-encoded, in Basic credentials, or as the end of a WebSocket subprotocol.</summary>
internal static class KeySearch
{
    private const string Basic = "Basic";
    private const string SubprotocolMark = "key.";
    private static readonly SearchValues<char> Separators = SearchValues.Create(" \t,;\"'");

    /// <summary>The owner of the first key, or null.</summary>
    public static Caller? Find(KeyRing keys, ReadOnlySpan<char> value)
    {
        if (!keys.HasKeys || (value = value.Trim()).IsEmpty)
        {
            return null;
        }

        if (keys.Find(value) is { } whole)
        {
            return whole;
        }

        var isBasic = false;
        foreach (var range in value.SplitAny(Separators))
        {
            var token = value[range];
            if (token.IsEmpty)
            {
                continue;
            }

            if ((FindInToken(keys, token) ?? (isBasic ? FindInBasic(keys, token) : null)) is { } caller)
            {
                return caller;
            }

            isBasic = token.Equals(Basic, StringComparison.OrdinalIgnoreCase);
        }

        return null;
    }

    private static Caller? FindInToken(KeyRing keys, ReadOnlySpan<char> token)
    {
        if (keys.Find(token) is { } caller)
        {
            return caller;
        }

        if (token.IndexOf('=') is >= 0 and var equals && equals < token.Length - 1 && keys.Find(token[(equals + 1)..]) is { } named)
        {
            return named;
        }

        if (token.IndexOf(SubprotocolMark, StringComparison.OrdinalIgnoreCase) is >= 0 and var mark && keys.Find(token[(mark + SubprotocolMark.Length)..]) is { } protocol)
        {
            return protocol;
        }

        return token.Contains('%') && Uri.UnescapeDataString(token) is var decoded && !token.SequenceEqual(decoded) ? Find(keys, decoded) : null;
    }

    private static Caller? FindInBasic(KeyRing keys, ReadOnlySpan<char> token)
    {
        var bytes = new byte[token.Length];
        if (!Convert.TryFromBase64Chars(token, bytes, out var length))
        {
            return null;
        }

        ReadOnlySpan<char> text = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = text.IndexOf(':');
        return keys.Find(text) ?? (colon < 0 ? null : keys.Find(text[(colon + 1)..]) ?? keys.Find(text[..colon]));
    }
}
