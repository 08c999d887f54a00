using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>
/// What a scan found in a request, as places: it reads the same in any copy of the body, and holds on to none.
/// </summary>
internal sealed class RequestPlaces
{
    private readonly IDialect _dialect;
    private readonly string? _model;
    private readonly bool _stream;
    private readonly bool _offersTools;
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

    public RequestPlaces(RequestScan scan, IDialect dialect, bool historyTextsCount = true)
    {
        _dialect = dialect;
        _model = scan.Model;
        _stream = scan.Stream;
        _offersTools = scan.OffersTools;
        _previousResponseId = scan.PreviousResponseId;
        _serverConversationId = scan.ServerConversationId;
        _sessionHint = scan.SessionHint;
        _insertion = scan.Insertion;
        _messages = scan.Messages;
        _callIds = scan.CallIds;
        _toolLists = scan.ToolLists;
        _promptTexts = scan.PromptTexts;
        _historyTexts = scan.HistoryTexts;
        _systemTexts = _promptTexts.Count == 0
            ? historyTextsCount ? _historyTexts : []
            : historyTextsCount && _historyTexts.Count > 0
                ? [.. _promptTexts, .. _historyTexts.Select(text => text with { Message = text.Message + 1 })]
                : _promptTexts;
    }

    /// <summary>The request in a copy of its body.</summary>
    public RequestReading In(ReadOnlyMemory<byte> body) => new()
    {
        Body = body,
        Places = this,
        Model = _model,
        Stream = _stream,
        SystemTexts = _systemTexts,
        DefaultSystemText = _systemTexts.Count == 0 ? -1 : _systemTexts.FindLastIndex(text => text.Message == _systemTexts[0].Message),
        Insertion = _systemTexts.Count == 0 ? _insertion : null,
        Messages = _messages,
        ToolCallIds = _callIds,
        OffersTools = _offersTools,
        PreviousResponseId = _previousResponseId,
        ServerConversationId = _serverConversationId,
        SessionHint = _sessionHint,
        IsContinuation = _previousResponseId is not null || _serverConversationId is not null || HasAssistant(_messages),
        ReadTools = () => [.. ToolLists.Read(body, _toolLists).Select(tool => new ToolOffer(tool.Name, tool.Description))],
        ReadFirstUserText = () => UserText(_messages, body, _dialect),
        ReadLastUserText = () => UserText(_messages.Reverse(), body, _dialect),
        ReadMessage = i => _dialect.ReadMessage(Cut(body, _messages[i], _dialect)),
        ReadSystemPrompt = () => SystemPrompt(body, _promptTexts, _historyTexts),
        ReadToolsJson = () => ToolLists.Json(body, _toolLists),
        SystemPromptPlaces = () => _promptTexts.Concat(_historyTexts).Select(text => text.Literal),
        ToolPlaces = _toolLists,
    };

    /// <summary>The content of a request, for the record.</summary>
    public static RequestContent Content(RequestScan scan, IDialect dialect) => new()
    {
        SystemPrompt = SystemPrompt(scan.Body, scan.PromptTexts, scan.HistoryTexts),
        ToolsJson = ToolLists.Json(scan.Body, scan.ToolLists),
        Tools = ToolLists.Read(scan.Body, scan.ToolLists),
        Messages = [.. scan.Messages.Select(message => dialect.ReadMessage(Cut(scan.Body, message, dialect)))],
    };

    private static string? SystemPrompt(ReadOnlyMemory<byte> body, List<PromptText> promptTexts, List<PromptText> historyTexts)
    {
        var texts = promptTexts.Concat(historyTexts)
            .Select(text => PromptSplicer.ReadText(body, text.Literal))
            .Where(text => text.Length > 0)
            .ToList();
        return texts.Count == 0 ? null : string.Join("\n\n", texts);
    }

    /// <summary>A message's bytes as the record keeps them.</summary>
    private static byte[] Cut(ReadOnlyMemory<byte> body, MessageReading message, IDialect dialect)
        => JsonCutter.WithoutCacheControl(Wrap(body.Span.Slice(message.Range.Start, message.Range.Length), message.IsAssistant, dialect));

    private static ReadOnlySpan<byte> Wrap(ReadOnlySpan<byte> json, bool isAssistant, IDialect dialect)
    {
        if (dialect.Kind != DialectKind.OpenAiResponses)
        {
            return dialect.Kind == DialectKind.Gemini && isAssistant ? GeminiTurn.Join(json) : json;
        }

        // A turn is a list of items; a bare string is a user message.
        return isAssistant ? (byte[])[(byte)'[', .. json, (byte)']']
            : json.StartsWith("\""u8) ? (byte[])[.. "{\"role\":\"user\",\"content\":"u8, .. json, (byte)'}']
            : json;
    }

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

    private static string UserText(IEnumerable<MessageReading> messages, ReadOnlyMemory<byte> body, IDialect dialect)
    {
        foreach (var reading in messages)
        {
            if (!reading.IsAssistant)
            {
                var message = dialect.ReadMessage(Cut(body, reading, dialect));
                if (message.Role == "user" && message.Text.Length > 0 && message.ToolResults.Count == 0)
                {
                    return message.Text;
                }
            }
        }

        return "";
    }
}
