using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Gemini;

/// <summary>
/// Assembles a response of Gemini (ai.google.dev/api/generate-content, "GenerateContentResponse"): one object, events,
/// or an array that comes element by element. The first candidate is the message.
/// </summary>
internal sealed class GeminiAssembler : JsonReplyAssembler
{
    private readonly List<GeminiPart> _parts = [];
    private readonly List<string> _marks = [];
    private string? _blocked;

    protected override AssembledReply Build()
    {
        using var json = new ByteBuffer();
        json.Append("{\"role\":\"model\",\"parts\":"u8);
        ReplyJson.AppendArray(json, _parts, part => part.WriteTo(json));
        json.Append((byte)'}');
        return Build(GeminiMessageReader.Instance.Read(json.ToArray()), _blocked, StopReason is not null && StopWord.EndsTurn(StopReason), marks: _marks);
    }

    protected override void OnDone()
    {
        // The end of the array: a response without a finish reason is over, but not whole.
    }

    protected override bool OnValue(JsonElement value)
    {
        var candidates = value.Get("candidates"u8);
        var feedback = value.Get("promptFeedback"u8, "prompt_feedback"u8);
        var usage = value.Get("usageMetadata"u8, "usage_metadata"u8);
        if (!candidates.Exists() && !feedback.Exists() && !usage.Exists())
        {
            return false;
        }

        ResponseId = value.Get("responseId"u8, "response_id"u8).Text() ?? ResponseId;
        Model = value.Get("modelVersion"u8, "model_version"u8).Text() ?? Model;
        Tally.Take(usage);
        var blockReason = feedback.Get("blockReason"u8, "block_reason"u8);
        if (blockReason.Exists())
        {
            StopReason = blockReason.Text() ?? blockReason.RawText();
            _blocked = feedback.Get("blockReasonMessage"u8, "block_reason_message"u8).Text() ?? StopReason;
            Ended = true;
        }

        foreach (var candidate in candidates.Items())
        {
            if ((candidate.Number("index"u8) ?? 0) == 0)
            {
                TakeCandidate(candidate);
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
        var parts = candidate.Get("content"u8).Get("parts"u8);
        foreach (var part in parts.Items())
        {
            if (ThoughtSignature.Mark(part.Get("thoughtSignature"u8, "thought_signature"u8).Text()) is { } mark)
            {
                _marks.Add(mark);
            }

            if (_parts.Count == 0 || !_parts[^1].TryMerge(part))
            {
                _parts.Add(new GeminiPart(part));
            }
        }

        var reason = candidate.Get("finishReason"u8, "finish_reason"u8);
        if (reason.Exists())
        {
            StopReason = reason.Text() ?? NameOf(reason.RawText());
            Ended = true;
        }
    }

    /// <summary>Python clients of Vertex AI record the enum's number (google.cloud.aiplatform.v1, Candidate.FinishReason).</summary>
    private static string NameOf(string number) => number switch
    {
        "1" => "STOP",
        "2" => "MAX_TOKENS",
        "3" => "SAFETY",
        "4" => "RECITATION",
        "5" => "OTHER",
        "6" => "BLOCKLIST",
        "7" => "PROHIBITED_CONTENT",
        "8" => "SPII",
        "9" => "MALFORMED_FUNCTION_CALL",
        _ => number,
    };
}

/// <summary>One part of a response; a text may grow.</summary>
internal sealed class GeminiPart
{
    private readonly byte[] _json;
    private readonly StringBuilder? _text;
    private readonly bool _isThought;

    public GeminiPart(JsonElement part)
    {
        _json = part.Raw().ToArray();
        if (PlainText(part) is { } text)
        {
            _text = new StringBuilder(text);
            _isThought = IsThought(part);
        }
    }

    /// <summary>Takes a text that continues with this one. Signatures stay on their parts.</summary>
    public bool TryMerge(JsonElement next)
    {
        if (_text is null || PlainText(next) is not { } text || IsThought(next) != _isThought)
        {
            return false;
        }

        _text.Append(text);
        return true;
    }

    /// <summary>Writes the part as a client would send it back.</summary>
    public void WriteTo(ByteBuffer json)
    {
        if (_text is null)
        {
            json.Append(_json);
            return;
        }

        json.Append(_isThought ? "{\"thought\":true,\"text\":"u8 : "{\"text\":"u8);
        JsonText.AppendLiteral(json, _text.ToString());
        json.Append("}"u8);
    }

    private static bool IsThought(JsonElement part) => part.Get("thought"u8).ValueKind == JsonValueKind.True;

    private static string? PlainText(JsonElement part)
    {
        if (part.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        foreach (var property in part.EnumerateObject())
        {
            var name = property.Utf8Name();
            if (!name.SequenceEqual("text"u8) && !name.SequenceEqual("thought"u8))
            {
                return null;
            }
        }

        return part.Text("text"u8);
    }
}
