namespace LlmProxy.Wire.Scanning;

/// <summary>
/// What was found in histories that came before. An agent sends its whole history with every call, and all but its end
/// is in the body byte for byte as in the call before: that part is recognised by its bytes and not read
/// again. Only keys and places are kept, no text.
/// </summary>
/// <remarks>
/// Safe for concurrent use. Own code and no library's cache: an entry weighs as much as it has messages, and a lookup that
/// tries hundreds of digests takes the lock once.
/// </remarks>
public sealed class HistoryPrefixCache
{
    // Of both generations together: some 10 MB.
    private const int MaxMessages = 200_000;

    private readonly Lock _lock = new();
    private Dictionary<UInt128, HistoryStart> _young = [];
    private Dictionary<UInt128, HistoryStart> _old = [];
    private int _messages;

    /// <summary>Digests of a history's bytes up to the end of each whole block.</summary>
    /// <param name="kind">Whose messages these are: equal bytes are read differently by different dialects.</param>
    /// <param name="bytes">The bytes from the history's first.</param>
    internal static UInt128[] Digests(DialectKind kind, ReadOnlySpan<byte> bytes)
    {
        var digests = new UInt128[bytes.Length / ByteDigest.BlockBytes];
        var before = new UInt128(0, (ulong)kind + 1);
        for (var i = 0; i < digests.Length; i++)
        {
            digests[i] = before = ByteDigest.OfBlock(before, bytes.Slice(i * ByteDigest.BlockBytes, ByteDigest.BlockBytes));
        }

        return digests;
    }

    /// <summary>The longest known beginning of a history; null where nothing of it is known.</summary>
    internal HistoryStart? Find(ReadOnlySpan<UInt128> digests)
    {
        lock (_lock)
        {
            for (var i = digests.Length - 1; i >= 0; i--)
            {
                if (_young.TryGetValue(digests[i], out var found))
                {
                    return found;
                }

                if (_old.TryGetValue(digests[i], out found))
                {
                    Keep(digests[i], found);
                    return found;
                }
            }
        }

        return null;
    }

    /// <summary>Remembers what precedes a place.</summary>
    internal void Remember(UInt128 digest, HistoryStart start)
    {
        lock (_lock)
        {
            Keep(digest, start);
        }
    }

    private void Keep(UInt128 digest, HistoryStart start)
    {
        if (_young.TryAdd(digest, start))
        {
            _messages += start.Messages;
        }

        if (_messages > MaxMessages / 2)
        {
            // What was not asked for in a whole generation is forgotten.
            (_old, _young, _messages) = (_young, [], 0);
        }
    }
}

/// <summary>
/// How far a history was read at the end of one of its elements. The lists are those of the whole reading and grow no
/// more; only this many of their entries count here.
/// </summary>
/// <param name="Base">Where the history began in the body that was read; places count from there.</param>
/// <param name="End">End of the element, from the history's first byte.</param>
/// <param name="AllMessages">Messages of the reading.</param>
/// <param name="Messages">How many of them precede the end.</param>
/// <param name="AllCallIds">Ids of tool calls of the reading.</param>
/// <param name="CallIds">How many of them precede the end.</param>
/// <param name="AllTexts">Texts of system messages in the history.</param>
/// <param name="Texts">How many of them precede the end.</param>
/// <param name="SystemMessages">System messages before the end.</param>
internal sealed record HistoryStart(
    int Base,
    int End,
    List<MessageReading> AllMessages,
    int Messages,
    List<string> AllCallIds,
    int CallIds,
    List<PromptText> AllTexts,
    int Texts,
    int SystemMessages);
