using System.Text;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>What represents a call without an id in an assistant turn's key: its name and its arguments in one form.</summary>
internal static class CallKey
{
    public static string Of(string name, ReadOnlySpan<byte> arguments)
    {
        using var buffer = new ByteBuffer(arguments.Length + name.Length + 16);
        AppendTo(buffer, Encoding.UTF8.GetBytes(name), arguments);
        return Encoding.UTF8.GetString(buffer.Span);
    }

    public static void AppendTo(ByteBuffer buffer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> arguments)
    {
        buffer.Append(JsonText.Repair(name));
        if (arguments.IsEmpty || arguments.SequenceEqual("null"u8))
        {
            // SDKs fill in an empty object where the model sent no arguments.
            arguments = "{}"u8;
        }

        CanonicalJson.AppendTo(buffer, arguments);
    }
}
