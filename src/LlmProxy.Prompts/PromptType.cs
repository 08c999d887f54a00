namespace LlmProxy.Prompts;

/// <summary>Where a value of the prompt model comes from, as far as a template has to care.</summary>
public enum PromptOrigin
{
    /// <summary>From this request or from the proxy: may stand anywhere.</summary>
    Request,

    /// <summary>The agent's own instructions: a provider template renders each part of them once.</summary>
    Agent,

    /// <summary>What another model or a tool said in a recorded run: data, which stands inside a fence (<see cref="PromptFence"/>).</summary>
    Recorded,

    /// <summary>Different for every task: a prompt that holds it shares no cached beginning with another task's.</summary>
    Task,
}

/// <summary>The shape of a value: a text, a number, a list, or an object with members.</summary>
public sealed class PromptType
{
    private readonly Dictionary<string, PromptMember> _byName;

    private PromptType(string name, PromptType? element, IReadOnlyList<PromptMember> members)
    {
        Name = name;
        Element = element;
        Members = members;
        _byName = members.ToDictionary(member => member.Name, StringComparer.Ordinal);
    }

    /// <summary>A text; empty where there is none, never null.</summary>
    public static PromptType Text { get; } = new("text", null, []);

    /// <summary>A number.</summary>
    public static PromptType Number { get; } = new("number", null, []);

    /// <summary>What the shape is called in messages.</summary>
    public string Name { get; }

    /// <summary>The shape of a list's elements; null for everything else.</summary>
    public PromptType? Element { get; }

    /// <summary>An object's members in their order; empty for everything else.</summary>
    public IReadOnlyList<PromptMember> Members { get; }

    /// <summary>Whether a template can ask for a member of this shape by a name of the model.</summary>
    public bool IsObject => Members.Count > 0;

    /// <summary>Whether a value of this shape, written as a whole, holds recorded text.</summary>
    public bool HoldsRecorded => Element?.HoldsRecorded ?? Members.Any(member => member.Origin == PromptOrigin.Recorded || member.Type.HoldsRecorded);

    /// <summary>A list.</summary>
    public static PromptType ListOf(PromptType element) => new("list", element, []);

    /// <summary>An object.</summary>
    /// <param name="name">What it is called in messages.</param>
    /// <param name="members">Its members.</param>
    public static PromptType Object(string name, params PromptMember[] members) => new(name, null, members);

    /// <summary>The member of a name; null where there is none.</summary>
    public PromptMember? Find(string name) => _byName.TryGetValue(name, out var member) ? member : null;
}

/// <summary>A member of an object of the prompt model.</summary>
/// <param name="Name">The name in templates.</param>
/// <param name="Type">The shape of its value.</param>
/// <param name="Description">What it is, for people.</param>
/// <param name="Origin">Where its text comes from.</param>
public sealed record PromptMember(string Name, PromptType Type, string Description, PromptOrigin Origin = PromptOrigin.Request);
