using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace LlmProxy.Analyzers.Tests;

/// <summary>A C# project with templates as the compiler sees it, without a disk.</summary>
internal sealed class ProjectInMemory
{
    private const string Folder = "/project/";

    private readonly List<TextFile> _files = [];
    private readonly Dictionary<string, Dictionary<string, string>> _options = new(StringComparer.Ordinal);

    public string Code { get; init; } = "class Nothing { }";

    /// <summary>What <c>.editorconfig</c> says of the C# file.</summary>
    public Dictionary<string, ReportDiagnostic> CodeSeverities { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds a template below <c>templates/</c>.</summary>
    /// <param name="path">Its path in the set.</param>
    /// <param name="text">Its text.</param>
    /// <param name="options">What <c>.editorconfig</c> says of the file.</param>
    public ProjectInMemory Template(string path, string text, params (string Key, string Value)[] options) =>
        Add("templates/" + path, text, [("build_metadata.AdditionalFiles.LlmProxyTemplate", path), .. options]);

    public ProjectInMemory Settings(string text) => Add("proxy.json", text, [("build_metadata.AdditionalFiles.LlmProxySettings", "true")]);

    /// <summary>An additional file of which the project says nothing.</summary>
    public ProjectInMemory Add(string path, string text, params (string Key, string Value)[] options)
    {
        _files.RemoveAll(file => file.Path == Folder + path);
        _files.Add(new TextFile(Folder + path, text));
        _options[Folder + path] = options.ToDictionary(option => option.Key, option => option.Value, StringComparer.OrdinalIgnoreCase);
        return this;
    }

    /// <summary>The analyzer's diagnostics as a build prints them, paths from the project's folder.</summary>
    public async Task<IReadOnlyList<string>> AnalyzeAsync()
    {
        var compilation = Compile();
        var options = new CompilationWithAnalyzersOptions(new AnalyzerOptions([.. _files], new Options(_options)), OnException, concurrentAnalysis: true, logAnalyzerExecutionTime: false);
        var found = await compilation.WithAnalyzers([new TemplateAnalyzer()], options).GetAnalyzerDiagnosticsAsync();
        return [.. found.Select(Print).Order(StringComparer.Ordinal)];

        static void OnException(Exception problem, DiagnosticAnalyzer analyzer, Diagnostic diagnostic) => throw new InvalidOperationException("The analyzer failed.", problem);
    }

    /// <summary>Runs the generator; with the driver of an earlier run it takes over what has not changed.</summary>
    public (GeneratorDriver Driver, Compilation Result, string Code) Generate(GeneratorDriver? driver = null)
    {
        driver ??= CSharpGeneratorDriver.Create(
            [new PromptsGenerator().AsSourceGenerator()],
            _files,
            optionsProvider: new Options(_options),
            driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));
        driver = driver.ReplaceAdditionalTexts([.. _files]).RunGeneratorsAndUpdateCompilation(Compile(), out var result, out var problems);
        Assert.Empty(problems);
        return (driver, result, driver.GetRunResult().GeneratedTrees.SingleOrDefault()?.ToString() ?? "");
    }

    private static string Print(Diagnostic diagnostic)
    {
        var span = diagnostic.Location.GetLineSpan();
        var severity = diagnostic.Severity.ToString().ToLowerInvariant();
        return $"{span.Path.Replace(Folder, "", StringComparison.Ordinal)}({span.StartLinePosition.Line + 1},{span.StartLinePosition.Character + 1},{span.EndLinePosition.Line + 1},{span.EndLinePosition.Character + 1}): {severity} {diagnostic.Id}: {diagnostic.GetMessage(System.Globalization.CultureInfo.InvariantCulture)}";
    }

    private CSharpCompilation Compile() => CSharpCompilation.Create(
        "InMemory",
        [CSharpSyntaxTree.ParseText(Code, path: Folder + "Code.cs")],
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(path => Path.GetFileName(path) is "System.Runtime.dll" or "System.Private.CoreLib.dll" or "System.Collections.dll").Select(path => MetadataReference.CreateFromFile(path)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary).WithSyntaxTreeOptionsProvider(new TreeOptions(CodeSeverities)));

    private sealed class TextFile(string path, string text) : AdditionalText
    {
        private readonly SourceText _text = SourceText.From(text, System.Text.Encoding.UTF8);

        public override string Path { get; } = path;

        public override SourceText GetText(CancellationToken cancellationToken = default) => _text;
    }

    private sealed class Options(Dictionary<string, Dictionary<string, string>> files) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions { get; } = new Values(new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { ["build_property.RootNamespace"] = "My.App" });

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new Values([]);

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => new Values(files.GetValueOrDefault(textFile.Path) ?? []);
    }

    private sealed class Values(Dictionary<string, string> values) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, [NotNullWhen(true)] out string? value) => values.TryGetValue(key, out value);
    }

    private sealed class TreeOptions(Dictionary<string, ReportDiagnostic> severities) : SyntaxTreeOptionsProvider
    {
        public override GeneratedKind IsGenerated(SyntaxTree tree, CancellationToken cancellationToken) => GeneratedKind.NotGenerated;

        public override bool TryGetDiagnosticValue(SyntaxTree tree, string diagnosticId, CancellationToken cancellationToken, out ReportDiagnostic severity) =>
            severities.TryGetValue(diagnosticId, out severity);

        public override bool TryGetGlobalDiagnosticValue(string diagnosticId, CancellationToken cancellationToken, out ReportDiagnostic severity)
        {
            severity = default;
            return false;
        }
    }
}
