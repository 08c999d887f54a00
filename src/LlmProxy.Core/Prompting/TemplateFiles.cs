using System.Globalization;
using System.Text;

namespace LlmProxy.Core.Prompting;

/// <summary>The template files of a folder on the disk.</summary>
public static class TemplateFiles
{
    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, MatchCasing = MatchCasing.CaseInsensitive, MaxRecursionDepth = 8 };

    /// <summary>
    /// Names, sizes and times of the files: cheap to get, and different after every change that an editor makes.
    /// Null where the folder is missing or holds no template.
    /// </summary>
    public static string? Stamp(string directory)
    {
        var folder = new DirectoryInfo(directory);
        if (!folder.Exists)
        {
            return null;
        }

        var stamp = new StringBuilder();
        foreach (var file in folder.EnumerateFiles("*.sbn", Everywhere).OrderBy(file => file.FullName, StringComparer.Ordinal))
        {
            // Mounted configuration is often links whose targets are exchanged: the target's time counts, not the link's.
            var target = file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
            stamp.Append(CultureInfo.InvariantCulture, $"{file.FullName}|{target.Length}|{target.LastWriteTimeUtc.Ticks}\n");
        }

        return stamp.Length == 0 ? null : stamp.ToString();
    }

    /// <summary>The texts, by path below the folder with <c>/</c>.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file must not be read.</exception>
    public static Dictionary<string, string> Read(string directory)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in Directory.EnumerateFiles(directory, "*.sbn", Everywhere))
        {
            files[Path.GetRelativePath(directory, path).Replace('\\', '/')] = File.ReadAllText(path);
        }

        return files;
    }
}
