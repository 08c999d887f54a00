using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Testing;
using Microsoft.CodeAnalysis.Testing;

namespace LlmProxy.Analyzers.Tests;

/// <summary>A C# project with templates and the configuration files that a build would make and read.</summary>
internal sealed partial class TemplateProject
{
    private const string Folder = "/project/";

    private readonly Dictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly StringBuilder _metadata = new("is_global = true\n");

    public string Code { get; init; } = "class Nothing { }";

    /// <summary>The text of <c>.editorconfig</c>.</summary>
    public string EditorConfig { get; init; } = "";

    /// <summary>Adds a template below <c>templates/</c>, or gives it another text.</summary>
    public TemplateProject Template(string path, string text) => Add("templates/" + path, text, "LlmProxyTemplate = " + path);

    public TemplateProject Settings(string text) => Add("proxy.json", text, "LlmProxySettings = true");

    /// <summary>Adds an additional file.</summary>
    /// <param name="path">Its path in the project.</param>
    /// <param name="text">Its text.</param>
    /// <param name="metadata">What the project says of the file, or null.</param>
    public TemplateProject Add(string path, string text, string? metadata = null)
    {
        if (_files.TryAdd(Folder + path, text) && metadata is not null)
        {
            _metadata.Append(CultureInfo.InvariantCulture, $"\n[{Folder}{path}]\nbuild_metadata.AdditionalFiles.{metadata}\n");
        }

        _files[Folder + path] = text;
        return this;
    }

    /// <summary>Runs the analyzer, and fails unless it reports exactly these.</summary>
    /// <param name="expected">As <c>path(line,column,endLine,endColumn): severity id: message</c>.</param>
    public async Task ReportsAsync(params string[] expected)
    {
        var test = new CSharpAnalyzerTest<TemplateAnalyzer, DefaultVerifier>
        {
            // Nothing is fetched: the code needs the runtime alone.
            ReferenceAssemblies = new ReferenceAssemblies("net10.0"),
            TestBehaviors = TestBehaviors.SkipGeneratedCodeCheck | TestBehaviors.SkipSuppressionCheck,
        };
        test.TestState.Sources.Add((Folder + "Code.cs", Code));
        test.TestState.AnalyzerConfigFiles.Add(("/.globalconfig", _metadata.ToString()));
        test.TestState.AnalyzerConfigFiles.Add((Folder + ".editorconfig", "root = true\n" + EditorConfig));
        foreach (var path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(path => Path.GetFileName(path) is "System.Runtime.dll" or "System.Private.CoreLib.dll"))
        {
            test.TestState.AdditionalReferences.Add(MetadataReference.CreateFromFile(path));
        }

        foreach (var (path, text) in _files)
        {
            test.TestState.AdditionalFiles.Add((path, text));
        }

        test.TestState.ExpectedDiagnostics.AddRange(expected.Select(Read));
        await test.RunAsync();
    }

    private static DiagnosticResult Read(string text)
    {
        var match = Line().Match(text);
        Assert.True(match.Success, text);
        var severity = match.Groups["severity"].Value == "error" ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning;
        return new DiagnosticResult(match.Groups["id"].Value, severity)
            .WithSpan(Folder + match.Groups["path"].Value, Number("line"), Number("column"), Number("endLine"), Number("endColumn"))
            .WithMessage(match.Groups["message"].Value);

        int Number(string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"^(?<path>[^(]+)\((?<line>\d+),(?<column>\d+),(?<endLine>\d+),(?<endColumn>\d+)\): (?<severity>error|warning) (?<id>\w+): (?<message>.+)$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Line();
}
