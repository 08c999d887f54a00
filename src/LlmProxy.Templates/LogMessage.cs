namespace LlmProxy.Templates;

/// <summary>How grave a <see cref="LogMessage"/> is.</summary>
public enum ParserMessageType
{
    /// <summary>The template cannot be rendered.</summary>
    Error,

    /// <summary>The template renders, but probably not what was meant.</summary>
    Warning,
}

/// <summary>What a parse found wrong, and where.</summary>
/// <param name="Type">Error or warning.</param>
/// <param name="Span">The place in the template.</param>
/// <param name="Message">The text, without the place.</param>
public sealed record LogMessage(ParserMessageType Type, SourceSpan Span, string Message)
{
    /// <summary><c>file(line,column) : error : message</c>.</summary>
    public override string ToString() =>
        Span.ToStringSimple() + (Type == ParserMessageType.Error ? " : error : " : " : warning : ") + Message;
}
