namespace LlmProxy.Wire;

/// <summary>One part of a message, in whatever dialect it came. Parts are equal if they say the same, however it was written.</summary>
public abstract record MessagePart
{
    /// <summary>
    /// The part as its dialect wrote it, in a dialect whose blocks can be sent back one by one (Anthropic); else empty.
    /// It is a slice of the message and not compared.
    /// </summary>
    public ReadOnlyMemory<byte> NativeJson { get; init; }

    /// <inheritdoc />
    public virtual bool Equals(MessagePart? other) => other is not null && EqualityContract == other.EqualityContract;

    /// <inheritdoc />
    public override int GetHashCode() => EqualityContract.GetHashCode();

    /// <summary>Leaves <see cref="NativeJson"/> out of the text: equal parts print alike.</summary>
    protected virtual bool PrintMembers(System.Text.StringBuilder builder) => false;
}

/// <summary>Text.</summary>
/// <param name="Text">The text.</param>
public sealed record TextPart(string Text) : MessagePart;

/// <summary>A refusal that the dialect keeps apart from the text.</summary>
/// <param name="Text">What the model says.</param>
public sealed record RefusalPart(string Text) : MessagePart;

/// <summary>Reasoning that the model showed.</summary>
/// <param name="Text">The reasoning, or its summary.</param>
public sealed record ThinkingPart(string Text) : MessagePart;

/// <summary>An image.</summary>
/// <param name="Image">Where it is.</param>
public sealed record ImagePart(ImageSource Image) : MessagePart;

/// <summary>What has no part of its own: a document, a recording, a block that only one provider knows.</summary>
/// <param name="Mark">What represents it in a text, such as <c>[document]</c>; null if nothing does.</param>
public sealed record OtherPart(string? Mark) : MessagePart
{
    /// <summary>The mark of a document.</summary>
    public const string Document = "[document]";

    /// <summary>The mark of a sound.</summary>
    public const string Audio = "[audio]";

    /// <summary>The mark of a video.</summary>
    public const string Video = "[video]";
}

/// <summary>A tool call of a model. Calls are compared by their id, name and arguments.</summary>
/// <param name="Id">The call's id; for dialects without ids (Gemini) <c>name#n</c>, where n counts the calls in the reply.</param>
/// <param name="Name">The tool's name.</param>
/// <param name="Arguments">The arguments as JSON text; the raw text if a tool takes free text or the JSON is broken.</param>
public sealed record ToolCall(string Id, string Name, string Arguments) : MessagePart
{
    /// <summary>The id by which a result names the call: <see cref="Id"/>, empty if the call was sent without one, or the function's name (<c>function_call</c> of Chat Completions).</summary>
    public string ResultId { get; init; } = Id;

    /// <summary>Whether the provider answered it within the same turn.</summary>
    public bool IsAnswered { get; init; }

    /// <summary>Whether the provider ran the tool itself: web search, code execution, MCP. The client never answers such a call.</summary>
    public bool IsHosted { get; init; }

    /// <summary>The result within the same turn, with the id of this call; null if there is none or the client answers.</summary>
    public ToolResult? Answer { get; init; }

    /// <inheritdoc />
    public bool Equals(ToolCall? other) => base.Equals(other) && (Id, Name, Arguments) == (other.Id, other.Name, other.Arguments);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Id, Name, Arguments);
}

/// <summary>What came back for a tool call. Results are compared by the members that their constructor takes.</summary>
/// <param name="Id">Id of the call that it answers; for Gemini the function's name.</param>
/// <param name="Content">Its text; each image is the mark <c>[image]</c>, each document <c>[document]</c>.</param>
/// <param name="IsError">The dialect's own error flag; null if the dialect has none.</param>
/// <param name="HasImage">Whether it holds an image or a document.</param>
public sealed record ToolResult(string Id, string Content, bool? IsError, bool HasImage) : MessagePart
{
    /// <summary>The tool's name, or null if the dialect's results do not name it.</summary>
    public string? Name { get; init; }

    /// <summary>All of the result, if <see cref="Content"/> is the essential part of it; else null.</summary>
    public string? WholeContent { get; init; }

    /// <summary>Its images.</summary>
    public IReadOnlyList<ImageSource> Images { get; init; } = [];

    /// <inheritdoc />
    public bool Equals(ToolResult? other) => base.Equals(other) && (Id, Content, IsError, HasImage) == (other.Id, other.Content, other.IsError, other.HasImage);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Id, Content, IsError, HasImage);
}
