using System.Globalization;

namespace LlmProxy.Prompts.Checking;

/// <summary>A broken rule: where, and what to do.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Span">The place; its file is the path that the file was checked under.</param>
/// <param name="Message">What is wrong here and what to do, without the place.</param>
public sealed record TemplateDiagnostic(Rule Rule, SourceSpan Span, string Message)
{
    /// <summary>Line, from 1.</summary>
    public int Line => Span.Start.Line + 1;

    /// <summary>Column, from 1, in UTF-16 units.</summary>
    public int Column => Span.Start.Column + 1;

    /// <summary>As compilers write it: <c>file(line,column): error LLMP101: message</c>.</summary>
    public override string ToString() => string.Format(
        CultureInfo.InvariantCulture,
        "{0}({1},{2}): {3} {4}: {5}",
        Span.FileName,
        Line,
        Column,
        Rule.Severity == RuleSeverity.Error ? "error" : "warning",
        Rule.Id,
        Message);
}
