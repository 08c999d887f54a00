using System.Globalization;
using LlmProxy.Prompts.Checking;

namespace LlmProxy.Core.Prompting;

/// <summary>What is wrong with a template.</summary>
/// <param name="File">The file's path in its set.</param>
/// <param name="Line">Line, from 1; 0 where unknown.</param>
/// <param name="Column">Column, from 1; 0 where unknown.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="RuleId">The checker's rule (<c>docs/rules</c>); null where it was found by rendering.</param>
public sealed record TemplateProblem(string File, int Line, int Column, string Message, string? RuleId = null)
{
    /// <summary>As compilers write it: <c>file(line,column): error LLMP101: message</c>.</summary>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{File}({Line},{Column}): error{(RuleId is null ? "" : " " + RuleId)}: {Message}");

    internal static TemplateProblem Of(TemplateDiagnostic found) => new(found.Span.FileName, found.Line, found.Column, found.Message, found.Rule.Id);
}

/// <summary>The state of a template file, for status pages.</summary>
/// <param name="Path">The file.</param>
/// <param name="Ok">Whether no problem was found.</param>
/// <param name="Error">What is wrong with it, or null.</param>
public sealed record TemplateStatus(string Path, bool Ok, string? Error);
