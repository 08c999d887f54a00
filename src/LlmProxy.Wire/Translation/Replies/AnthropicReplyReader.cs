using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation.Replies;

/// <summary>Reads replies of the Messages API.</summary>
internal sealed class AnthropicReplyReader(ReplyFlow flow) : ReplyReader(flow, inputLeavesCacheOut: true)
{
    // Only blocks that are open: the last of an index that some servers give twice.
    private readonly Dictionary<long, FlowCall?> _open = [];

    protected override void OnDone()
    {
        if (Flow.HasStop)
        {
            HasEnded = true;
            Flow.Finish();
        }
    }

    protected override bool OnValue(JsonElement value)
    {
        switch (value.Text("type"u8))
        {
            case "message_start":
                TakeHead(value.Get("message"u8));
                return true;
            case "message":
                TakeHead(value);
                HasEnded = true;
                Flow.Finish();
                return true;
            case "content_block_start":
                _open[value.Number("index"u8) ?? 0] = Begin(value.Get("content_block"u8));
                return true;
            case "content_block_delta":
                TakeDelta(value.Number("index"u8) ?? 0, value.Get("delta"u8));
                return true;
            case "content_block_stop":
                if (_open.Remove(value.Number("index"u8) ?? 0, out var call) && call is not null)
                {
                    Flow.EndCall(call);
                }

                return true;
            case "message_delta":
                TakeStop(value.Get("delta"u8));
                Tally.Take(value.Get("usage"u8));
                return true;
            case "message_stop":
                HasEnded = true;
                Flow.Finish();
                return true;
            case "ping":
                return true;
            default:
                return false;
        }
    }

    private void TakeHead(JsonElement message)
    {
        Flow.Begin(message.Text("id"u8), message.Text("model"u8));
        Tally.TakeModel(message.Text("model"u8));
        Tally.Take(message.Get("usage"u8));
        foreach (var block in message.Get("content"u8).Items())
        {
            if (Begin(block) is { } call)
            {
                Flow.EndCall(call);
            }
        }

        TakeStop(message);
    }

    private FlowCall? Begin(JsonElement block)
    {
        switch (block.Text("type"u8))
        {
            case "text":
                Flow.Text(block.Text("text"u8));
                if (block.Get("citations"u8) is { ValueKind: JsonValueKind.Array } citations && citations.GetArrayLength() > 0)
                {
                    Flow.Lose("citations", "Citations have no counterpart in the client's dialect.");
                }

                return null;
            case "thinking" or "redacted_thinking":
                Flow.Thinking();
                return null;
            case "tool_use":
                var call = Flow.Call(isFreeText: false);
                (call.Id, call.Name) = (block.Text("id"u8) ?? "", block.Text("name"u8) ?? "");
                var input = block.Get("input"u8);
                // The empty object of a start is a placeholder: deltas bring the arguments.
                if (input.ValueKind != JsonValueKind.Object || input.EnumerateObject().Any())
                {
                    call.Append(input.Text() ?? (input.Exists() ? RawJson.Clean(input) : ""));
                }

                Flow.Advance(call);
                return call;
            case var type:
                Flow.Lose(RawJson.Clean(type ?? "block"), "The provider ran the tool; its call and result are left out.");
                return null;
        }
    }

    private void TakeDelta(long index, JsonElement delta)
    {
        switch (delta.Text("type"u8))
        {
            case "text_delta":
                Flow.Text(delta.Text("text"u8));
                break;
            case "input_json_delta" when _open.GetValueOrDefault(index) is { } call:
                call.Append(delta.Text("partial_json"u8));
                Flow.Advance(call);
                break;
            case "citations_delta":
                Flow.Lose("citations", "Citations have no counterpart in the client's dialect.");
                break;
            case "thinking_delta" or "signature_delta":
                Flow.Thinking();
                break;
            default:
                break;
        }
    }

    private void TakeStop(JsonElement holder)
    {
        var details = holder.Get("stop_details"u8);
        StopKind? stop = holder.Text("stop_reason"u8) switch
        {
            null => null,
            // What the provider's own tools did so far is left out: the client cannot let the model continue.
            "max_tokens" or "pause_turn" => StopKind.MaxTokens,
            "stop_sequence" => StopKind.StopSequence,
            "tool_use" => StopKind.ToolUse,
            "refusal" => StopKind.Refusal,
            "model_context_window_exceeded" => StopKind.ContextWindow,
            _ => StopKind.EndTurn,
        };
        Flow.Stop(stop, holder.Text("stop_sequence"u8), details.Text("explanation"u8) ?? details.Text("category"u8));
    }
}
