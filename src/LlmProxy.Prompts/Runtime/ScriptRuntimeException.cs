namespace LlmProxy.Prompts.Runtime;

/// <summary>A template could not be rendered.</summary>
public class ScriptRuntimeException : Exception
{
    /// <summary>Makes an error at a place.</summary>
    public ScriptRuntimeException(SourceSpan span, string message, Exception? innerException = null)
        : this(span, message, string.Empty, innerException)
    {
    }

    private protected ScriptRuntimeException(SourceSpan span, string message, string details, Exception? innerException)
        : base(span.ToStringSimple() + " : error : " + message + details, innerException)
    {
        Span = span;
        OriginalMessage = message;
    }

    /// <summary>The place, in the template or in one that it includes.</summary>
    public SourceSpan Span { get; }

    /// <summary>The text without the place.</summary>
    public string OriginalMessage { get; }
}

/// <summary>An included template has errors.</summary>
public sealed class ScriptParserRuntimeException : ScriptRuntimeException
{
    /// <summary>Makes an error at an include.</summary>
    public ScriptParserRuntimeException(SourceSpan span, string message, IReadOnlyList<LogMessage> parserMessages)
        : base(span, message, Describe(parserMessages), null)
    {
        ParserMessages = parserMessages;
    }

    /// <summary>The errors of the included template.</summary>
    public IReadOnlyList<LogMessage> ParserMessages { get; }

    private static string Describe(IReadOnlyList<LogMessage> messages) =>
        " Parser messages:\n" + string.Concat(messages.Select(m => " " + m + "\n"));
}

/// <summary>What a function objects to; the caller adds the place.</summary>
internal sealed class ScriptFunctionException : Exception
{
    public ScriptFunctionException(string message, int argument = -1)
        : base(message)
    {
        Argument = argument;
    }

    /// <summary>The argument that is wrong, or -1 for the call as a whole.</summary>
    public int Argument { get; }
}
