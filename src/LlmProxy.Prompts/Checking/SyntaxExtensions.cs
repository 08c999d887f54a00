using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>What the rules ask of Scriban's syntax tree.</summary>
internal static class SyntaxExtensions
{
    /// <summary>Whether an index is written as <c>$0</c>, <c>$1</c> and so on: an argument by position.</summary>
    public static bool IsArgumentShorthand(this ScriptIndexerExpression node) =>
        node.Target is ScriptVariableLocal { BaseName: "" } && node.Index?.Span.Start.Offset == node.Target.Span.Start.Offset;

    /// <summary>The name of a declared function; null for an anonymous one.</summary>
    public static ScriptVariable? Name(this ScriptFunction function) => function.NameOrDoToken as ScriptVariable;

    /// <summary>The parameters; none for a function that takes any arguments.</summary>
    public static IEnumerable<ScriptParameter> DeclaredParameters(this ScriptFunction function) => function.Parameters?.AsEnumerable() ?? [];

    /// <summary>Whether a parameter takes all arguments that follow.</summary>
    public static bool IsVariadic(this ScriptParameter parameter) => parameter.EqualOrTripleDotToken?.TokenType == Scriban.Parsing.TokenType.TripleDot;
}
