using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace LlmProxy.Analyzers.Tests;

/// <summary>A C# project with templates as the compiler shows it to a source generator, without a disk.</summary>
internal sealed class ProjectInMemory
{
    private const string Folder = "/project/";

    private readonly List<TextFile> _files = [];
    private readonly Dictionary<string, Dictionary<string, string>> _options = new(StringComparer.Ordinal);

    public string Code { get; init; } = "class Nothing { }";

    /// <summary>Adds a template below <c>templates/</c>.</summary>
    /// <param name="path">Its path in the set.</param>
    /// <param name="text">Its text.</param>
    public ProjectInMemory Template(string path, string text) =>
        Add("templates/" + path, text, ("build_metadata.AdditionalFiles.LlmProxyTemplate", path));

    /// <summary>An additional file of which the project says nothing.</summary>
    public ProjectInMemory Add(string path, string text, params (string Key, string Value)[] options)
    {
        _files.RemoveAll(file => file.Path == Folder + path);
        _files.Add(new TextFile(Folder + path, text));
        _options[Folder + path] = options.ToDictionary(option => option.Key, option => option.Value, StringComparer.OrdinalIgnoreCase);
        return this;
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

    private CSharpCompilation Compile() => CSharpCompilation.Create(
        "InMemory",
        [CSharpSyntaxTree.ParseText(Code, path: Folder + "Code.cs")],
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(path => Path.GetFileName(path) is "System.Runtime.dll" or "System.Private.CoreLib.dll" or "System.Collections.dll").Select(path => MetadataReference.CreateFromFile(path)),
        new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));

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
}
