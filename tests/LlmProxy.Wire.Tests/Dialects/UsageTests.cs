using System.Text;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Dialects;

/// <summary>How the usage objects of one response come together: each replaces what it states, and a 0 replaces nothing.</summary>
public sealed class UsageTests
{
    [Fact]
    public void Input_of_message_start_survives_a_zero_in_message_delta() =>
        Assert.Equal(
            new TokenUsage(15_000, 12, 0, 0, 0),
            Read(DialectKind.AnthropicMessages,
                """{"type":"message_start","message":{"id":"m","usage":{"input_tokens":15000,"output_tokens":1}}}""",
                """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":0,"output_tokens":12}}"""));

    [Fact]
    public void Passes_that_the_counts_of_the_message_leave_out_are_counted() =>
        Assert.Equal(
            new TokenUsage(203_500, 4_500, 500, 0, 0),
            Read(DialectKind.AnthropicMessages,
                """{"type":"message_start","message":{"id":"m","usage":{"input_tokens":23000,"output_tokens":1}}}""",
                """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":3500,"cache_read_input_tokens":500},{"type":"message","input_tokens":23000,"output_tokens":1000}]}}"""));

    [Fact]
    public void Cache_writes_for_an_hour_are_told_apart() =>
        Assert.Equal(
            new TokenUsage(1_010, 10, 0, 1_000, 0) { LongCacheWrite = 600 },
            Read(DialectKind.AnthropicMessages,
                """{"type":"message_start","message":{"id":"m","usage":{"input_tokens":10,"output_tokens":1,"cache_creation_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":400,"ephemeral_1h_input_tokens":600}}}}""",
                """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":10}}"""));

    [Fact]
    public void Details_of_an_earlier_chunk_survive_a_last_one_without_them() =>
        Assert.Equal(
            new TokenUsage(5_000, 9, 4_800, 0, 0),
            Read(DialectKind.OpenAiChat,
                """{"id":"c","choices":[{"index":0,"delta":{"content":"text"}}],"usage":{"prompt_tokens":5000,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4800}}}""",
                """{"id":"c","choices":[],"usage":{"prompt_tokens":5000,"completion_tokens":9}}"""));

    [Fact]
    public void Usage_under_another_providers_names_is_read() =>
        Assert.Equal(
            new TokenUsage(50, 9, 40, 0, 0),
            Read(DialectKind.OpenAiChat, """{"id":"c","choices":[{"index":0,"delta":{"content":"text"},"finish_reason":"stop"}],"usage":{"input_tokens":50,"output_tokens":9,"cache_read_input_tokens":40}}"""));

    [Fact]
    public void A_partial_last_usage_of_Gemini_keeps_what_came_before() =>
        Assert.Equal(
            new TokenUsage(5_105, 316, 5_100, 0, 300),
            Read(DialectKind.Gemini,
                """{"candidates":[{"content":{"role":"model","parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":5105,"candidatesTokenCount":10,"thoughtsTokenCount":300,"cachedContentTokenCount":5100}}""",
                """{"candidates":[{"content":{"role":"model","parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":16}}"""));

    [Theory]
    [InlineData(DialectKind.OpenAiChat, """{"id":"c","choices":[{"index":0,"delta":{"content":"text"},"finish_reason":"stop"}],"usage":{"prompt_tokens":50}}""", null, null)]
    [InlineData(DialectKind.OpenAiChat, """{"id":"c","choices":[{"index":0,"delta":{"content":"text"},"finish_reason":"stop"}],"usage":{"completion_tokens":9}}""", null, null)]
    [InlineData(DialectKind.OpenAiChat, """{"id":"c","choices":[{"index":0,"delta":{"content":"text"},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"total_tokens":59}}""", 50L, 9L)]
    [InlineData(DialectKind.OpenAiChat, """{"id":"c","choices":[{"index":0,"delta":{"content":"text"},"finish_reason":"stop"}],"usage":{"prompt_tokens":50,"completion_tokens":0}}""", 50L, 0L)]
    [InlineData(DialectKind.AnthropicMessages, """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":12}}""", null, null)]
    [InlineData(DialectKind.Gemini, """{"candidates":[{"content":{"role":"model","parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":50}}""", null, null)]
    [InlineData(DialectKind.Gemini, """{"candidates":[{"content":{"role":"model","parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":50,"totalTokenCount":50}}""", 50L, 0L)]
    public void A_usage_with_one_count_alone_is_unknown_unless_a_total_says_the_other(DialectKind kind, string data, long? input, long? output)
    {
        var reply = Assemble(kind, data);

        Assert.Equal((input, output), reply.HasUsage ? (reply.Usage.Input, reply.Usage.Output) : (null, null));
    }

    private static TokenUsage Read(DialectKind kind, params string[] events) => Assemble(kind, events).Usage;

    private static AssembledReply Assemble(DialectKind kind, params string[] events)
    {
        var assembler = DialectCatalog.Get(kind).CreateAssembler("text/event-stream", true);
        foreach (var data in events)
        {
            assembler.Append(Encoding.UTF8.GetBytes($"data: {data}\n\n"));
        }

        return assembler.ToReply();
    }
}
