using System.Globalization;
using System.Text.Json.Nodes;
using LlmProxy.Core.Prompting;
using LlmProxy.Prompts.Checking;
using LlmProxy.Server.Hosting;

namespace LlmProxy.Server.Cli.Verbs;

/// <summary>Checks templates by their rules without a build.</summary>
internal static class TemplateCheck
{
    /// <summary>Checks a folder, or the templates that the proxy would use.</summary>
    /// <returns>1 when a template has an error, else 0.</returns>
    public static int Run(CliConsole console, ProxyConfiguration configuration, string? folder, bool asJson)
    {
        // 1. The files, under the paths that the caller would open.
        var (place, files) = Read(configuration, folder);
        var settings = configuration.File is { } file ? SettingsFile.Parse(Relative(file), File.ReadAllText(file)) : null;

        // 2. Check them.
        var found = TemplateChecker.Check(files.Select(pair => TemplateFile.Parse(pair.Key, pair.Value)), settings)
            .Select(diagnostic => diagnostic.Span.FileName == settings?.Path ? diagnostic : diagnostic with { Span = diagnostic.Span with { FileName = place(diagnostic.Span.FileName) } })
            .ToList();

        // 3. Report in a compiler's format.
        var errors = found.Count(diagnostic => diagnostic.Rule.Severity == RuleSeverity.Error);
        if (asJson)
        {
            console.Json(new JsonObject
            {
                ["templates"] = files.Count,
                ["errors"] = errors,
                ["warnings"] = found.Count - errors,
                ["items"] = new JsonArray([.. found.Select(ToJson)]),
            });
        }
        else
        {
            foreach (var diagnostic in found)
            {
                console.Line(diagnostic.ToString());
            }

            console.Line(string.Create(CultureInfo.InvariantCulture, $"{files.Count} templates, {errors} errors, {found.Count - errors} warnings"));
        }

        return errors > 0 ? ExitCodes.Failed : ExitCodes.Done;
    }

    private static (Func<string, string> Place, IReadOnlyDictionary<string, string> Files) Read(ProxyConfiguration configuration, string? folder)
    {
        var directory = Path.GetFullPath(folder ?? configuration.Resolve(configuration.Options.Prompts.Directory));
        if (!Directory.Exists(directory))
        {
            return folder is null
                ? (name => "(built in) " + name, TemplateSet.Shipped.Files)
                : throw new CliException($"Folder not found: {directory}. Name the folder of the templates.", ExitCodes.WrongUsage);
        }

        var files = TemplateFiles.Read(directory);
        return files.Count > 0
            ? (name => Relative(Path.Combine(directory, name.Replace('/', Path.DirectorySeparatorChar))), files)
            : throw new CliException($"{directory} contains no template. Template files end with .sbn.", ExitCodes.WrongUsage);
    }

    private static string Relative(string path)
    {
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }

    private static JsonObject ToJson(TemplateDiagnostic diagnostic) => new()
    {
        ["path"] = diagnostic.Span.FileName,
        ["line"] = diagnostic.Line,
        ["column"] = diagnostic.Column,
        ["endLine"] = diagnostic.Span.End.Line + 1,
        ["endColumn"] = diagnostic.Span.End.Column + 1,
        ["severity"] = diagnostic.Rule.Severity == RuleSeverity.Error ? "error" : "warning",
        ["id"] = diagnostic.Rule.Id,
        ["message"] = diagnostic.Message,
    };
}
