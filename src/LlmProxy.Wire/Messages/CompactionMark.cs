namespace LlmProxy.Wire.Messages;

/// <summary>What represents a compacted history where clients give it back without an id: the end of its content.</summary>
internal static class CompactionMark
{
    private const int Length = 64;

    /// <summary>The mark of a content; null for none.</summary>
    public static string? Of(string? content) =>
        string.IsNullOrWhiteSpace(content) ? null : "compaction:" + (content.Length > Length ? content[^Length..] : content);
}
