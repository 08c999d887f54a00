using System.Collections.Immutable;
using LlmProxy.Prompts.Checking;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;
using Microsoft.CodeAnalysis.Text;

namespace LlmProxy.Analyzers;

/// <summary>The rules for prompt templates as diagnostics of the compiler, located in the template; and the rule for C# code that names one.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class TemplateAnalyzer : DiagnosticAnalyzer
{
    private static readonly ImmutableDictionary<string, DiagnosticDescriptor> Descriptors = Rules.All.ToImmutableDictionary(rule => rule.Id, Describe);

    /// <inheritdoc />
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = Rules.All.Select(rule => Descriptors[rule.Id]).ToImmutableArray();

    /// <inheritdoc />
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterCompilationStartAction(static start =>
        {
            var options = start.Options;
            if (!options.AdditionalFiles.Any(file => TemplateFiles.SetPathOf(file, options.AnalyzerConfigOptionsProvider) is not null))
            {
                return;
            }

            // All files are checked together, by the first that is asked for.
            var set = new Lazy<CheckedSet>(() => CheckedSet.Of(options, start.CancellationToken));
            var severities = new Severities(start.Compilation, options.AnalyzerConfigOptionsProvider);
            start.RegisterAdditionalFileAction(file => ReportFile(file, set.Value, severities));
            start.RegisterSyntaxNodeAction(literal => CheckLiteral(literal, set), SyntaxKind.StringLiteralExpression);
        });
    }

    private static DiagnosticDescriptor Describe(Rule rule) => new(
        rule.Id,
        rule.Title,
        "{0}",
        rule.Id[4] == '5' ? "LlmProxy.Code" : "LlmProxy.Templates",
        rule.Severity == RuleSeverity.Error ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
        isEnabledByDefault: true,
        helpLinkUri: rule.Page);

    private static void ReportFile(AdditionalFileAnalysisContext context, CheckedSet set, Severities severities)
    {
        var file = context.AdditionalFile;
        var path = TemplateFiles.SetPathOf(file, context.Options.AnalyzerConfigOptionsProvider) ?? file.Path;
        foreach (var found in set.Found[path])
        {
            var descriptor = Descriptors[found.Rule.Id];
            if (severities.Of(descriptor, file) is { } severity)
            {
                context.ReportDiagnostic(Diagnostic.Create(descriptor, Place(file.Path, found), severity, additionalLocations: null, properties: null, found.Message));
            }
        }
    }

    private static Location Place(string path, TemplateDiagnostic found)
    {
        var (start, end) = (found.Span.Start, found.Span.End);

        // The checker's end is the last character, the compiler's is the one behind it.
        return Location.Create(
            path,
            TextSpan.FromBounds(start.Offset, Math.Max(end.Offset, start.Offset) + 1),
            new LinePositionSpan(new LinePosition(start.Line, start.Column), new LinePosition(end.Line, end.Column + 1)));
    }

    private static void CheckLiteral(SyntaxNodeAnalysisContext context, Lazy<CheckedSet> set)
    {
        var literal = (LiteralExpressionSyntax)context.Node;
        var name = literal.Token.ValueText;
        if (name.Length == 0 || name.Length > 200 || !NamesTemplate(context, literal, name) || Exists(set.Value, name))
        {
            return;
        }

        var known = set.Value.Files.Select(file => name.EndsWith(LlmProxy.Prompts.TemplatePaths.Extension, StringComparison.OrdinalIgnoreCase) ? file.Path : TemplateNames.IncludeName(file.Path));
        var near = Suggestion.Nearest(name.Substring(name.LastIndexOf('/') + 1), known);
        context.ReportDiagnostic(Diagnostic.Create(
            Descriptors[Rules.NamedInCode.Id],
            literal.GetLocation(),
            $"There is no template \"{name}\": " + (near is null ? "add it to the folder of the templates, or write one of the constants in Prompts.Names." : $"did you mean \"{near}\"?")));
    }

    /// <summary>A text with the extension of templates, or one that is given to a parameter which is called after them.</summary>
    private static bool NamesTemplate(SyntaxNodeAnalysisContext context, LiteralExpressionSyntax literal, string name)
    {
        const string extension = LlmProxy.Prompts.TemplatePaths.Extension;
        if (name.IndexOfAny(['*', '?', '\n', '{', ' ']) >= 0)
        {
            return false;
        }

        if (name.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
        {
            return name.Length > extension.Length;
        }

        return literal.Parent is ArgumentSyntax argument
            && context.SemanticModel.GetOperation(argument, context.CancellationToken) is IArgumentOperation { Parameter.Name: "templateName" or "templateFile" or "templatePath" };
    }

    /// <summary>Whether the set has the file, also with folders before its path.</summary>
    private static bool Exists(CheckedSet set, string name)
    {
        var path = "/" + name.Replace('\\', '/');
        return set.Files.Any(file =>
            path.EndsWith("/" + file.Path, StringComparison.OrdinalIgnoreCase)
            || path.EndsWith("/" + TemplateNames.IncludeName(file.Path), StringComparison.OrdinalIgnoreCase));
    }
}
