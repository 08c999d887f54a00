using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>
/// What a message is known by when it comes again in another form. Clients give calls ids of their own, put thinking
/// into the text or take it out, trim, and write arguments anew; what was said and called stays.
/// </summary>
internal static class MessagePrint
{
    public static UInt128 Of(ConversationMessage message)
    {
        var text = new StringBuilder(message.IsAssistant ? "assistant\n" : "other\n");
        foreach (var c in message.IsAssistant ? WithoutThinking(message.Text) : message.Text)
        {
            if (!char.IsWhiteSpace(c))
            {
                text.Append(c);
            }
        }

        foreach (var call in message.ToolCalls)
        {
            text.Append("\0call\0").Append(call.Name).Append('\0').Append(CanonicalJson.Of(Encoding.UTF8.GetBytes(call.Arguments)));
        }

        foreach (var result in message.ToolResults)
        {
            text.Append("\0result\0").Append(result.Content.AsSpan().Trim());
        }

        if (!message.IsAssistant && message.ToolResults.Count == 0 && message.Text.Length == 0)
        {
            text.Append('\0').Append(Encoding.UTF8.GetString(message.Json.Span));
        }

        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()), hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }

    /// <summary>The text without what is between think tags.</summary>
    private static string WithoutThinking(string text)
    {
        foreach (var tag in (ReadOnlySpan<string>)["think", "thinking"])
        {
            var (open, close) = ($"<{tag}>", $"</{tag}>");
            while (text.IndexOf(open, StringComparison.Ordinal) is >= 0 and var start && text.IndexOf(close, start, StringComparison.Ordinal) is >= 0 and var end)
            {
                text = text.Remove(start, end + close.Length - start);
            }
        }

        return text;
    }
}
