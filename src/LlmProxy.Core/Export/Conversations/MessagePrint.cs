using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Dialects;

namespace LlmProxy.Core.Export.Conversations;

/// <summary>What a message is known by when it comes again in another form: clients change marks, nulls and blocks of what they send back.</summary>
internal static class MessagePrint
{
    public static UInt128 Of(ConversationMessage message)
    {
        var text = new StringBuilder(message.IsAssistant ? "assistant\n" : "other\n").Append(message.Text.AsSpan().Trim());
        foreach (var call in message.ToolCalls)
        {
            text.Append("\0call\0").Append(call.Id).Append('\0').Append(call.Name);
        }

        foreach (var result in message.ToolResults)
        {
            text.Append("\0result\0").Append(result.Id).Append('\0').Append(result.Content);
        }

        if (!message.IsAssistant && message.ToolResults.Count == 0 && message.Text.Length == 0)
        {
            text.Append('\0').Append(Encoding.UTF8.GetString(message.Json.Span));
        }

        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()), hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
