using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;

namespace LlmProxy.Wire.Scanning;

/// <summary>
/// What a scan found in a request, as places: it reads the same in any copy of the body, and holds on to none.
/// </summary>
internal sealed class RequestPlaces
{
    private readonly MessageReader _reader;
    private readonly string? _model;
    private readonly bool _stream;
    private readonly bool _offersTools;
    private readonly bool _isCompaction;
    private readonly string? _previousResponseId;
    private readonly string? _serverConversationId;
    private readonly string? _sessionHint;
    private readonly PromptInsertion? _insertion;
    private readonly IReadOnlyList<MessageReading> _messages;
    private readonly IReadOnlyList<string> _callIds;
    private readonly List<ByteRange> _toolLists;
    private readonly List<PromptText> _systemTexts;
    private readonly List<PromptText> _promptTexts;
    private readonly List<PromptText> _historyTexts;

    public RequestPlaces(RequestScan scan, MessageReader reader, bool historyTextsCount = true)
    {
        _reader = reader;
        _model = scan.Model;
        _stream = scan.Stream;
        _offersTools = scan.OffersTools;
        _isCompaction = scan.IsCompaction;
        _previousResponseId = scan.PreviousResponseId;
        _serverConversationId = scan.ServerConversationId;
        _sessionHint = scan.SessionHint;
        _insertion = scan.Insertion;
        _messages = scan.Messages;
        _callIds = scan.CallIds;
        _toolLists = scan.ToolLists;
        _promptTexts = scan.PromptTexts;
        _historyTexts = scan.HistoryTexts;
        _systemTexts = SystemTexts(historyTextsCount);
    }

    private RequestPlaces(RequestPlaces places, string? previousResponseId)
    {
        _reader = places._reader;
        _model = places._model;
        _stream = places._stream;
        _offersTools = places._offersTools;
        _isCompaction = places._isCompaction;
        _previousResponseId = previousResponseId;
        _serverConversationId = places._serverConversationId;
        _sessionHint = places._sessionHint;
        _insertion = places._insertion;
        _messages = places._messages;
        _callIds = places._callIds;
        _toolLists = places._toolLists;
        _promptTexts = places._promptTexts;
        _historyTexts = places._historyTexts;
        _systemTexts = previousResponseId is null && _serverConversationId is null ? SystemTexts(historyTextsCount: true) : places._systemTexts;
    }

    /// <summary>The same request as one that continues another response.</summary>
    /// <param name="previousResponseId">Id of that response; null if the request begins its history.</param>
    public RequestPlaces Continuing(string? previousResponseId) => new(this, previousResponseId);

    /// <summary>The request in a copy of its body.</summary>
    /// <param name="body">The copy.</param>
    /// <param name="isTranslated">Whether that is no copy of what was sent: the places are of no use elsewhere then.</param>
    public RequestReading In(ReadOnlyMemory<byte> body, bool isTranslated = false) => new()
    {
        Body = body,
        Places = isTranslated ? null : this,
        Model = _model,
        Stream = _stream,
        SystemTexts = _systemTexts,
        DefaultSystemText = _systemTexts.Count == 0 ? -1 : _systemTexts.FindLastIndex(text => text.Message == _systemTexts[0].Message),
        Insertion = _systemTexts.Count == 0 ? _insertion : null,
        Messages = _messages,
        ToolCallIds = _callIds,
        OffersTools = _offersTools,
        IsCompaction = _isCompaction,
        PreviousResponseId = _previousResponseId,
        ServerConversationId = _serverConversationId,
        SessionHint = _sessionHint,
        IsContinuation = _previousResponseId is not null || _serverConversationId is not null || HasAssistant(_messages),
        ReadTools = () => [.. ToolLists.Read(body, _toolLists).Select(tool => new ToolOffer(tool.Name, tool.Description))],
        ReadFirstUserText = () => UserText(_messages, body, _reader),
        ReadLastUserText = () => UserText(_messages.Reverse(), body, _reader),
        ReadMessage = i => _reader.Read(Cut(body, _messages[i], _reader)).Message,
        ReadSystemPrompt = () => SystemPrompt(body, _promptTexts, _historyTexts),
        ReadToolsJson = () => ToolLists.Json(body, _toolLists),
        SystemPromptPlaces = () => _promptTexts.Concat(_historyTexts).Select(text => text.Literal),
        ToolPlaces = _toolLists,
    };

    /// <summary>The content of a request, for the record.</summary>
    public static RequestContent Content(RequestScan scan, MessageReader reader) => new()
    {
        SystemPrompt = SystemPrompt(scan.Body, scan.PromptTexts, scan.HistoryTexts),
        ToolsJson = ToolLists.Json(scan.Body, scan.ToolLists),
        Tools = ToolLists.Read(scan.Body, scan.ToolLists),
        Messages = [.. scan.Messages.Select(message => reader.Read(Cut(scan.Body, message, reader)).Message)],
    };

    private List<PromptText> SystemTexts(bool historyTextsCount) =>
        _promptTexts.Count == 0
            ? historyTextsCount ? _historyTexts : []
            : historyTextsCount && _historyTexts.Count > 0
                ? [.. _promptTexts, .. _historyTexts.Select(text => text with { Message = text.Message + 1 })]
                : _promptTexts;

    private static string? SystemPrompt(ReadOnlyMemory<byte> body, List<PromptText> promptTexts, List<PromptText> historyTexts)
    {
        var texts = promptTexts.Concat(historyTexts)
            .Select(text => PromptSplicer.ReadText(body, text.Literal))
            .Where(text => text.Length > 0)
            .ToList();
        return texts.Count == 0 ? null : string.Join("\n\n", texts);
    }

    /// <summary>A message's bytes as the record keeps them.</summary>
    private static byte[] Cut(ReadOnlyMemory<byte> body, MessageReading message, MessageReader reader)
        => JsonCutter.WithoutCacheControl(reader.ToStored(body.Span.Slice(message.Range.Start, message.Range.Length), message.IsAssistant));

    private static bool HasAssistant(IReadOnlyList<MessageReading> messages)
    {
        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].IsAssistant)
            {
                return true;
            }
        }

        return false;
    }

    private static string UserText(IEnumerable<MessageReading> messages, ReadOnlyMemory<byte> body, MessageReader reader)
    {
        foreach (var reading in messages)
        {
            if (!reading.IsAssistant)
            {
                var message = reader.Read(Cut(body, reading, reader)).Message;
                if (message.Role == "user" && message.Text.Length > 0 && message.ToolResults.Count == 0)
                {
                    return message.Text;
                }
            }
        }

        return "";
    }
}
