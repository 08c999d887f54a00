using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Reads replies of Gemini: one object, events, or an array.</summary>
internal sealed class GeminiReplyReader(ReplyFlow flow) : ReplyReader(flow)
{
    protected override bool OnValue(JsonElement value)
    {
        var candidates = value.Get("candidates"u8);
        var feedback = value.Get("promptFeedback"u8, "prompt_feedback"u8);
        var usage = value.Get("usageMetadata"u8, "usage_metadata"u8);
        if (!candidates.Exists() && !feedback.Exists() && !usage.Exists())
        {
            return false;
        }

        Flow.Begin(value.Get("responseId"u8, "response_id"u8).Text(), value.Get("modelVersion"u8, "model_version"u8).Text());
        Tally.Take(usage);
        if (feedback.Get("blockReason"u8, "block_reason"u8) is { } blocked && blocked.Exists())
        {
            Flow.Stop(StopKind.Filter, null, feedback.Get("blockReasonMessage"u8, "block_reason_message"u8).Text() ?? blocked.Text() ?? RawJson.Clean(blocked));
        }

        foreach (var candidate in candidates.Items())
        {
            if ((candidate.Number("index"u8) ?? 0) == 0)
            {
                TakeCandidate(candidate);
            }
            else
            {
                Flow.Lose("candidates", "The client's dialect has one choice.");
            }
        }

        if (value.Get("error"u8).Exists())
        {
            TakeError(value);
        }

        return true;
    }

    private void TakeCandidate(JsonElement candidate)
    {
        foreach (var part in candidate.Get("content"u8).Get("parts"u8).Items())
        {
            TakePart(part);
        }

        foreach (var name in (ReadOnlySpan<string>)["groundingMetadata", "citationMetadata"])
        {
            if (candidate.Get(global::System.Text.Encoding.ASCII.GetBytes(name)) is { ValueKind: JsonValueKind.Object } found && found.EnumerateObject().Any())
            {
                Flow.Lose(name, "Citations have no counterpart in the client's dialect.");
            }
        }

        var reason = candidate.Get("finishReason"u8, "finish_reason"u8);
        if (reason.Exists())
        {
            Flow.Stop(StopOf(reason.Text() ?? RawJson.Clean(reason)), null, candidate.Get("finishMessage"u8, "finish_message"u8).Text());
        }
    }

    private static StopKind StopOf(string reason) => reason switch
    {
        "MAX_TOKENS" or "2" => StopKind.MaxTokens,
        "SAFETY" or "RECITATION" or "LANGUAGE" or "BLOCKLIST" or "PROHIBITED_CONTENT" or "SPII" or "IMAGE_SAFETY" or "IMAGE_PROHIBITED_CONTENT" or "IMAGE_RECITATION" or "3" or "4" or "6" or "7" or "8" => StopKind.Filter,
        _ => StopKind.EndTurn,
    };

    private void TakePart(JsonElement part)
    {
        var call = part.Get("functionCall"u8, "function_call"u8);
        if (part.Get("thought"u8).ValueKind == JsonValueKind.True)
        {
            Flow.Thinking();
        }
        else if (call.ValueKind == JsonValueKind.Object)
        {
            var begun = Flow.Call(isFreeText: false);
            var args = call.Get("args"u8);
            (begun.Id, begun.Name) = (call.Text("id"u8) ?? "", call.Text("name"u8) ?? "");
            begun.Signature = part.Get("thoughtSignature"u8, "thought_signature"u8).Text();
            begun.Append(args.Text() ?? (args.Exists() ? RawJson.Clean(args) : "{}"));
            Flow.EndCall(begun);
        }
        else if (part.Text("text"u8) is { } text)
        {
            Flow.Text(text);
        }
        else if (part.ValueKind == JsonValueKind.Object && part.EnumerateObject().FirstOrDefault(property => !property.NameText().StartsWith("thought", StringComparison.Ordinal)) is { Value.ValueKind: not JsonValueKind.Undefined } other)
        {
            Flow.Lose(RawJson.Clean(other.NameText()), "The part has no counterpart in the client's dialect.");
        }
    }
}
