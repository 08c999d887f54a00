namespace LlmProxy.Wire.Messages;

/// <summary>What represents a compacted history where clients give it back without an id: the end of its content.</summary>
internal static class CompactionMark
{
    private const string Prefix = "compaction:";
    private const int Length = 64;

    /// <summary>The mark of a content; null for none.</summary>
    public static string? Of(string? content) =>
        string.IsNullOrWhiteSpace(content) ? null : Prefix + (content.Length > Length ? content[^Length..] : content);

    /// <summary>Whether a reply's mark is one of a compacted history.</summary>
    public static bool Is(string mark) => mark.StartsWith(Prefix, StringComparison.Ordinal);
}
