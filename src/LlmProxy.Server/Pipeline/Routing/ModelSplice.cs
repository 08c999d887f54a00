using System.Text.Json;
using LlmProxy.Core.Calls;
using LlmProxy.Wire;

namespace LlmProxy.Server.Pipeline.Routing;

/// <summary>Replaces the model of a request whose dialect stays the same; every other byte is kept.</summary>
internal static class ModelSplice
{
    /// <summary>The request for another model; null if its place was not found.</summary>
    /// <param name="body">The body.</param>
    /// <param name="path">The path as the client sent it.</param>
    /// <param name="route">Where the request goes.</param>
    public static (ReadOnlyMemory<byte> Body, string Path)? Replace(ReadOnlyMemory<byte> body, string path, CallRoute route)
    {
        if (route.Dialect == DialectKind.Gemini)
        {
            // The model is in the path.
            var method = path.TrimEnd('/').EndsWith("streamGenerateContent", StringComparison.Ordinal) ? "streamGenerateContent?alt=sse" : "generateContent";
            return path.Contains("/models/", StringComparison.Ordinal) ? (body, $"/v1beta/models/{Uri.EscapeDataString(route.Model)}:{method}") : null;
        }

        var standard = route.Dialect switch
        {
            DialectKind.AnthropicMessages => "/v1/messages",
            DialectKind.OpenAiChat => "/v1/chat/completions",
            _ => "/v1/responses",
        };
        return Find(body.Span) is { } at ? (Splice(body.Span, at, route.Model), standard) : null;
    }

    private static byte[] Splice(ReadOnlySpan<byte> body, Range at, string model)
    {
        var literal = JsonSerializer.SerializeToUtf8Bytes(model, ModelJson.Default.String);
        return [.. body[..at.Start], .. literal, .. body[at.End..]];
    }

    /// <summary>The place of the top-level member <c>model</c>: the last one counts.</summary>
    private static Range? Find(ReadOnlySpan<byte> body)
    {
        Range? found = null;
        try
        {
            var reader = new Utf8JsonReader(body.StartsWith("\uFEFF"u8) ? body[3..] : body);
            var shift = body.StartsWith("\uFEFF"u8) ? 3 : 0;
            while (reader.Read())
            {
                if (reader.CurrentDepth == 1 && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isModel = reader.ValueTextEquals("model"u8);
                    reader.Read();
                    if (isModel && reader.TokenType == JsonTokenType.String)
                    {
                        found = ((int)reader.TokenStartIndex + shift)..((int)reader.BytesConsumed + shift);
                    }

                    reader.Skip();
                }
            }
        }
        catch (JsonException)
        {
            return null;
        }

        return found;
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class ModelJson : System.Text.Json.Serialization.JsonSerializerContext;
