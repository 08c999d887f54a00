using LlmProxy.Core.Dialects.Gemini;
using LlmProxy.Core.Dialects.Json;

namespace LlmProxy.Core.Dialects.Reading;

/// <summary>Makes the two results of a scan: the reading for the request path and the content for the record.</summary>
internal static class ReadingBuilder
{
    public static RequestReading Reading(RequestScan scan, IDialect dialect, bool historyTextsCount = true)
    {
        List<PromptText> texts;
        if (scan.PromptTexts.Count == 0)
        {
            texts = historyTextsCount ? scan.HistoryTexts : [];
        }
        else
        {
            texts = [.. scan.PromptTexts];
            if (historyTextsCount)
            {
                texts.AddRange(scan.HistoryTexts.Select(text => text with { Message = text.Message + 1 }));
            }
        }

        var messages = scan.Messages;
        var body = scan.Body;
        var toolLists = scan.ToolLists;
        return new RequestReading
        {
            Body = body,
            Model = scan.Model,
            Stream = scan.Stream,
            SystemTexts = texts,
            DefaultSystemText = texts.Count == 0 ? -1 : texts.FindLastIndex(text => text.Message == texts[0].Message),
            Insertion = texts.Count == 0 ? scan.Insertion : null,
            Messages = messages,
            ToolCallIds = scan.CallIds,
            OffersTools = scan.OffersTools,
            PreviousResponseId = scan.PreviousResponseId,
            ServerConversationId = scan.ServerConversationId,
            SessionHint = scan.SessionHint,
            IsContinuation = scan.PreviousResponseId is not null || scan.ServerConversationId is not null || HasAssistant(messages),
            ReadTools = () => [.. ToolLists.Read(body, toolLists).Select(tool => new ToolOffer(tool.Name, tool.Description))],
            ReadFirstUserText = () => UserText(messages, body, dialect),
            ReadLastUserText = () => UserText(messages.Reverse(), body, dialect),
            ReadMessage = i => dialect.ReadMessage(Cut(body, messages[i], dialect)),
            ReadSystemPrompt = () => SystemPrompt(scan),
            ReadToolsJson = () => ToolLists.Json(body, toolLists),
            SystemPromptPlaces = () => scan.PromptTexts.Concat(scan.HistoryTexts).Select(text => text.Literal),
            ToolPlaces = toolLists,
        };
    }

    public static RequestContent Content(RequestScan scan, IDialect dialect) => new()
    {
        SystemPrompt = SystemPrompt(scan),
        ToolsJson = ToolLists.Json(scan.Body, scan.ToolLists),
        Tools = ToolLists.Read(scan.Body, scan.ToolLists),
        Messages = [.. scan.Messages.Select(message => dialect.ReadMessage(Cut(scan.Body, message, dialect)))],
    };

    private static string? SystemPrompt(RequestScan scan)
    {
        var texts = scan.PromptTexts.Concat(scan.HistoryTexts)
            .Select(text => PromptSplicer.ReadText(scan.Body, text.Literal))
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
