using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Prompts;
using LlmProxy.Prompts.Checking;
using Scriban;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// A set of template files that belong together, parsed. Never changes; a task that was started with a set keeps it
/// (by <see cref="Hash"/>), whatever happens to the files. Safe for concurrent use.
/// </summary>
public sealed class TemplateSet
{
    private const string Extension = TemplatePaths.Extension;

    private static readonly Lazy<TemplateSet> LazyShipped = new(() => Parse(Prompts.Files));

    private readonly FrozenDictionary<string, Template> _templates;
    private readonly Lazy<IReadOnlyList<TemplateDiagnostic>> _diagnostics;
    private readonly Lazy<IReadOnlyList<TemplateProblem>> _problems;

    private TemplateSet(FrozenDictionary<string, string> files)
    {
        Files = files;
        Hash = HashOf(files);
        var parsed = files.Select(file => TemplateFile.Parse(file.Key, file.Value)).ToList();
        _templates = parsed.ToFrozenDictionary(file => file.Path, file => file.Template, StringComparer.Ordinal);

        // A set that comes with a pin is rendered at once and was checked when it was taken up.
        _diagnostics = new(() => TemplateChecker.Check(parsed));
        _problems = new(FindProblems);
    }

    /// <summary>The set without any file: no prompt is rewritten with it.</summary>
    public static TemplateSet Empty { get; } = new(FrozenDictionary<string, string>.Empty);

    /// <summary>The set that is built in.</summary>
    public static TemplateSet Shipped => LazyShipped.Value;

    /// <summary>The files: path in the set, with <c>/</c>, to text.</summary>
    public IReadOnlyDictionary<string, string> Files { get; }

    /// <summary>SHA-256 over names and texts, in hexadecimal digits. Equal for equal sets on every machine.</summary>
    public string Hash { get; }

    /// <summary>What the checker says of the files, warnings included.</summary>
    public IReadOnlyList<TemplateDiagnostic> Diagnostics => _diagnostics.Value;

    /// <summary>Why the set is not used: the checker's errors, else what fails on a made-up request. Empty for a sound set.</summary>
    public IReadOnlyList<TemplateProblem> Problems => _problems.Value;

    /// <summary>The templates that are chosen by provider and model; the others are there to be included.</summary>
    internal IEnumerable<string> Roots => Files.Keys
        .Where(file => TemplatePaths.IsProviderTemplate(file, PromptBudget.Providers))
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
    /// else <c>PROVIDER.sbn</c>, else <c>proxy.sbn</c> (Claude never gets the advice for unknown models). Case is
    /// ignored.
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
            ?? (string.Equals(provider, "anthropic", StringComparison.OrdinalIgnoreCase) ? null : FindFile(Prompts.Proxy.Path));
    }

    /// <summary>The file that <c>include</c> means by a name: with or without extension, always from the set's root.</summary>
    internal string? Resolve(string name) => TemplatePaths.Resolve(name, Files.ContainsKey);

    // Names that differ in case alone are settled by ordinal order, so that every replica chooses the same one.
    private static bool IsBetter(string file, string? best)
        => best is null || file.Length > best.Length || (file.Length == best.Length && string.CompareOrdinal(file, best) < 0);

    private string? FindFile(string name)
        => Files.ContainsKey(name) ? name : Files.Keys.Where(file => file.Equals(name, StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).FirstOrDefault();

    /// <summary>The checker's errors, else those of a rendering; its warnings keep no set from being used.</summary>
    private IReadOnlyList<TemplateProblem> FindProblems()
    {
        TemplateProblem[] errors = [.. Diagnostics.Where(found => found.Rule.Severity == RuleSeverity.Error).Select(TemplateProblem.Of)];
        return errors.Length > 0 ? errors : TemplateTrial.Run(this);
    }

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
}
