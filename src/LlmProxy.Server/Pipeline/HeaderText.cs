using System.Text;

namespace LlmProxy.Server.Pipeline;

/// <summary>Text in headers. The server reads and writes each byte of a header as one character; clients send UTF-8.</summary>
internal static class HeaderText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text of a received header: its bytes as UTF-8, or as they are if they are not UTF-8.</summary>
    public static string Decode(string value)
    {
        if (Ascii.IsValid(value))
        {
            return value;
        }

        try
        {
            return Strict.GetString(Encoding.Latin1.GetBytes(value));
        }
        catch (DecoderFallbackException)
        {
            return value;
        }
    }

    /// <summary>The header that sends a text as UTF-8.</summary>
    public static string Encode(string text) => Ascii.IsValid(text) ? text : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}
