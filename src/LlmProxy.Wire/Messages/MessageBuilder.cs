using LlmProxy.Wire.Scanning;

namespace LlmProxy.Wire.Messages;

/// <summary>Collects what a message holds, block by block.</summary>
internal sealed class MessageBuilder
{
    public List<string> Texts { get; } = [];

    public List<string> Reasoning { get; } = [];

    public List<ToolCall> Calls { get; } = [];

    /// <summary>What stands in an assistant turn's key for each of <see cref="Calls"/>.</summary>
    public List<string> CallKeys { get; } = [];

    public List<ToolResult> Results { get; } = [];

    /// <summary>Adds a call; one without an id gets a number and is known by name and arguments.</summary>
    public void AddCall(string? id, string name, string arguments, ReadOnlySpan<byte> rawArguments)
    {
        if (string.IsNullOrEmpty(id))
        {
            CallKeys.Add(CallKey.Of(name, rawArguments));
            id = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{name}#{Calls.Count + 1}");
        }
        else
        {
            CallKeys.Add(id);
        }

        Calls.Add(new ToolCall(id, name, arguments));
    }

    /// <summary>The message. An assistant's text blocks follow each other without a separator, since servers split one text over several.</summary>
    public ConversationMessage ToMessage(string role, bool isAssistant, ReadOnlyMemory<byte> json) => new()
    {
        Role = role,
        Json = json,
        IsAssistant = isAssistant,
        Text = isAssistant ? string.Concat(Texts) : string.Join('\n', Texts),
        Reasoning = Reasoning.Count == 0 ? null : string.Join('\n', Reasoning),
        ToolCalls = Calls,
        ToolResults = Results,
    };
}
