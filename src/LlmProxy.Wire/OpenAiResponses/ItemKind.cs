using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>Whose an item of a Responses input is.</summary>
internal enum ItemSide
{
    /// <summary>The client's: user messages, outputs of its tools.</summary>
    Client,

    /// <summary>The model's: messages, reasoning, calls.</summary>
    Model,

    /// <summary>A system or developer message.</summary>
    System,

    /// <summary>Codex's list of tools.</summary>
    Tools,
}

/// <summary>Distinguishes items (OpenAI API reference, "Input items").</summary>
internal static class ItemKind
{
    /// <summary>Whose an item is, by its type, role and place of execution.</summary>
    public static ItemSide SideOf(ReadOnlySpan<byte> type, ReadOnlySpan<byte> role, ReadOnlySpan<byte> execution)
    {
        if (type.SequenceEqual("additional_tools"u8))
        {
            return ItemSide.Tools;
        }

        if (type.IsEmpty || type.SequenceEqual("message"u8))
        {
            return role.SequenceEqual("assistant"u8) ? ItemSide.Model
                : role.SequenceEqual("system"u8) || role.SequenceEqual("developer"u8) ? ItemSide.System
                : ItemSide.Client;
        }

        if (type.SequenceEqual("tool_search_output"u8))
        {
            // The server searches unless the client asked to do it.
            return execution.SequenceEqual("client"u8) ? ItemSide.Client : ItemSide.Model;
        }

        return type.EndsWith("_call"u8) || type.SequenceEqual("reasoning"u8) || IsCompaction(type)
            || type.SequenceEqual("item_reference"u8) || type.SequenceEqual("mcp_list_tools"u8)
            || type.SequenceEqual("mcp_approval_request"u8) || type.SequenceEqual("program"u8)
            ? ItemSide.Model
            : ItemSide.Client;
    }

    /// <summary>Whether an item is a compacted history; its names in older clients included.</summary>
    public static bool IsCompaction(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("compaction"u8) || type.SequenceEqual("compaction_summary"u8) || type.SequenceEqual("context_compaction"u8);

    /// <summary>Looks ahead as far as is needed to determine the side of the item that the reader is on.</summary>
    public static ItemSide Find(Utf8JsonReader reader)
    {
        var facts = default(ItemFacts);
        while (reader.ReadProperty(out var name))
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                reader.Skip();
                continue;
            }

            // A role is enough (a type after it is "message"), and so is any type but two.
            if (facts.Note(name, JsonText.Name(reader.ValueSpan))
                && (!facts.Role.IsEmpty || (!facts.Type.IsEmpty && !facts.Type.SequenceEqual("message"u8) && !facts.Type.SequenceEqual("tool_search_output"u8))))
            {
                break;
            }
        }

        return facts.Side;
    }
}

/// <summary>The members of an item that determine its side.</summary>
internal ref struct ItemFacts
{
    public ReadOnlySpan<byte> Type;

    public ReadOnlySpan<byte> Role;

    public ByteRange Id;

    public ByteRange Encrypted;

    private ReadOnlySpan<byte> _execution;

    public readonly ItemSide Side => ItemKind.SideOf(Type, Role, _execution);

    /// <summary>Takes a member.</summary>
    /// <returns>Whether the member is one of them.</returns>
    public bool Note(scoped ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (name.SequenceEqual("type"u8))
        {
            Type = value;
        }
        else if (name.SequenceEqual("role"u8))
        {
            Role = value;
        }
        else if (name.SequenceEqual("execution"u8))
        {
            _execution = value;
        }
        else
        {
            return false;
        }

        return true;
    }
}
