namespace LlmProxy.Prompts;

/// <summary>How grave a <see cref="LogMessage"/> is.</summary>
public enum ParserMessageType
{
    /// <summary>The template cannot be rendered.</summary>
    Error,

    /// <summary>The template renders, but probably not what was meant.</summary>
    Warning,
}

/// <summary>What kind of mistake a <see cref="LogMessage"/> tells of. The texts are for people, this is for programs.</summary>
public enum ParserMessageCode
{
    /// <summary>Something that the grammar does not have at this place.</summary>
    Syntax,

    /// <summary>A block without its <c>end</c>.</summary>
    MissingEnd,

    /// <summary>An <c>end</c>, <c>else</c> or <c>when</c> that belongs to no block.</summary>
    StrayBlockPart,

    /// <summary>A parenthesis, bracket or brace that is not closed.</summary>
    MissingBracket,

    /// <summary>A string that is not closed.</summary>
    UnclosedString,

    /// <summary>A member of <c>for</c>, <c>while</c> or <c>tablerow</c> that does not exist.</summary>
    LoopVariable,

    /// <summary>Deeper than the limit.</summary>
    TooDeep,
}

/// <summary>What a parse found wrong, and where.</summary>
/// <param name="Type">Error or warning.</param>
/// <param name="Span">The place in the template.</param>
/// <param name="Message">The text, without the place.</param>
public sealed record LogMessage(ParserMessageType Type, SourceSpan Span, string Message)
{
    /// <summary>The kind of mistake.</summary>
    public ParserMessageCode Code { get; init; }

    /// <summary>Where the block or string begins whose end is missing; null for every other kind of mistake.</summary>
    public TextPosition? Opening { get; init; }

    /// <summary><c>file(line,column) : error : message</c>.</summary>
    public override string ToString() =>
        Span.ToStringSimple() + (Type == ParserMessageType.Error ? " : error : " : " : warning : ") + Message;
}
