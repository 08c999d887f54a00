using System.Collections.Concurrent;
using System.Collections.Immutable;
using LlmProxy.Prompts.Checking;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace LlmProxy.Analyzers;

/// <summary>Which additional files are templates, and under which path of their set.</summary>
internal static class TemplateFiles
{
    private const string TemplateMetadata = "build_metadata.AdditionalFiles.LlmProxyTemplate";
    private const string SettingsMetadata = "build_metadata.AdditionalFiles.LlmProxySettings";
    private const string Folder = "/templates/";

    /// <summary>The path in the set; null for a file that is no template.</summary>
    public static string? SetPathOf(AdditionalText file, AnalyzerConfigOptionsProvider options)
    {
        if (!file.Path.EndsWith(LlmProxy.Prompts.TemplatePaths.Extension, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        if (options.GetOptions(file).TryGetValue(TemplateMetadata, out var path) && path.Length > 0)
        {
            return path.Replace('\\', '/');
        }

        // Added to the project by hand: the last folder of that name is taken for the set's.
        path = file.Path.Replace('\\', '/');
        var folder = path.LastIndexOf(Folder, StringComparison.OrdinalIgnoreCase);
        return folder >= 0 ? path.Substring(folder + Folder.Length) : path.Substring(path.LastIndexOf('/') + 1);
    }

    /// <summary>Whether a file is the proxy's settings file.</summary>
    public static bool IsSettings(AdditionalText file, AnalyzerConfigOptionsProvider options) =>
        options.GetOptions(file).TryGetValue(SettingsMetadata, out var mark) ? mark == "true"
        : string.Equals(Path.GetFileName(file.Path), "proxy.json", StringComparison.OrdinalIgnoreCase);
}

/// <summary>The templates of a compilation, with what the checker found in them.</summary>
internal sealed class CheckedSet
{
    private CheckedSet(IReadOnlyList<TemplateFile> files, ILookup<string, TemplateDiagnostic> found)
    {
        Files = files;
        Found = found;
    }

    /// <summary>The files.</summary>
    public IReadOnlyList<TemplateFile> Files { get; }

    /// <summary>What was found, by path in the set; that of the settings file by its full path.</summary>
    public ILookup<string, TemplateDiagnostic> Found { get; }

    /// <summary>Checks what the compiler gives; what was checked before with the same texts is not checked again.</summary>
    public static CheckedSet Of(AnalyzerOptions options, CancellationToken cancellationToken)
    {
        var key = ImmutableArray.CreateBuilder<(string Path, ImmutableArray<byte> Checksum)>();
        var templates = new List<(string Path, SourceText Text)>();
        (string Path, SourceText Text)? settings = null;
        foreach (var file in options.AdditionalFiles)
        {
            var path = TemplateFiles.SetPathOf(file, options.AnalyzerConfigOptionsProvider);
            var isSettings = path is null && TemplateFiles.IsSettings(file, options.AnalyzerConfigOptionsProvider);
            if ((path is null && !isSettings) || file.GetText(cancellationToken) is not { } text)
            {
                continue;
            }

            key.Add((path ?? file.Path, text.GetChecksum()));
            if (path is null)
            {
                settings = (file.Path, text);
            }
            else
            {
                templates.Add((path, text));
            }
        }

        return TextCache.GetSet(key.ToImmutable(), () =>
        {
            var files = templates.Select(template => TextCache.GetFile(template.Path, template.Text)).ToList();
            var found = TemplateChecker.Check(files, settings is { } given ? SettingsFile.Parse(given.Path, given.Text.ToString()) : null);
            return new CheckedSet(files, found.ToLookup(diagnostic => diagnostic.Span.FileName, StringComparer.Ordinal));
        });
    }

    /// <summary>
    /// What was checked, by text. The compiler server outlives a build, so an unchanged template is neither parsed nor
    /// followed again. Small, since the server serves many projects.
    /// </summary>
    private static class TextCache
    {
        private const int MostFiles = 512;
        private const int MostSets = 16;

        private static readonly ConcurrentDictionary<(string Path, string Checksum), TemplateFile> Files = new();
        private static readonly ConcurrentDictionary<string, CheckedSet> Sets = new(StringComparer.Ordinal);

        public static TemplateFile GetFile(string path, SourceText text)
        {
            if (Files.Count > MostFiles)
            {
                Files.Clear();
            }

            return Files.GetOrAdd((path, Hex(text.GetChecksum())), _ => TemplateFile.Parse(path, text.ToString()));
        }

        public static CheckedSet GetSet(ImmutableArray<(string Path, ImmutableArray<byte> Checksum)> key, Func<CheckedSet> check)
        {
            if (Sets.Count > MostSets)
            {
                Sets.Clear();
            }

            return Sets.GetOrAdd(string.Join("\n", key.Select(file => file.Path + "\t" + Hex(file.Checksum))), _ => check());
        }

        private static string Hex(ImmutableArray<byte> checksum) => Convert.ToBase64String([.. checksum]);
    }
}
