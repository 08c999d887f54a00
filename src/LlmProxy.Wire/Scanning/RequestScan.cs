using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.Scanning;

/// <summary>
/// State of the forward pass over one request body: what was found so far, and the message that is being read.
/// Nothing here grows with the history but the message list and the ids; a message's normalised bytes live in pooled
/// memory until its key is made.
/// </summary>
internal sealed partial class RequestScan : IDisposable
{
    private readonly ByteBuffer _normalised = new(4096);
    private readonly ByteBuffer _text = new();
    private readonly ByteBuffer _calls = new(256);
    private readonly CanonicalJson _canonical;
    private readonly HashSet<string> _knownIds = new(StringComparer.Ordinal);
    private List<string> _callIds = [];
    private List<MessageReading> _messages = [];
    private TurnKey _chain;
    private int _idsBefore;
    private int _turnStart = -1;
    private int _turnEnd;
    private bool _answersCall;
    private int _textBefore;
    private int _callsBefore;
    private int _elements;
    private int _parts;

    private RequestScan(ReadOnlyMemory<byte> body, TurnKeys? keys)
    {
        Body = body;
        Keys = keys;
        Origin = body.Length - LenientJson.WithoutMark(body).Length;
        _canonical = new CanonicalJson(_normalised) { Origin = Origin, OnCallId = AnswerCall, MaxValues = RequestLimits.MaxValues };
    }

    /// <summary>Reads a dialect's body; the reader is on the first token of the object and is left on its last.</summary>
    /// <returns>Whether this is a request of the dialect.</returns>
    public delegate bool BodyReader(RequestScan scan, ref Utf8JsonReader reader);

    /// <summary>Reads an element of a history; the reader is on its first token and is left on its last.</summary>
    public delegate void ElementReader(RequestScan scan, ref Utf8JsonReader reader);

    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Where the reader's bytes begin in the body: after a byte order mark, or after the part of the history that was known.</summary>
    public int Origin { get; private set; }

    /// <summary>Makes the keys; null when only the places of messages are wanted.</summary>
    public TurnKeys? Keys { get; }

    public string? Model { get; set; }

    public bool Stream { get; set; }

    public bool OffersTools { get; set; }

    public string? PreviousResponseId { get; set; }

    public string? ServerConversationId { get; set; }

    public string? SessionHint { get; set; }

    /// <summary>Whether the request asks for a compacted history instead of an answer.</summary>
    public bool IsCompaction { get; set; }

    public PromptInsertion? Insertion { get; set; }

    /// <summary>Places of tool lists.</summary>
    public List<ByteRange> ToolLists { get; } = [];

    /// <summary>Texts of system messages in the history.</summary>
    public List<PromptText> HistoryTexts { get; private set; } = [];

    /// <summary>Texts of the system prompt outside the history.</summary>
    public List<PromptText> PromptTexts { get; } = [];

    /// <summary>Number of system messages in the history so far.</summary>
    public int SystemMessages { get; private set; }

    public IReadOnlyList<MessageReading> Messages => _messages;

    public IReadOnlyList<string> CallIds => _callIds;

    /// <summary>Whether the body exceeds <see cref="RequestLimits"/> and was not read to its end.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Runs a dialect's reader over a body; null if it is no request of the dialect.</summary>
    public static RequestScan? Run(ReadOnlyMemory<byte> body, TurnKeys? keys, BodyReader read)
    {
        using var scan = new RequestScan(body, keys);
        return scan.Run(read, isObject: true) || scan.IsTooLarge ? scan : null;
    }

    /// <summary>The key that a stored message has in a request; an empty one if it cannot be read.</summary>
    /// <param name="message">One element of a history, or an array of those that make up a turn.</param>
    /// <param name="keys">Makes the keys.</param>
    /// <param name="read">The dialect's reader of an element.</param>
    public static TurnKey KeyOf(ReadOnlyMemory<byte> message, TurnKeys keys, ElementReader read)
    {
        using var scan = new RequestScan(message, keys);
        return scan.Run((scan, ref reader) => scan.ReadElements(ref reader, read), isObject: false) && scan._messages.Count > 0 ? scan._messages[^1].Key : default;
    }

    /// <summary>Offset in the body of the token that the reader is on.</summary>
    public int Start(ref Utf8JsonReader reader) => Origin + (int)reader.TokenStartIndex;

    /// <summary>Offset in the body after the token that the reader is on.</summary>
    public int End(ref Utf8JsonReader reader) => Origin + (int)reader.BytesConsumed;

    /// <summary>Skips the value that the reader is on.</summary>
    public ByteRange Skip(ref Utf8JsonReader reader)
    {
        var start = Start(ref reader);
        reader.Skip();
        return new ByteRange(start, End(ref reader) - start);
    }

    /// <summary>The text of a string value; null for another value, which is skipped.</summary>
    public string? String(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return JsonText.Decode(reader.ValueSpan);
        }

