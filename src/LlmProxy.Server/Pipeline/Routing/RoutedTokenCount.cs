using System.Text.Json;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Retrieval;
using LlmProxy.Server.Access;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>
/// Answers token counting of Messages for models that a rule sends elsewhere: the first provider does not know them, and would need a key.
/// The number is an estimate, and the response says so.
/// </summary>
internal sealed class RoutedTokenCount(RoutedForwarder routed)
{
    private const string Path = "/messages/count_tokens";

    // What agents ask about fits; anything larger goes to the upstream.
    private const int MaxBytes = 32 << 20;

    /// <summary>Whether a request may be answered here.</summary>
    public bool MayAnswer(HttpContext context) =>
        routed.Choose is not null && HttpMethods.IsPost(context.Request.Method) && context.Request.Path.Value?.EndsWith(Path, StringComparison.Ordinal) == true
        && context.Request.ContentLength is > 0 and < MaxBytes && context.Request.Headers.ContentEncoding.Count == 0;

    /// <summary>Answers a request; false if no rule is for its model, and its body can be read again then.</summary>
    public async Task<bool> TryAnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var body = new byte[(int)request.ContentLength!.Value];
        await request.Body.ReadExactlyAsync(body, context.RequestAborted);
        request.Body = new MemoryStream(body, writable: false);
        if (ModelOf(body) is not { } model)
        {
            return false;
        }

        var question = new RouteQuestion(context.GetTenant(), model, routed.ClientOf(context), null, name => request.Headers.TryGetValue(name, out var values) ? values.ToString() : null);
        if (await routed.Choose!(question, context.RequestAborted) is not { } route)
        {
            return false;
        }

        // All of its text counts, names of members too: about what providers add for their own form.
        var tokens = TokenEstimate.OfText(System.Text.Encoding.UTF8.GetString(body));
        context.Response.Headers[ProxyHeaders.Translated] = DialectCatalog.Get(route.Dialect).Name + "; estimate";
        await context.Response.WriteAsJsonAsync(new TokenCount(tokens), TokenCountJson.Default.TokenCount, cancellationToken: context.RequestAborted);
        return true;
    }

    private static string? ModelOf(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String ? model.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>The answer of Messages' token counting.</summary>
/// <param name="InputTokens">The number.</param>
internal sealed record TokenCount([property: System.Text.Json.Serialization.JsonPropertyName("input_tokens")] int InputTokens);

[System.Text.Json.Serialization.JsonSerializable(typeof(TokenCount))]
internal sealed partial class TokenCountJson : System.Text.Json.Serialization.JsonSerializerContext;
