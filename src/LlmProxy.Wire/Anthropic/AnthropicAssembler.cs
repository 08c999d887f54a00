using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Messages;
using LlmProxy.Wire.Replies;

namespace LlmProxy.Wire.Anthropic;

/// <summary>Assembles a response of the Messages API (platform.claude.com, "Streaming messages").</summary>
internal sealed class AnthropicAssembler : JsonReplyAssembler
{
    private readonly SortedDictionary<long, AnthropicBlock> _blocks = [];
    private string? _refusal;
    private long _input;
    private long _cacheRead;
    private long _cacheWrite;
    private long _output;
    private long _thinking;
    private long _longCacheWrite;

    protected override AssembledReply Build()
    {
        using var json = new ByteBuffer();
        json.Append("{\"role\":\"assistant\",\"content\":"u8);
        ReplyJson.AppendArray(json, _blocks.Values, block => block.WriteTo(json));
        json.Append((byte)'}');
        return Build(AnthropicMessageReader.Instance.Read(json.ToArray()), _refusal, StopReason is "end_turn" or "stop_sequence", marks: MarksOf(json));
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
                _blocks[value.Number("index"u8) ?? _blocks.Count] = new AnthropicBlock(value.Get("content_block"u8));
                return true;
            case "content_block_delta":
                return TakeDelta(value);
            case "message_delta":
                TakeStop(value.Get("delta"u8));
                TakeUsage(value.Get("usage"u8));
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
        TakeUsage(message.Get("usage"u8));
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

    private void TakeUsage(JsonElement usage)
    {
        // Counts are cumulative. Input leaves cached tokens out.
        if (usage.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        _thinking = Later(_thinking, usage.Get("output_tokens_details"u8).Number("thinking_tokens"u8));
        if (usage.Get("iterations"u8).Items().ToList() is { Count: > 0 } passes)
        {
            // The counts of the message itself leave out other passes: compaction, advisor, fallback.
            (_input, _cacheRead, _cacheWrite, _longCacheWrite, _output) = (0, 0, 0, 0, 0);
            passes.ForEach(Add);
        }
        else
        {
            _input = Later(_input, usage.Number("input_tokens"u8));
            _cacheRead = Later(_cacheRead, usage.Number("cache_read_input_tokens"u8));
            _cacheWrite = Later(_cacheWrite, usage.Number("cache_creation_input_tokens"u8));
            _longCacheWrite = Later(_longCacheWrite, LongCacheWrite(usage));
            _output = Later(_output, usage.Number("output_tokens"u8));
        }

        Usage = new TokenUsage(_input + _cacheRead + _cacheWrite, _output, _cacheRead, _cacheWrite, _thinking) { LongCacheWrite = _longCacheWrite };
    }

    private void Add(JsonElement pass)
    {
        _input += pass.Number("input_tokens"u8) ?? 0;
        _cacheRead += pass.Number("cache_read_input_tokens"u8) ?? 0;
        _cacheWrite += pass.Number("cache_creation_input_tokens"u8) ?? 0;
        _longCacheWrite += LongCacheWrite(pass) ?? 0;
        _output += pass.Number("output_tokens"u8) ?? 0;
    }

    private static long? LongCacheWrite(JsonElement usage) => usage.Get("cache_creation"u8).Number("ephemeral_1h_input_tokens"u8);
}
