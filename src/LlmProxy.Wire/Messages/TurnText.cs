using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>What of an assistant's text enters its key.</summary>
internal static class TurnText
{
    /// <summary>
    /// The text without white space at both ends and without a think block in front: open models write one into
    /// their text, some clients drop it, and others put reasoning that came apart from the text back as one.
    /// </summary>
    public static ReadOnlySpan<byte> ForKey(ReadOnlySpan<byte> utf8)
    {
        utf8 = JsonText.Trim(utf8);
        if (utf8.StartsWith("<think>"u8) && utf8.IndexOf("</think>"u8) is >= 0 and var end)
        {
            utf8 = JsonText.Trim(utf8[(end + "</think>"u8.Length)..]);
        }

        return utf8;
    }
}
