using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>The set of templates as one rendering sees it.</summary>
internal sealed class TemplateIndex
{
    private readonly Dictionary<string, TemplateFile> _files;

    public TemplateIndex(IEnumerable<TemplateFile> files)
    {
        _files = new Dictionary<string, TemplateFile>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            _files[file.Path] = file;
        }

        Files = [.. _files.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];
        PassedArguments = PassedTo(Files);
    }

    /// <summary>The files by path.</summary>
    public IReadOnlyList<TemplateFile> Files { get; }

    /// <summary>The names of the arguments that any include gives to a file.</summary>
    public IReadOnlyDictionary<string, HashSet<string>> PassedArguments { get; }

    public static string NameOf(string path) => path.EndsWith(TemplatePaths.Extension, StringComparison.OrdinalIgnoreCase)
        ? path.Substring(0, path.Length - TemplatePaths.Extension.Length)
        : path;

    /// <summary>The file that <c>include</c> means by a name.</summary>
    public TemplateFile? Resolve(string name)
    {
        var path = TemplatePaths.Resolve(name, _files.ContainsKey);
        return path is null ? null : _files[path];
    }

    /// <summary>The files that a file includes by a name that stands in it, and those that they include.</summary>
    public HashSet<TemplateFile> ReachedFrom(TemplateFile root)
    {
        var reached = new HashSet<TemplateFile> { root };
        var open = new Queue<TemplateFile>([root]);
        while (open.Count > 0)
        {
            foreach (var include in open.Dequeue().Names.Includes)
            {
                if (NameUse.IncludedName(include) is { } name && Resolve(name) is { } file && reached.Add(file))
                {
                    open.Enqueue(file);
                }
            }
        }

        return reached;
    }

    private Dictionary<string, HashSet<string>> PassedTo(IEnumerable<TemplateFile> files)
    {
        var passed = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var include in files.SelectMany(file => file.Names.Includes))
        {
            if (NameUse.IncludedName(include) is { } name && Resolve(name) is { } target)
            {
                if (!passed.TryGetValue(target.Path, out var names))
                {
                    passed[target.Path] = names = new HashSet<string>(StringComparer.Ordinal);
                }

                names.UnionWith(include.Arguments.OfType<ScriptNamedArgument>().Select(argument => argument.Name!.Name));
            }
        }

        return passed;
    }
}
