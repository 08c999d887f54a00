using LlmProxy.Wire.Anthropic;
using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.OpenAiChat;
using LlmProxy.Wire.OpenAiResponses;

namespace LlmProxy.Wire;

/// <summary>The dialects, and how a call is recognised.</summary>
public static class DialectCatalog
{
    private static readonly AnthropicMessagesDialect Anthropic = new();
    private static readonly OpenAiChatDialect Chat = new();
    private static readonly OpenAiResponsesDialect Responses = new();
    private static readonly GeminiDialect Gemini = new();

    /// <summary>All dialects.</summary>
    public static IReadOnlyList<IDialect> All { get; } = [Anthropic, Chat, Responses, Gemini];

    /// <summary>The dialect of a kind.</summary>
    public static IDialect Get(DialectKind kind) => kind switch
    {
        DialectKind.AnthropicMessages => Anthropic,
        DialectKind.OpenAiChat => Chat,
        DialectKind.OpenAiResponses => Responses,
        DialectKind.Gemini => Gemini,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such dialect"),
    };

    /// <summary>The dialect of a name (see <see cref="IDialect.Name"/>), or null.</summary>
    public static IDialect? Find(string? name) => All.FirstOrDefault(dialect => dialect.Name == name);

    /// <summary>The dialect of a completion call by its method and the end of its path; null for every other call.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="path">The path, with or without a query.</param>
    public static DialectKind? Recognize(string method, string path)
    {
        if (!string.Equals(method, "POST", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var end = path.AsSpan();
        if (end.IndexOf('?') is >= 0 and var query)
        {
            end = end[..query];
        }

        end = end.TrimEnd('/');
        if (end.EndsWith("/messages", StringComparison.Ordinal))
        {
            // POST /v1/threads/ID/messages is OpenAI's Assistants API: it adds a message, no model answers.
            return end.Contains("/threads/", StringComparison.Ordinal) ? null : DialectKind.AnthropicMessages;
        }

        return end.EndsWith("/chat/completions", StringComparison.Ordinal) ? DialectKind.OpenAiChat
            : end.EndsWith("/responses", StringComparison.Ordinal) ? DialectKind.OpenAiResponses
            : GeminiPath.IsCompletion(end) ? DialectKind.Gemini
            : null;
    }
}
