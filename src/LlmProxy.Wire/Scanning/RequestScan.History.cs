using System.Runtime.InteropServices;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>The beginning of a history that stood in an earlier call: recognised by its bytes, and not read again.</summary>
internal sealed partial class RequestScan
{
    // At the end of a history: clients mark the last messages for caching and unmark those that were last before.
    private const int ChangingMessages = 4;

    private static readonly JsonReaderState BehindElement = ReadElement();

    private readonly List<Boundary> _boundaries = [];
    private UInt128[] _digests = [];
    private HistoryStart? _resumed;
    private int _historyStart;

    /// <summary>
    /// Begins an array with the history, on whose first token the reader is. Where its beginning is known, the
    /// reader is moved after that part; it is on the end of an element then.
    /// </summary>
    public void BeginHistory(ref Utf8JsonReader reader, DialectKind kind)
    {
        _historyStart = Start(ref reader);
        if (Keys?.Known is not { } known)
        {
            return;
        }

        _digests = HistoryPrefixCache.Digests(kind, Body.Span[_historyStart..]);
        _resumed = known.Find(_digests);
        if (_resumed is not { } start)
        {
            return;
        }

        var shift = _historyStart - start.Base;
        _messages.EnsureCapacity(start.Messages + 8);
        foreach (var message in CollectionsMarshal.AsSpan(start.AllMessages)[..start.Messages])
        {
            _messages.Add(message with { Range = message.Range with { Start = message.Range.Start + shift } });
        }

        foreach (var id in CollectionsMarshal.AsSpan(start.AllCallIds)[..start.CallIds])
        {
            _knownIds.Add(id);
            _callIds.Add(id);
        }

        foreach (var text in CollectionsMarshal.AsSpan(start.AllTexts)[..start.Texts])
        {
            HistoryTexts.Add(text with { Literal = text.Literal with { Start = text.Literal.Start + shift } });
        }

        SystemMessages = start.SystemMessages;
        _elements = start.Messages + start.SystemMessages;
        _chain = _messages.Count == 0 ? TurnKey.Empty : _messages[^1].Chain;
        Origin = _historyStart + start.End;
        _canonical.Origin = Origin;
        reader = new Utf8JsonReader(Body.Span[Origin..], isFinalBlock: true, BehindElement);
    }

    /// <summary>Notes that an element of the history was read.</summary>
    public void EndElement(ref Utf8JsonReader reader)
    {
        // Within a model's turn of several items there is no place to continue from.
        if (_digests.Length > 0 && _turnStart < 0)
        {
            _boundaries.Add(new Boundary(End(ref reader) - _historyStart, _messages.Count, _callIds.Count, HistoryTexts.Count, SystemMessages));
        }
    }

    /// <summary>Ends the history, on whose last token the reader is, and remembers it for the call that continues from it.</summary>
    public void EndHistory(ref Utf8JsonReader reader)
    {
        if (_digests.Length == 0 || Keys?.Known is not { } known)
        {
            return;
        }

        // What comes next begins with all of this, or, where the client moves its cache marks or adds to its last
        // message, with all but the last few messages.
        var end = End(ref reader) - _historyStart - 1;
        Remember(known, end);
        if (_boundaries.FindLastIndex(b => b.Messages <= _messages.Count - ChangingMessages) is >= 0 and var index)
        {
            Remember(known, _boundaries[index].End);
        }
    }

    private void Remember(HistoryPrefixCache known, int end)
    {
        var blocks = end / ByteDigest.BlockBytes;
        if (blocks == 0)
        {
            return;
        }

        var at = _boundaries.FindLastIndex(b => b.End <= blocks * ByteDigest.BlockBytes);
        if (at >= 0)
        {
            var (place, messages, callIds, texts, systemMessages) = _boundaries[at];
            known.Remember(_digests[blocks - 1], new HistoryStart(_historyStart, place, _messages, messages, _callIds, callIds, HistoryTexts, texts, systemMessages));
        }
        else if (_resumed is { } start && start.End <= blocks * ByteDigest.BlockBytes)
        {
            // One long message follows what was known: the same place is found again after more of its bytes.
            known.Remember(_digests[blocks - 1], start);
        }
    }

    /// <summary>The state of a reader that is on the end of an element of an array in the body's object.</summary>
    private static JsonReaderState ReadElement()
    {
        var reader = new Utf8JsonReader("{\"\":[{}"u8, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { MaxDepth = JsonText.MaxDepth }));
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
        }

        return reader.CurrentState;
    }

    /// <summary>What was read at the end of an element of the history; the end counts from the history's first byte.</summary>
    private readonly record struct Boundary(int End, int Messages, int CallIds, int Texts, int SystemMessages);
}
