using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Trajectories;
using LlmProxy.Templates;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// A set of template files that belong together, parsed. Never changes; a task that was started with a set keeps it
/// (by <see cref="Hash"/>), whatever happens to the files. Safe for concurrent use.
/// </summary>
public sealed class TemplateSet
{
    private const string Extension = ".sbn";

    private static readonly string[] Providers = ["openai", "gemini", "proxy", "anthropic"];
    private static readonly Lazy<TemplateSet> LazyShipped = new(() => Parse(ReadShipped()));

    private readonly FrozenDictionary<string, Template> _templates;

    private TemplateSet(FrozenDictionary<string, string> files)
    {
        Files = files;
        Hash = HashOf(files);
        _templates = files.ToFrozenDictionary(file => file.Key, file => Template.Parse(file.Value, file.Key), StringComparer.Ordinal);
        Problems = [.. _templates.OrderBy(template => template.Key, StringComparer.Ordinal).SelectMany(template => ProblemsOf(template.Value))];
        if (Problems.Count == 0)
        {
            Problems = TemplateTrial.Run(this);
        }
    }

    /// <summary>The set without any file: no prompt is rewritten with it.</summary>
    public static TemplateSet Empty { get; } = new(FrozenDictionary<string, string>.Empty);

    /// <summary>The set that is built in.</summary>
    public static TemplateSet Shipped => LazyShipped.Value;

    /// <summary>The files: path in the set, with <c>/</c>, to text.</summary>
    public IReadOnlyDictionary<string, string> Files { get; }

    /// <summary>SHA-256 over names and texts, in hexadecimal digits. Equal for equal sets on every machine.</summary>
    public string Hash { get; }

    /// <summary>What is wrong with the files: texts that do not parse, and templates that fail on a made-up request.</summary>
    public IReadOnlyList<TemplateProblem> Problems { get; }

    /// <summary>The templates that are chosen by provider and model; the others are there to be included.</summary>
    internal IEnumerable<string> Roots => Files.Keys
        .Where(file => file.EndsWith(Extension, StringComparison.OrdinalIgnoreCase) && Providers.Contains(FirstName(file), StringComparer.OrdinalIgnoreCase))
        .Order(StringComparer.Ordinal);

    internal IReadOnlyDictionary<string, Template> Templates => _templates;

    /// <summary>Makes a set. Broken templates do not throw; they are in <see cref="Problems"/>.</summary>
    /// <param name="files">Path in the set to text. <c>\</c> counts as <c>/</c>.</param>
    public static TemplateSet Parse(IReadOnlyDictionary<string, string> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        return new TemplateSet(files.ToFrozenDictionary(file => file.Key.Replace('\\', '/'), file => file.Value, StringComparer.Ordinal));
    }

    /// <summary>
    /// The file for a request: <c>PROVIDER/PREFIX.sbn</c> with the longest prefix that the model's name begins with,
    /// else <c>PROVIDER.sbn</c>, else <c>proxy.sbn</c> (Claude never gets the advice for unknown models). Upper and
    /// lower case are not told apart.
    /// </summary>
    /// <returns>The file, or null where the set has none.</returns>
    public string? Select(string provider, string model)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(model);
        var folder = provider + "/";
        string? best = null;
        foreach (var file in Files.Keys)
        {
            if (file.Length > folder.Length + Extension.Length
                && file.StartsWith(folder, StringComparison.OrdinalIgnoreCase)
                && file.EndsWith(Extension, StringComparison.OrdinalIgnoreCase)
                && model.AsSpan().StartsWith(file.AsSpan()[folder.Length..^Extension.Length], StringComparison.OrdinalIgnoreCase)
                && IsBetter(file, best))
            {
                best = file;
            }
        }

        return best
            ?? FindFile(provider + Extension)
            ?? (string.Equals(provider, "anthropic", StringComparison.OrdinalIgnoreCase) ? null : FindFile("proxy" + Extension));
    }

    /// <summary>The file that <c>include</c> means by a name: with or without extension, always from the set's root.</summary>
    internal string? Resolve(string name)
    {
        var path = name.Replace('\\', '/');
        path = path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;
        return Files.ContainsKey(path) ? path : Files.ContainsKey(path + Extension) ? path + Extension : null;
    }

    // Names that differ in case alone are settled by ordinal order, so that every replica chooses the same one.
    private static bool IsBetter(string file, string? best)
        => best is null || file.Length > best.Length || (file.Length == best.Length && string.CompareOrdinal(file, best) < 0);

    private static string FirstName(string file)
    {
        var end = file.IndexOfAny(['/', '.']);
        return end < 0 ? file : file[..end];
    }

    private string? FindFile(string name)
        => Files.ContainsKey(name) ? name : Files.Keys.Where(file => file.Equals(name, StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).FirstOrDefault();

    internal static TemplateProblem FirstProblemOf(Template template) => ProblemsOf(template).First();

    private static IEnumerable<TemplateProblem> ProblemsOf(Template template)
        => template.HasErrors ? template.Messages.Where(message => message.Type == ParserMessageType.Error).Select(message => TemplateTrial.ProblemAt(message.Span, message.Message)) : [];

    /// <summary>Names and texts each with their length before them, so that no two sets run into one another.</summary>
    private static string HashOf(FrozenDictionary<string, string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach (var (name, text) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            foreach (var part in (string[])[name, text])
            {
                var bytes = Encoding.UTF8.GetBytes(part);
                BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
                hash.AppendData(length);
                hash.AppendData(bytes);
            }
        }

        return new ContentHash(Convert.ToHexStringLower(hash.GetHashAndReset())).Value;
    }

    private static Dictionary<string, string> ReadShipped()
    {
        const string folder = "templates/";
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        var assembly = typeof(TemplateSet).Assembly;
        foreach (var name in assembly.GetManifestResourceNames())
        {
            var path = name.Replace('\\', '/');
            if (path.StartsWith(folder, StringComparison.Ordinal))
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                files[path[folder.Length..]] = reader.ReadToEnd();
            }
        }

        return files;
    }
}
