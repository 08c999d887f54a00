using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>One message of a conversation.</summary>
internal sealed class Turn
{
    /// <summary>Whether it is the model's.</summary>
    public required bool IsAssistant { get; init; }

    /// <summary>An assistant turn that no recorded response produced.</summary>
    public bool IsForeign { get; init; }

    /// <summary>The reply of another run of the conversation.</summary>
    public bool IsOthers { get; init; }

    /// <summary>Whether it is to be learned from: a reply that no earlier line held.</summary>
    public bool IsTrained { get; init; }

    /// <summary>Number of the step whose reply it is; 0 for everything else.</summary>
    public int Step { get; init; }

    /// <summary>When the step's request came.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Its parts.</summary>
    public List<MessagePart> Parts { get; init; } = [];

    /// <summary>Its texts: an assistant's follow each other, others are joined by line ends.</summary>
    public string Text => string.Join(IsAssistant ? "" : "\n", Parts.Select(p => p is TextPart t ? t.Text : p is OtherPart { Mark: { } mark } ? mark : "").Where(t => t.Length > 0));

    /// <summary>Its calls.</summary>
    public IEnumerable<ToolCall> Calls => Parts.OfType<ToolCall>();

    /// <summary>The turn as context.</summary>
    public Turn WithoutTraining() => !IsTrained ? this : new Turn { IsAssistant = IsAssistant, IsForeign = IsForeign, IsOthers = IsOthers, Step = Step, At = At, Parts = Parts };
}

/// <summary>A tool that was offered.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">Its description, or empty.</param>
/// <param name="Schema">Its JSON schema, or null.</param>
/// <param name="NativeJson">The definition as sent, if its dialect keeps it; else empty.</param>
internal sealed record OfferedTool(string Name, string Description, string? Schema, ReadOnlyMemory<byte> NativeJson);

/// <summary>A conversation in the order in which every format can say it.</summary>
internal sealed class Conversation
{
    /// <summary>The agent's own system prompt, or null.</summary>
    public string? System { get; init; }

    /// <summary>The model that gave the replies.</summary>
    public string Model { get; init; } = "";

    /// <summary>Models that gave replies.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>Tools that were offered or called.</summary>
    public IReadOnlyList<OfferedTool> Tools { get; init; } = [];

    /// <summary>
    /// The turns. The first is the client's, the last a reply to learn from. Results follow the turn that calls, each
    /// call answered once and in order, and precede everything else of the client's.
    /// </summary>
    public List<Turn> Turns { get; init; } = [];

    /// <summary>The same with other turns.</summary>
    public Conversation With(List<Turn> turns) => new() { System = System, Model = Model, Models = Models, Tools = Tools, Turns = turns };
}
