using System.Buffers;
using LlmProxy.Prompts;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// Makes recorded text fit to put inside the fence of an example: one line, without the fence's own name and without
/// the marks by which model servers tell roles apart. Whatever a recorded run holds, it cannot leave its fence.
/// </summary>
internal static class FencedText
{
    private static readonly SearchValues<char> Breaks = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(code => (char)code), '\u007F', '\u0085', '\u2028', '\u2029']);

    public static string Clean(string text)
    {
        var line = text.AsSpan().Trim().IndexOfAny(Breaks) < 0 ? text.Trim() : OneLine(text);
        return line
            .Replace(PromptFence.Name, "recorded-run", StringComparison.OrdinalIgnoreCase)
            .Replace("<|", "< |", StringComparison.Ordinal);
    }

    /// <summary>Each run of line ends, control characters and the blanks around them becomes one blank.</summary>
    private static string OneLine(string text)
    {
        var parts = new List<string>();
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOfAny(Breaks);
            var part = (end < 0 ? rest : rest[..end]).Trim();
            if (!part.IsEmpty)
            {
                parts.Add(part.ToString());
            }

            rest = end < 0 ? [] : rest[(end + 1)..];
        }

        return string.Join(' ', parts);
    }
}
