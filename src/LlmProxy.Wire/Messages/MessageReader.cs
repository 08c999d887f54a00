using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Reads the messages of one dialect. Implementations hold no state.</summary>
internal abstract class MessageReader
{
    /// <summary>Reads a message as the record keeps it.</summary>
    /// <returns>The message, and what represents each of its calls in an assistant turn's key.</returns>
    public (ConversationMessage Message, IReadOnlyList<string> CallKeys) Read(ReadOnlyMemory<byte> json)
    {
        using var document = LenientJson.Parse(json);
        var message = new MessageBuilder(json);
        Read(document?.RootElement ?? default, message);
        return (message.Build(), message.CallKeys);
    }

    /// <summary>A message of a request as the record keeps it.</summary>
    /// <param name="json">The message's bytes in the request; of a turn of several items, from the first to the last.</param>
    /// <param name="isAssistant">Whether it is the model's.</param>
    public virtual ReadOnlySpan<byte> ToStored(ReadOnlySpan<byte> json, bool isAssistant) => json;

    /// <summary>Reads a message's role and parts.</summary>
    protected abstract void Read(JsonElement root, MessageBuilder message);
}
