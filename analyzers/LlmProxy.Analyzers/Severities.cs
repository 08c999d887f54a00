using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace LlmProxy.Analyzers;

/// <summary>
/// The severity of a rule in a template. The compiler itself applies what is set for the whole project (a
/// <c>.globalconfig</c>, <c>NoWarn</c>), but the sections of <c>.editorconfig</c> only to C# files: what stands there for
/// these is taken over, and a section for templates can set <c>llmproxy_severity.LLMPxxx</c>.
/// </summary>
internal sealed class Severities(Compilation compilation, AnalyzerConfigOptionsProvider options)
{
    private const string Key = "llmproxy_severity.";

    private readonly SyntaxTree? _tree = compilation.SyntaxTrees.FirstOrDefault();

    /// <summary>The severity; null when the rule is switched off here.</summary>
    public DiagnosticSeverity? Of(DiagnosticDescriptor rule, AdditionalText file)
    {
        if (options.GetOptions(file).TryGetValue(Key + rule.Id, out var word) && TryParse(word, out var own))
        {
            return own;
        }

        return _tree is not null
            && compilation.Options.SyntaxTreeOptionsProvider?.TryGetDiagnosticValue(_tree, rule.Id, CancellationToken.None, out var report) == true
            ? Map(report, rule.DefaultSeverity)
            : rule.DefaultSeverity;
    }

    private static bool TryParse(string word, out DiagnosticSeverity? severity)
    {
        severity = word.ToLowerInvariant() switch
        {
            "error" => DiagnosticSeverity.Error,
            "warning" => DiagnosticSeverity.Warning,
            "suggestion" => DiagnosticSeverity.Info,
            "silent" => DiagnosticSeverity.Hidden,
            _ => null,
        };
        return severity is not null || word.Equals("none", StringComparison.OrdinalIgnoreCase);
    }

    private static DiagnosticSeverity? Map(ReportDiagnostic report, DiagnosticSeverity otherwise) => report switch
    {
        ReportDiagnostic.Error => DiagnosticSeverity.Error,
        ReportDiagnostic.Warn => DiagnosticSeverity.Warning,
        ReportDiagnostic.Info => DiagnosticSeverity.Info,
        ReportDiagnostic.Hidden => DiagnosticSeverity.Hidden,
        ReportDiagnostic.Suppress => null,
        _ => otherwise,
    };
}
