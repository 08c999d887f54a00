using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.OpenAiResponses;

/// <summary>What a message of Responses over WebSocket says of itself (OpenAI API reference, "WebSocket mode").</summary>
/// <param name="Type">Its type, such as <c>response.create</c> or <c>response.completed</c>.</param>
/// <param name="Lane">The stream that it belongs to (<c>stream_id</c>); empty for the only one.</param>
/// <param name="ResponseId">Id of the response that an event is about, or null.</param>
/// <param name="PreviousResponseId">Id of the response that a call continues, or null.</param>
/// <param name="Generates">False for a call that only prepares the server (<c>generate: false</c>).</param>
/// <param name="Status">The HTTP status that an error event states, or null.</param>
internal readonly record struct SocketMessage(string Type, string Lane, string? ResponseId, string? PreviousResponseId, bool Generates, int? Status)
{
    /// <summary>Whether it is a call: its other members are those of a request over HTTP.</summary>
    public bool IsCreate => Type == "response.create";

    /// <summary>Whether it is a part of a response.</summary>
    public bool IsReply => IsError || Type.StartsWith("response.", StringComparison.Ordinal);

    /// <summary>Whether it is the last part of a response.</summary>
    public bool EndsReply => IsError || Type is "response.completed" or "response.incomplete" or "response.failed" or "response.cancelled" or "response.done";

    private bool IsError => Type == "error";

    /// <summary>Whether WebSockets of a path speak Responses.</summary>
    /// <param name="path">The path without its query.</param>
    public static bool IsPath(string path) => path.AsSpan().TrimEnd('/').EndsWith("/responses", StringComparison.Ordinal);

    /// <summary>Reads a message; null if it is no JSON object with a type.</summary>
    public static SocketMessage? Read(ReadOnlyMemory<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(LenientJson.WithoutMark(json).Span, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject ? Read(ref reader) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SocketMessage? Read(ref Utf8JsonReader reader)
    {
        string? type = null, lane = null, response = null, previous = null;
        var generates = true;
        int? status = null;
        while (reader.ReadProperty(out var name))
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.String when name.SequenceEqual("type"u8):
                    type = JsonText.Decode(reader.ValueSpan);
                    break;
                case JsonTokenType.String when name.SequenceEqual("stream_id"u8):
                    lane = JsonText.Decode(reader.ValueSpan);
                    break;
                case JsonTokenType.String when name.SequenceEqual("previous_response_id"u8):
                    previous = JsonText.Decode(reader.ValueSpan);
                    break;
                case JsonTokenType.False when name.SequenceEqual("generate"u8):
                    generates = false;
                    break;
                case JsonTokenType.Number when name.SequenceEqual("status"u8) || name.SequenceEqual("status_code"u8):
                    status = reader.TryGetInt32(out var number) && number is >= 400 and < 600 ? number : null;
                    break;
                case JsonTokenType.StartObject when name.SequenceEqual("response"u8):
                    response = ReadId(ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return type is null ? null : new SocketMessage(type, lane ?? "", response, previous, generates, status);
    }

    private static string? ReadId(ref Utf8JsonReader reader)
    {
        string? id = null;
        while (reader.ReadProperty(out var name))
        {
            if (reader.TokenType == JsonTokenType.String && name.SequenceEqual("id"u8))
            {
                id = JsonText.Decode(reader.ValueSpan);
            }
            else
            {
                reader.Skip();
            }
        }

        return id;
    }
}
