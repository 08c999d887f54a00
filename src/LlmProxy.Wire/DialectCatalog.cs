using LlmProxy.Wire.Anthropic;
using LlmProxy.Wire.Gemini;
using LlmProxy.Wire.OpenAiChat;
using LlmProxy.Wire.OpenAiResponses;
using LlmProxy.Wire.Translated;

namespace LlmProxy.Wire;

/// <summary>The dialects, and how a call is recognised.</summary>
public static class DialectCatalog
{
    private static readonly IDialect[] Dialects = [new AnthropicMessagesDialect(), new OpenAiChatDialect(), new OpenAiResponsesDialect(), new GeminiDialect()];

    private static readonly IDialect[] Known =
        [.. Dialects, new BedrockInvokeDialect(), new BedrockConverseDialect(), new GeminiInteractionsDialect(), new OllamaChatDialect()];

    /// <summary>The dialects whose forms are stored; those that are recorded in the form of one of them are left out.</summary>
    public static IReadOnlyList<IDialect> All => Dialects;

    /// <summary>The dialect of a kind.</summary>
    public static IDialect Get(DialectKind kind) => Array.Find(Known, dialect => dialect.Kind == kind)
        ?? throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such dialect");

    /// <summary>The dialect of a name (<see cref="IDialect.Name"/>), or null.</summary>
    public static IDialect? Find(string? name) => Array.Find(Known, dialect => string.Equals(dialect.Name, name, StringComparison.Ordinal));

    /// <summary>The dialect that a provider's own clients speak; Chat Completions, which most other providers take, for any other provider.</summary>
    public static IDialect OfProvider(string? provider) => FindByProvider(provider) ?? Get(DialectKind.OpenAiChat);

    /// <summary>A provider as OpenTelemetry's GenAI conventions name it; its own name if they have none.</summary>
    public static string ProviderConventionOf(string provider) => FindByProvider(provider)?.ProviderConvention ?? provider;

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
        foreach (var dialect in Known)
        {
            if (dialect.IsCompletion(end))
            {
                return dialect.Kind;
            }
        }

        return null;
    }

    /// <summary>
    /// The id of the response that a call fetches, resumes or cancels, by the end of its path
    /// (<c>GET /responses/{id}</c>, <c>POST /responses/{id}/cancel</c>); null for every other call.
    /// </summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="path">The path without a query.</param>
    public static string? RecognizeFetch(string method, string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        const string Collection = "/responses/";
        const string Cancel = "/cancel";
        var end = path.AsSpan().TrimEnd('/');
        var isCancel = string.Equals(method, "POST", StringComparison.OrdinalIgnoreCase) && end.EndsWith(Cancel, StringComparison.Ordinal);
        if (!isCancel && !string.Equals(method, "GET", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        end = isCancel ? end[..^Cancel.Length] : end;
        var id = end.LastIndexOf(Collection, StringComparison.Ordinal) is >= 0 and var at ? end[(at + Collection.Length)..] : [];
        return id.IsEmpty || id.Contains('/') ? null : id.ToString();
    }

    private static IDialect? FindByProvider(string? provider) => Array.Find(Dialects, dialect => string.Equals(dialect.Provider, provider, StringComparison.Ordinal));
}
