using System.Security.Cryptography;
using System.Text;

namespace LlmProxy.Wire.Translation;

/// <summary>Names of tools in the alphabet and length of a target, and back.</summary>
internal sealed class ToolNames(DialectKind target)
{
    private readonly Dictionary<string, ToolName> _byTarget = new(StringComparer.Ordinal);
    private readonly Dictionary<(string? Namespace, string Name), string> _bySource = [];

    public IReadOnlyDictionary<string, ToolName> ByTarget => _byTarget;

    /// <summary>The target's name for a tool. A name that fits stays; the names of the tools offered are mapped before those of the history.</summary>
    public string Map(string name, string? holder, bool isFreeText)
    {
        if (_bySource.TryGetValue((holder, name), out var known))
        {
            return known;
        }

        var full = holder is null ? name : $"{holder}__{name}";
        var mapped = Fits(full) ? full : Shorten(full, full);
        for (var round = 0; _byTarget.ContainsKey(mapped); round++)
        {
            mapped = Shorten(full, $"{full}#{round}");
        }

        _bySource[(holder, name)] = mapped;
        _byTarget[mapped] = new ToolName(name, holder, isFreeText);
        return mapped;
    }

    /// <summary>The target's name for a tool by its bare name, in any namespace.</summary>
    public string Find(string name) =>
        _bySource.TryGetValue((null, name), out var plain) ? plain
        : _bySource.FirstOrDefault(entry => entry.Key.Name == name).Value ?? Map(name, null, isFreeText: false);

    private int Limit => target == DialectKind.AnthropicMessages ? 128 : 64;

    private bool Fits(string name) =>
        name.Length > 0 && name.Length <= Limit && name.All(IsAllowed) && (target != DialectKind.Gemini || char.IsAsciiLetter(name[0]) || name[0] == '_');

    private static bool IsAllowed(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-';

    private string Shorten(string name, string seed)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(seed)).AsSpan(0, 4));
        var clean = string.Concat(name.Select(letter => IsAllowed(letter) ? letter : '_'));
        clean = clean.Length > 0 && (char.IsAsciiLetter(clean[0]) || clean[0] == '_') ? clean : "_" + clean;
        return $"{clean[..Math.Min(clean.Length, Limit - 9)]}_{hash}";
    }
}
