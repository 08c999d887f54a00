using System.Globalization;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Messages;

/// <summary>Collects what a message holds, part by part.</summary>
/// <param name="json">The message; parts may be slices of it.</param>
internal sealed class MessageBuilder(ReadOnlyMemory<byte> json)
{
    private readonly List<MessagePart> _parts = [];
    private readonly List<string> _callKeys = [];

    public string Role { get; set; } = "user";

    public bool IsAssistant { get; set; }

    public IReadOnlyList<MessagePart> Parts => _parts;

    /// <summary>What represents each call in an assistant turn's key.</summary>
    public IReadOnlyList<string> CallKeys => _callKeys;

    public void Add(MessagePart part) => _parts.Add(part);

    /// <summary>Adds a text, if there is one.</summary>
    public void AddText(string? text)
    {
        if (text is not null)
        {
            _parts.Add(new TextPart(text));
        }
    }

    /// <summary>Adds reasoning, if there is any.</summary>
    public void AddThinking(string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            _parts.Add(new ThinkingPart(text));
        }
    }

    /// <summary>Makes the next call. One without an id gets a number and is known by name and arguments.</summary>
    /// <param name="id">Its id as sent.</param>
    /// <param name="name">The tool's name.</param>
    /// <param name="arguments">The arguments as text.</param>
    /// <param name="rawArguments">The arguments as a key needs them.</param>
    public ToolCall NewCall(string? id, string name, string arguments, ReadOnlySpan<byte> rawArguments)
    {
        _callKeys.Add(string.IsNullOrEmpty(id) ? CallKey.Of(name, rawArguments) : id);
        return string.IsNullOrEmpty(id)
            ? new ToolCall(string.Create(CultureInfo.InvariantCulture, $"{name}#{_callKeys.Count}"), name, arguments) { ResultId = "" }
            : new ToolCall(id, name, arguments);
    }

    /// <summary>The bytes of a value of the message; they live as long as the message.</summary>
    public ReadOnlyMemory<byte> Slice(JsonElement value)
    {
        var raw = value.Raw();
        return json.Span.Overlaps(raw, out var offset) ? json.Slice(offset, raw.Length) : raw.ToArray();
    }

    /// <summary>The message. An assistant's texts follow each other without a separator, since servers split one text over several.</summary>
    public ConversationMessage Build()
    {
        var texts = _parts.OfType<TextPart>().Select(part => part.Text);
        var thinking = _parts.OfType<ThinkingPart>().Select(part => part.Text).ToList();
        return new ConversationMessage
        {
            Role = Role,
            Json = json,
            IsAssistant = IsAssistant,
            Parts = _parts,
            Text = IsAssistant ? string.Concat(texts) : string.Join('\n', texts),
            Reasoning = thinking.Count == 0 ? null : string.Join('\n', thinking),
            ToolCalls = [.. _parts.OfType<ToolCall>()],
            ToolResults = [.. _parts.OfType<ToolResult>()],
        };
    }
}
