using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Assembles a response of the Messages API (platform.claude.com, "Streaming messages").</summary>
internal sealed class AnthropicAssembler() : JsonReplyAssembler(inputLeavesCacheOut: true)
{
    private readonly SortedDictionary<long, AnthropicBlock> _blocks = [];
    private string? _refusal;

    protected override AssembledReply Build()
    {
        using var json = new ByteBuffer();
        json.Append("{\"role\":\"assistant\",\"content\":"u8);
        ReplyJson.AppendArray(json, _blocks.Values, block => block.WriteTo(json));
        json.Append((byte)'}');
        return Build(AnthropicMessageReader.Instance.Read(json.ToArray()), _refusal, StopReason is "end_turn" or "stop_sequence");
    }

    protected override void OnDone()
    {
        // Gateways in front of other models end the stream as OpenAI does.
        Ended |= StopReason is not null;
    }

    protected override bool OnValue(JsonElement value)
    {
        switch (value.Text("type"u8))
        {
            case "message_start":
                TakeMessage(value.Get("message"u8));
                return true;
            case "content_block_start":
                _blocks[value.Number("index"u8) ?? _blocks.Count] = new AnthropicBlock(value.Get("content_block"u8));
                return true;
            case "content_block_delta":
                return TakeDelta(value);
            case "message_delta":
                TakeStop(value.Get("delta"u8));
                Tally.Take(value.Get("usage"u8));
                return true;
            case "message_stop":
                Ended = true;
                return true;
            case "ping" or "content_block_stop":
                return true;
            case "message":
                TakeMessage(value);
                Ended = true;
                return true;
            default:
                return false;
        }
    }

    private bool TakeDelta(JsonElement value)
    {
        var index = value.Number("index"u8) ?? Math.Max(0, _blocks.Count - 1);
        var delta = value.Get("delta"u8);
        if (!_blocks.TryGetValue(index, out var block))
        {
            // The start was lost; the kind of delta determines the kind of block.
            block = AnthropicBlock.ForDelta(delta.Text("type"u8));
            _blocks[index] = block;
        }

        if (!block.Append(delta))
        {
            KeepUnknown(value.RawText());
        }

        return true;
    }

    private void TakeMessage(JsonElement message)
    {
        ResponseId = message.Text("id"u8) ?? ResponseId;
        Model = message.Text("model"u8) ?? Model;
        foreach (var block in message.Get("content"u8).Items())
        {
            _blocks[_blocks.Count] = new AnthropicBlock(block);
        }

        TakeStop(message);
        Tally.TakeModel(Model);
        Tally.Take(message.Get("usage"u8));
    }

    private void TakeStop(JsonElement holder)
    {
        StopReason = holder.Text("stop_reason"u8) ?? StopReason;
        if (StopReason == "refusal")
        {
            var details = holder.Get("stop_details"u8);
            _refusal = details.Text("explanation"u8) ?? details.Text("category"u8) ?? _refusal ?? "refusal";
        }
    }
}
