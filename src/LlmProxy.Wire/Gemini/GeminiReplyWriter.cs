using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Gemini;

/// <summary>Writes a response of Gemini (ai.google.dev/api/generate-content, "GenerateContentResponse"); <see cref="GeminiAssembler"/> reads it back.</summary>
internal sealed class GeminiReplyWriter(AssembledReply reply) : ReplyWriter
{
    public override byte[] Whole()
    {
        using var message = LenientJson.Parse(reply.Message.Json);
        var parts = (message?.RootElement ?? default).Get("parts"u8);
        return reply.Error is { } error ? Error(error) : Chunk(isLast: true, json =>
        {
            foreach (var part in parts.Items())
            {
                json.WriteRaw(part.Raw());
            }
        });
    }

    public override IReadOnlyList<ReplyEvent> Events()
    {
        using var message = LenientJson.Parse(reply.Message.Json);
        var parts = new List<Action<Utf8JsonWriter>>();
        foreach (var part in (message?.RootElement ?? default).Get("parts"u8).Items())
        {
            parts.AddRange(DeltasOf(part));
        }

        var endsInPart = reply is { IsComplete: true, Error: null };
        var events = parts.Select((part, i) => new ReplyEvent(null, Chunk(endsInPart && i == parts.Count - 1, part))).ToList();
        if (reply.Error is { } error)
        {
            events.Add(new ReplyEvent(null, Error(error)));
        }
        else if (reply.IsComplete && parts.Count == 0)
        {
            events.Add(new ReplyEvent(null, Chunk(isLast: true, _ => { })));
        }

        return events;
    }

    private static byte[] Error(string error) => ReplyJson.Object(json =>
    {
        var (type, message) = ReplyJson.SplitError(error);
        json.WriteStartObject("error");
        json.WriteNumber("code", 500);
        json.WriteString("message", message);
        json.WriteString("status", type);
        json.WriteEndObject();
    });

    /// <summary>A text that nothing else is said of grows part by part; every other part comes whole.</summary>
    private static IEnumerable<Action<Utf8JsonWriter>> DeltasOf(JsonElement part)
    {
        var names = part.ValueKind == JsonValueKind.Object ? part.EnumerateObject().Select(property => property.NameText()).ToList() : [];
        if (part.Text("text"u8) is not { Length: > 0 } text || names.Exists(name => name is not ("text" or "thought")))
        {
            yield return json => json.WriteRaw(part.Raw());
            yield break;
        }

        foreach (var delta in ReplyJson.Deltas(text))
        {
            yield return json =>
            {
                json.WriteStartObject();
                json.WriteMembers(part, "text");
                json.WriteString("text", delta);
                json.WriteEndObject();
            };
        }
    }

    private byte[] Chunk(bool isLast, Action<Utf8JsonWriter> parts) => ReplyJson.Object(json =>
    {
        if (reply.Refusal is { } refusal)
        {
            json.WriteStartObject("promptFeedback");
            json.WriteString("blockReason", reply.StopReason);
            if (refusal != reply.StopReason)
            {
                json.WriteString("blockReasonMessage", refusal);
            }

            json.WriteEndObject();
        }
        else
        {
            json.WriteStartArray("candidates");
            json.WriteStartObject();
            json.WriteStartObject("content");
            json.WriteString("role", "model");
            json.WriteStartArray("parts");
            parts(json);
            json.WriteEndArray();
            json.WriteEndObject();
            if (isLast && reply.StopReason is not null)
            {
                json.WriteString("finishReason", reply.StopReason);
            }

            json.WriteNumber("index", 0);
            json.WriteEndObject();
            json.WriteEndArray();
        }

        WriteUsage(json, isLast);
        json.WriteString("modelVersion", reply.Model ?? "");
        if (reply.ResponseId is not null)
        {
            json.WriteString("responseId", reply.ResponseId);
        }
    });

    private void WriteUsage(Utf8JsonWriter json, bool isLast)
    {
        if (!reply.HasUsage)
        {
            return;
        }

        var usage = reply.Usage;
        json.WriteStartObject("usageMetadata");
        json.WriteNumber("promptTokenCount", usage.Input);
        if (isLast)
        {
            json.WriteNumber("candidatesTokenCount", usage.Output - usage.Reasoning);
        }

        if (usage.CacheRead > 0)
        {
            json.WriteNumber("cachedContentTokenCount", usage.CacheRead);
        }

        if (isLast && usage.Reasoning > 0)
        {
            json.WriteNumber("thoughtsTokenCount", usage.Reasoning);
        }

        json.WriteNumber("totalTokenCount", isLast ? usage.Total : usage.Input);
        json.WriteEndObject();
    }
}
