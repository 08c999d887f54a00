using System.Globalization;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>Names that a consumer takes: letters, digits, _ and -, at most 64.</summary>
internal sealed class ConsumerNames(bool beginWithLetter)
{
    private readonly Dictionary<string, string> _given = new(StringComparer.Ordinal);

    /// <summary>Whether a consumer takes a text as a name or id: 1 to 64 letters, digits, _ and -.</summary>
    public static bool Takes(string? text) => text is { Length: >= 1 and <= 64 } && text.All(IsOf);

    public string Of(string name)
    {
        if (_given.TryGetValue(name, out var given))
        {
            return given;
        }

        var clean = string.Concat(name.Select(c => IsOf(c) ? c : '_'));
        clean = clean.Length == 0 ? "tool" : !beginWithLetter || char.IsAsciiLetter(clean[0]) || clean[0] == '_' ? clean : "_" + clean;
        clean = clean.Length > 64 ? clean[..64] : clean;
        for (var i = 2; _given.ContainsValue(clean); i++)
        {
            var end = i.ToString(CultureInfo.InvariantCulture);
            clean = clean[..Math.Min(clean.Length, 63 - end.Length)] + "_" + end;
        }

        return _given[name] = clean;
    }

    private static bool IsOf(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';
}
