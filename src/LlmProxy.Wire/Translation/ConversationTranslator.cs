using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation;

/// <summary>Carries requests from the dialect of a client to the dialect of a target, and replies back.</summary>
public static class ConversationTranslator
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The dialects that are translated, each into each.</summary>
    public static IReadOnlyList<DialectKind> Dialects { get; } =
        [DialectKind.AnthropicMessages, DialectKind.OpenAiChat, DialectKind.OpenAiResponses, DialectKind.Gemini];

    /// <summary>Translates one request.</summary>
    /// <param name="source">The client's dialect.</param>
    /// <param name="body">The client's request, without a content encoding.</param>
    /// <param name="sourcePath">The path of the client's request, with its query: Gemini states model, method and framing there.</param>
    /// <param name="target">Where it goes.</param>
    /// <returns>The request for the target, or why it cannot be carried. No body makes the call throw.</returns>
    public static RequestTranslation Translate(DialectKind source, ReadOnlyMemory<byte> body, string sourcePath, TranslationTarget target)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(sourcePath);
        var losses = new LossList();
        if (!Dialects.Contains(source) || !Dialects.Contains(target.Dialect))
        {
            return new RequestTranslation($"Requests of {DialectCatalog.Get(source).Name} cannot be translated to {DialectCatalog.Get(target.Dialect).Name}. Choose a cluster that speaks the client's dialect.", losses.Losses);
        }

        using var document = LenientJson.Parse(body);
        if (document is null || document.RootElement.ValueKind != JsonValueKind.Object)
        {
            return new RequestTranslation("The body of the request is not a JSON object. Send one.", losses.Losses);
        }

        var request = new TranslationRequest(losses);
        Read(source, document.RootElement, sourcePath, request);
        if (request.Refusal is null && TargetRequest.Prepare(request, source, target) is { } prepared)
        {
            var json = Write(prepared);
            if (request.Refusal is null)
            {
                var plan = new ReplyPlan
                {
                    Source = source,
                    Target = target.Dialect,
                    Model = target.Model,
                    IsStream = request.IsStream,
                    IsArray = request.IsArray,
                    IncludesUsage = request.IncludesUsage,
                    Tools = prepared.Names.ByTarget,
                    Nonce = Convert.ToHexStringLower(SHA256.HashData(body.Span).AsSpan(0, 12)),
                    Now = (target.Time ?? TimeProvider.System).GetUtcNow().ToUnixTimeSeconds(),
                };
                return new RequestTranslation(json, PathOf(target, request.IsStream), plan, losses.Losses);
            }
        }

        return new RequestTranslation(request.Refusal!, losses.Losses);
    }

    private static void Read(DialectKind source, JsonElement root, string path, TranslationRequest request)
    {
        switch (source)
        {
            case DialectKind.AnthropicMessages:
                AnthropicRequests.Read(root, request);
                break;
            case DialectKind.OpenAiChat:
                ChatRequests.Read(root, request);
                break;
            case DialectKind.OpenAiResponses:
                ResponsesRequests.Read(root, request);
                break;
            default:
                GeminiRequests.Read(root, path, request);
                break;
        }
    }

    private static byte[] Write(TargetRequest request)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            switch (request.Kind)
            {
                case DialectKind.AnthropicMessages:
                    new AnthropicRequestWriter(request).Write(json);
                    break;
                case DialectKind.OpenAiChat:
                    new ChatRequestWriter(request).Write(json);
                    break;
                case DialectKind.OpenAiResponses:
                    new ResponsesRequestWriter(request).Write(json);
                    break;
                default:
                    new GeminiRequestWriter(request).Write(json);
                    break;
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string PathOf(TranslationTarget target, bool isStream) => target.Dialect switch
    {
        DialectKind.AnthropicMessages => AnthropicRequestWriter.Path,
        DialectKind.OpenAiChat => ChatRequestWriter.Path,
        DialectKind.OpenAiResponses => ResponsesRequestWriter.Path,
        _ => GeminiRequestWriter.Path(target.Model, isStream),
    };
}