        reader.Skip();
        return null;
    }

    /// <summary>Takes a member that requests of all dialects have, or skips it; the reader is on its value.</summary>
    public void ReadCommon(scoped ReadOnlySpan<byte> name, ref Utf8JsonReader reader)
    {
        if (name.SequenceEqual("model"u8))
        {
            Model = String(ref reader);
            return;
        }

        if (name.SequenceEqual("stream"u8))
        {
            Stream = reader.TokenType == JsonTokenType.True;
        }

        reader.Skip();
    }

    /// <summary>The literal of a string; an empty range for any other value, which is skipped.</summary>
    public ByteRange Literal(ref Utf8JsonReader reader)
    {
        var isString = reader.TokenType == JsonTokenType.String;
        var range = Skip(ref reader);
        return isString ? range : default;
    }

    /// <summary>What is between the quotes of a literal.</summary>
    public ReadOnlySpan<byte> Raw(ByteRange literal) => Body.Span.Slice(literal.Start + 1, literal.Length - 2);

    /// <summary>Forgets the history: the body holds it once more, and the last one counts.</summary>
    public void ResetHistory()
    {
        // New lists: the old ones may be kept among the known histories.
        _elements = 0;
        _messages = [];
        _callIds = [];
        _knownIds.Clear();
        _boundaries.Clear();
        HistoryTexts = [];
        SystemMessages = 0;
        _chain = TurnKey.Empty;
        _turnStart = -1;
    }

    /// <summary>Begins the normalised form of a message of the client's.</summary>
    public int OpenClientMessage()
    {
        _answersCall = false;
        _normalised.Clear();
        return _canonical.OpenObject();
    }

    /// <summary>Adds the property whose name the reader is on to a message of the client's.</summary>
    public void AddClientProperty(ref Utf8JsonReader reader, CanonicalRules rules)
    {
        if (Keys is not null)
        {
            _canonical.WriteProperty(ref reader, rules, 1);
        }
        else
        {
            reader.Read();
            reader.Skip();
        }
    }

    /// <summary>Ends the normalised form of a message of the client's.</summary>
    public void CloseClientMessage(int mark) => _canonical.CloseObject(mark);

    /// <summary>Forgets what was read of the message so far.</summary>
    public void Restart(int textLength = 0, int callsLength = 0)
    {
        for (var i = _idsBefore; i < _callIds.Count; i++)
        {
            _knownIds.Remove(_callIds[i]);
        }

        _callIds.RemoveRange(_idsBefore, _callIds.Count - _idsBefore);
        ResetText(textLength);
        ResetCalls(callsLength);
        HistoryTexts.RemoveAll(text => text.Message == SystemMessages);
    }

    /// <summary>Adds a message of the client's whose normalised form was written.</summary>
    public void AddClientMessage(ByteRange range)
    {
        Keys?.Append(_normalised.Span);
        AddMessage(range, isAssistant: false, _answersCall);
        _answersCall = false;
    }

    /// <summary>Adds a value that is no object as a message of the client's.</summary>
    public void AddClientValue(ref Utf8JsonReader reader, CanonicalRules rules)
    {
        var start = Start(ref reader);
        _normalised.Clear();
        if (Keys is not null)
        {
            _canonical.WriteValue(ref reader, rules, 1);
        }
        else
        {
            reader.Skip();
        }

        AddClientMessage(new ByteRange(start, End(ref reader) - start));
    }

    /// <summary>Adds a user message that is a bare string.</summary>
    public void AddClientText(ref Utf8JsonReader reader, CanonicalRules rules)
    {
        _normalised.Clear();
        _normalised.Append("{\"content\":[{\"text\":\""u8);
        JsonText.AppendCanonical(_normalised, reader.ValueSpan);
        _normalised.Append("\",\"type\":\""u8);
        _normalised.Append(rules.TextType);
        _normalised.Append("\",},],\"role\":\"user\",}"u8);
        AddClientMessage(Skip(ref reader));
    }

    /// <summary>Takes an item into the model's turn that is open, or opens one. Items of a turn share one key.</summary>
    public void ExtendTurn(ByteRange item)
    {
        if (_turnStart < 0)
        {
            _turnStart = item.Start;
        }

        _turnEnd = item.End;
    }

    /// <summary>Ends the model's open turn, if there is one.</summary>
    public void EndTurn()
    {
        if (_turnStart >= 0)
        {
            AddModelTurn(new ByteRange(_turnStart, _turnEnd - _turnStart));
            _turnStart = -1;
        }
    }

    /// <summary>Adds text of the model's turn.</summary>
    public void AddText(ReadOnlySpan<byte> raw)
    {
        if (Keys is not null)
        {
            JsonText.AppendUnescaped(_text, raw);
        }
    }

    /// <summary>Length of the turn's text so far.</summary>
    public int TextLength => _text.Length;

    /// <summary>Forgets the turn's text (after a length): it occurs twice and the last one counts.</summary>
    public void ResetText(int length = 0) => _text.Truncate(length);

    /// <summary>Adds a call of the model's turn by its id.</summary>
    public void AddCall(ByteRange idLiteral)
    {
        if (Keys is not null && AddCallId(idLiteral))
        {
            BeginCall();
            JsonText.AppendUnescaped(_calls, Raw(idLiteral));
        }
    }

    /// <summary>Adds a call of the model's turn that has no id.</summary>
    public void AddCall(ReadOnlySpan<byte> name, ReadOnlySpan<byte> arguments)
    {
        if (Keys is not null)
        {
            BeginCall();
            CallKey.AppendTo(_calls, name, arguments);
        }
    }

    /// <summary>Length of the turn's calls so far.</summary>
    public int CallsLength => _calls.Length;

    /// <summary>Forgets the turn's calls (after a length).</summary>
    public void ResetCalls(int length = 0) => _calls.Truncate(length);

    /// <summary>Remembers the id of a call, once.</summary>
    /// <returns>Whether it is an id.</returns>
    public bool AddCallId(ByteRange literal)
    {
        if (Keys is null || literal.Length <= 2)
        {
            return literal.Length > 2;
        }

        Span<char> chars = stackalloc char[128];
        var raw = Raw(literal);
        if (raw.Length <= 128 && System.Text.Ascii.IsValid(raw) && !raw.Contains((byte)'\\'))
        {
            var id = chars[..System.Text.Encoding.ASCII.GetChars(raw, chars)];
            if (_knownIds.GetAlternateLookup<ReadOnlySpan<char>>().Contains(id))
            {
                return true;
            }
        }

        var text = JsonText.Decode(raw);
        if (_knownIds.Add(text))
        {
            _callIds.Add(text);
        }

        return true;
    }

    /// <summary>Remembers what replaces a call's id; nothing for null.</summary>
    public void AddCallId(string? id)
    {
        if (id is not null && _knownIds.Add(id))
        {
            _callIds.Add(id);
        }
    }

    /// <summary>Adds a text of a system message in the history.</summary>
    public void AddSystemText(ByteRange literal) => HistoryTexts.Add(new PromptText(literal, SystemMessages));

    /// <summary>Forgets the texts of the system message that is being read.</summary>
    public void ResetSystemText() => HistoryTexts.RemoveAll(text => text.Message == SystemMessages);

    /// <summary>Ends a system message of the history.</summary>
    public void EndSystemMessage() => SystemMessages++;

    /// <summary>Notes where a message begins, for <see cref="Restart"/>.</summary>
    public void BeginMessage() => _idsBefore = _callIds.Count;

    /// <summary>Counts an element of the history.</summary>
    /// <exception cref="RequestTooLargeException">There are too many.</exception>
    public void CountElement()
    {
        if (++_elements > RequestLimits.MaxMessages)
        {
            throw new RequestTooLargeException();
        }
    }

    /// <summary>Counts a part of a message, or a tool.</summary>
    /// <exception cref="RequestTooLargeException">There are too many.</exception>
    public void CountPart()
    {
        if (++_parts > RequestLimits.MaxValues)
        {
            throw new RequestTooLargeException();
        }
    }

    public void Dispose()
    {
        _normalised.Dispose();
        _text.Dispose();
        _calls.Dispose();
        _canonical.Dispose();
    }

    private bool ReadElements(ref Utf8JsonReader reader, ElementReader read)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            read(this, ref reader);
        }
        else
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                read(this, ref reader);
            }
        }

        EndTurn();
        return true;
    }

    private bool Run(BodyReader read, bool isObject)
    {
        try
        {
            var reader = new Utf8JsonReader(Body.Span[Origin..], new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
            // One more step: what follows the value makes the body broken.
            return reader.Read() && (!isObject || reader.TokenType == JsonTokenType.StartObject) && read(this, ref reader) && !reader.Read();
        }
        catch (RequestTooLargeException)
        {
            IsTooLarge = true;
            return false;
        }
        catch (JsonException)
        {
            IsTooLarge = JsonDepth.IsOver(Body.Span, RequestLimits.MaxDepth);
            return false;
        }
    }

    private void AddModelTurn(ByteRange range)
    {
        if (Keys is not null)
        {
            // The bytes of TurnKeys.AssistantTurn, without the string.
            _normalised.Clear();
            _normalised.Append("assistant\n"u8);
            _normalised.Append(TurnText.ForKey(JsonText.Repair(_text.Span)));
            _normalised.Append(JsonText.Repair(_calls.Span));
            Keys.Append(_normalised.Span);
        }

        AddMessage(range, isAssistant: true);
        ResetText();
        ResetCalls();
    }

    private void AddMessage(ByteRange range, bool isAssistant, bool answersCall = false)
    {
        var key = Keys?.Take() ?? default;
        _chain = Keys?.Chain(_chain, key) ?? default;
        _messages.Add(new MessageReading(range, isAssistant, key, _chain, answersCall));
    }

    private void AnswerCall(ByteRange idLiteral)
    {
        _answersCall = true;
        AddCallId(idLiteral);
    }

    private void BeginCall() => _calls.Append("\0call\0"u8);
}
