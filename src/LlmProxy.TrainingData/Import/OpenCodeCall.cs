using System.Text.Json;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Import;

/// <summary>One call of a model in an opencode session, as its parts describe it.</summary>
internal sealed class OpenCodeCall(JsonElement info)
{
    private DateTimeOffset? _endedAt;

    /// <summary>The reply's blocks.</summary>
    public List<ReadOnlyMemory<byte>> Blocks { get; } = [];

    /// <summary>The results of its calls.</summary>
    public List<ReadOnlyMemory<byte>> Results { get; } = [];

    /// <summary>Sessions of sub-agents that it started.</summary>
    public List<string> Sessions { get; } = [];

    /// <summary>Whether a tool was called.</summary>
    public bool HasCalls { get; private set; }

    /// <summary>When the last result came; null without one.</summary>
    public DateTimeOffset? ResultsAt { get; private set; }

    public bool IsEmpty => Blocks.Count == 0;

    /// <summary>The provider of opencode's name for the server; null if it is another's.</summary>
    public string? Provider => (info.Text("providerID"u8) ?? info.Get("model"u8).Text("providerID"u8)) switch
    {
        "anthropic" => "anthropic",
        "openai" => "openai",
        "google" or "google-vertex" => "gemini",
        _ => null,
    };

    /// <summary>Takes a part.</summary>
    public void Take(JsonElement part)
    {
        var text = part.Text("text"u8) ?? "";
        switch (part.Text("type"u8))
        {
            case "text" when text.Length > 0:
                Blocks.Add(StrictJson.Bytes(writer => writer.WriteObject(("type", "text"), ("text", StrictJson.Clean(text)))));
                Note(part.Get("time"u8).Get("end"u8));
                break;
            case "reasoning" when text.Length > 0:
                Blocks.Add(StrictJson.Bytes(writer => writer.WriteObject(("type", "thinking"), ("thinking", StrictJson.Clean(text)), ("signature", ""))));
                Note(part.Get("time"u8).Get("end"u8));
                break;
            case "tool":
                TakeTool(part);
                break;
        }
    }

    /// <summary>What is known of the call.</summary>
    /// <param name="finish">The part that ends it, or null.</param>
    /// <param name="inputAt">When its last message came.</param>
    public CallFacts Facts(JsonElement? finish, DateTimeOffset inputAt)
    {
        var created = ImportedJson.Time(info.Get("time"u8).Get("created"u8)) ?? inputAt;
        return new CallFacts
        {
            Model = info.Text("modelID"u8) ?? info.Get("model"u8).Text("modelID"u8) ?? info.Get("model"u8).Text("id"u8) ?? "",
            StopReason = StopReason(finish?.Text("reason"u8) ?? info.Text("finish"u8)),
            Usage = UsageOf(finish is { } end && end.Get("tokens"u8).Exists() ? end.Get("tokens"u8) : info.Get("tokens"u8)),
            StartedAt = inputAt == default ? created : inputAt,
            EndedAt = _endedAt ?? ImportedJson.Time(info.Get("time"u8).Get("completed"u8)) ?? created,
        };
    }

    private void TakeTool(JsonElement part)
    {
        var state = part.Get("state"u8);
        var id = part.Text("callID"u8) ?? part.Text("id"u8) ?? "";
        HasCalls = true;
        Blocks.Add(StrictJson.Bytes(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("type", "tool_use");
            writer.WriteString("id", StrictJson.Clean(id));
            writer.WriteString("name", StrictJson.Clean(part.Text("tool"u8) ?? part.Text("name"u8)));
            writer.WritePropertyName("input");
            if (state.Get("input"u8).ValueKind == JsonValueKind.Object)
            {
                StrictJson.Write(writer, state.Get("input"u8));
            }
            else
            {
                writer.WriteStartObject();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }));
        Note(state.Get("time"u8).Get("start"u8));
        if (state.Get("metadata"u8).Text("sessionId"u8) is { } session)
        {
            Sessions.Add(session);
        }

        var status = state.Text("status"u8);
        if (status is not ("completed" or "error"))
        {
            return;
        }

        var error = state.Get("error"u8);
        var output = status == "error"
            ? error.Text() ?? error.Text("message"u8) ?? ImportedJson.TextOf(state.Get("content"u8))
            : state.Text("output"u8) ?? (ImportedJson.TextOf(state.Get("content"u8)) is { Length: > 0 } content ? content : state.Get("result"u8).Exists() ? state.Get("result"u8).RawText() : "");
        ResultsAt = ImportedJson.Time(state.Get("time"u8).Get("end"u8)) ?? ResultsAt;
        Results.Add(StrictJson.Bytes(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("type", "tool_result");
            writer.WriteString("tool_use_id", StrictJson.Clean(id));
            writer.WriteString("content", StrictJson.Clean(output));
            if (status == "error")
            {
                writer.WriteBoolean("is_error", true);
            }

            writer.WriteEndObject();
        }));
    }

    private void Note(JsonElement time)
    {
        var at = ImportedJson.Time(time);
        _endedAt = at > _endedAt || _endedAt is null ? at : _endedAt;
    }

    private string? StopReason(string? finish) => finish switch
    {
        "tool-calls" or "tool_calls" or "tool_use" => "tool_use",
        "length" => "max_tokens",
        "content-filter" => "refusal",
        null or "" or "stop" or "unknown" or "other" => HasCalls ? "tool_use" : "end_turn",
        _ => finish,
    };

    private static TokenUsage? UsageOf(JsonElement tokens)
    {
        if (tokens.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var (read, written, reasoning) = (tokens.Get("cache"u8).Number("read"u8) ?? 0, tokens.Get("cache"u8).Number("write"u8) ?? 0, tokens.Number("reasoning"u8) ?? 0);
        // The input leaves cached tokens out; the output leaves reasoning out where the total says that it does.
        var (input, output) = ((tokens.Number("input"u8) ?? 0) + read + written, tokens.Number("output"u8) ?? 0);
        var isReasoningApart = tokens.Number("total"u8) is { } total ? input + output + reasoning <= total : output < reasoning;
        return new TokenUsage(input, isReasoningApart ? output + reasoning : output, read, written, reasoning);
    }
}
