using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Assembles a response of the Messages API (platform.claude.com, "Streaming messages").</summary>
internal sealed class AnthropicAssembler() : JsonReplyAssembler(inputLeavesCacheOut: true)
{
    private readonly List<(long Index, AnthropicBlock Block)> _blocks = [];
    private string? _refusal;

    protected override AssembledReply Build()
    {
        using var json = new ByteBuffer();
        json.Append("{\"role\":\"assistant\",\"content\":"u8);
        ReplyJson.AppendArray(json, _blocks.OrderBy(entry => entry.Index), entry => entry.Block.WriteTo(json));
        json.Append((byte)'}');
        return Build(AnthropicMessageReader.Instance.Read(json.ToArray()), _refusal, StopWord.EndsTurn(StopReason), marks: MarksOf(json));
    }

    /// <summary>A client may keep a compacted history and nothing else of the response.</summary>
    private static List<string> MarksOf(ByteBuffer message)
    {
        if (message.Span.IndexOf("\"compaction\""u8) < 0)
        {
            return [];
        }

        using var document = LenientJson.Parse(message.Memory);
        return
        [
            .. (document?.RootElement ?? default).Get("content"u8).Items()
                .Where(block => block.Get("type"u8).Is("compaction"u8))
                .Select(block => CompactionMark.Of(block.Text("content"u8)))
                .OfType<string>(),
        ];
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
                StartBlock(value.Number("index"u8) ?? _blocks.Count, new AnthropicBlock(value.Get("content_block"u8)));
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
            case "content_block_stop":
                if (_blocks.FindLast(entry => entry.Index == value.Number("index"u8)).Block is { } closed)
                {
                    closed.IsClosed = true;
                }

                return true;
            case "ping":
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
        var type = delta.Text("type"u8);
        // Some servers give one index to blocks that overlap: a delta belongs to the last one of its kind.
        var own = _blocks.Where(entry => entry.Index == index).Select(entry => entry.Block).ToList();
        var block = own.FindLast(known => known.Takes(type)) ?? own.LastOrDefault();
        if (block is null)
        {
            // The start was lost; the kind of delta determines the kind of block.
            block = AnthropicBlock.ForDelta(type);
            _blocks.Add((index, block));
        }

        if (!block.Append(delta))
        {
            KeepUnknown(value.RawText());
        }

        return true;
    }

    /// <summary>Adds a block; it takes the place of one with its index that got nothing yet. Some servers use an index again.</summary>
    private void StartBlock(long index, AnthropicBlock block)
    {
        var last = _blocks.FindLastIndex(entry => entry.Index == index);
        if (last >= 0 && !_blocks[last].Block.HasGrown)
        {
            _blocks[last] = (index, block);
        }
        else
        {
            _blocks.Add((index, block));
        }
    }

    private void TakeMessage(JsonElement message)
    {
        ResponseId = message.Text("id"u8) ?? ResponseId;
        Model = message.Text("model"u8) ?? Model;
        foreach (var block in message.Get("content"u8).Items())
        {
            _blocks.Add((_blocks.Count, new AnthropicBlock(block)));
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
