namespace LlmProxy.Prompts;

/// <summary>How a text is read.</summary>
public enum ScriptMode
{
    /// <summary>Text with code between <c>{{</c> and <c>}}</c>.</summary>
    Default,

    /// <summary>A <c>+++</c> block of code first, then text with code; the first block is parsed and not run.</summary>
    FrontMatterAndContent,

    /// <summary>Code only.</summary>
    ScriptOnly,
}

/// <summary>What bounds a parse.</summary>
public sealed record ParserOptions
{
    /// <summary>How deep expressions and statements may nest. A long chain of operators counts too.</summary>
    public int ExpressionDepthLimit { get; init; } = 250;

    /// <summary>How the text is read.</summary>
    public ScriptMode Mode { get; init; }

    /// <summary>What applies when nothing else is said.</summary>
    public static ParserOptions Default { get; } = new();
}
