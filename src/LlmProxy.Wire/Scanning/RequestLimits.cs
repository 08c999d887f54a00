using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>
/// What a request may hold and still be read. A kilobyte of gzip can hold a million messages, which cost seconds to read
/// and to record; a request over these limits is reported as <see cref="RequestReading.IsTooLarge"/>.
/// </summary>
public static class RequestLimits
{
    /// <summary>
    /// Messages (items) of a history. A context of a million tokens holds 20 000 messages of 50 tokens each; the longest
    /// runs of coding agents have some thousand.
    /// </summary>
    public const int MaxMessages = 20_000;

    /// <summary>
    /// Parts of messages, and JSON values in them: 50 for each of the most messages. Structured tool results are one string
    /// each, however long.
    /// </summary>
    public const int MaxValues = 1_000_000;

    /// <summary>Levels of nesting.</summary>
    public const int MaxDepth = JsonText.MaxDepth;
}
