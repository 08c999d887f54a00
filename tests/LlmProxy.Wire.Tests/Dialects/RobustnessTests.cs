using System.Text;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Dialects;

/// <summary>No bytes make the dialects throw.</summary>
public sealed class RobustnessTests(ITestOutputHelper output)
{
    private static readonly string[] Samples =
    [
        """{"model":"m","system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t"}],"metadata":{"user_id":"{\"session_id\":\"1\"}"},"messages":[{"role":"user","content":[{"type":"text","text":"a\ud83d\ude00"},{"type":"tool_result","tool_use_id":"x","content":"y","cache_control":null}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h"},{"type":"tool_use","id":"x","name":"t","input":{"a":1.5e3}}]}]}""",
        """{"model":"m","functions":[{"name":"f"}],"messages":[{"role":"developer","content":"d"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\":"},"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"x"}]}]}""",
        """{"model":"m","instructions":"i","previous_response_id":null,"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","tools":[{"name":"t"}]}]},{"role":"user","content":"u"},{"type":"reasoning","summary":[{"text":"r"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"tool_search_output","execution":"client","tools":[]},{"type":"function_call_output","call_id":"c","output":"x"}]}""",
        """{"systemInstruction":{"parts":[{"text":"s"}]},"tools":[{"functionDeclarations":[{"name":"f"}]}],"contents":[{"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"b":[1,2],"a":null}}}]},{"parts":[{"functionResponse":{"name":"f","response":{"error":"e"},"parts":[{"inlineData":{"mimeType":"image/png"}}]}}]}]}""",
        "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"i\",\"usage\":{\"input_tokens\":1}}}\r\n\r\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"x\",\"input\":{}}}\r\n\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\r\n\r\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":{}},\"usage\":{}}\r\n\r\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"text\":\"x\"}]}],\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{}}}],\"function_call\":{\"name\":\"f\"},\"reasoning_details\":[{}]},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}\n\ndata: [DONE]\n\n",
        "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[]}}\n\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"x\"}\n\ndata: {\"type\":\"response.refusal.delta\",\"delta\":\"x\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"call_id\":\"c\"}],\"usage\":{}}}\n\n",
        "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"},{\"text\":\"y\",\"thoughtSignature\":\"s\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}}}]},\"finishReason\":1}],\"usageMetadata\":{\"promptTokenCount\":1},\"promptFeedback\":{\"blockReason\":\"X\"}}]",
    ];

    [Fact]
    public void Thousands_of_broken_bodies_and_answers_raise_no_exception()
    {
        var random = new Random(4711);
        var read = 0;
        for (var i = 0; i < 4000; i++)
        {
            var bytes = Mutate(Wire.Bytes(Samples[i % Samples.Length]), random);
            foreach (var dialect in DialectCatalog.All)
            {
                try
                {
                    read += Drive(dialect, bytes, random) ? 1 : 0;
                }
                catch (Exception exception) when (exception is not OutOfMemoryException)
                {
                    Assert.Fail($"{dialect.Kind}: {exception}\n{Convert.ToBase64String(bytes)}\n{Encoding.UTF8.GetString(bytes)}");
                }
            }
        }

        output.WriteLine($"{read} mutations were still requests");
        Assert.InRange(read, 1000, 20_000); // else the mutations only test the JSON parser
    }

    [Theory]
    [InlineData(DialectKind.AnthropicMessages, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"x\",\"deep\":", "}]}]}")]
    [InlineData(DialectKind.OpenAiChat, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"deep\":", "}]}")]
    [InlineData(DialectKind.OpenAiResponses, "{\"input\":[{\"type\":\"function_call_output\",\"output\":", "}]}")]
    [InlineData(DialectKind.Gemini, "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":", "}}]}]}")]
    public void Deep_nesting_is_read_on_a_small_stack(DialectKind kind, string before, string after)
    {
        var arrays = new string('[', 10_000) + new string(']', 10_000);
        var objects = string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) + "1" + new string('}', 10_000);
        Exception? failure = null;
        // A pool thread's stack may be this small; recursion over the input would end the process.
        var thread = new Thread(
            () =>
            {
                foreach (var deep in (string[])[arrays, objects])
                {
                    failure ??= Record.Exception(() => Assert.Single(Wire.Read(kind, before + deep + after).Messages));
                    failure ??= Record.Exception(() => Assert.Single(DialectCatalog.Get(kind).ReadContent(Wire.Bytes(before + deep + after))!.Messages));
                }
            },
            256 * 1024);
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"messages\":")]
    [InlineData("{\"messages\":[],\"contents\":[],\"input\":[]}}")]
    [InlineData("{\"messages\":{},\"contents\":1,\"input\":{}}")]
    public void What_is_no_request_is_null(string body)
        => Assert.All(DialectCatalog.All, dialect => Assert.Null(Wire.TryRead(dialect.Kind, body)));

    [Fact]
    public void The_last_of_equal_names_counts()
    {
        var reading = Wire.Read(DialectKind.OpenAiChat, """{"model":"a","messages":[{"role":"system","content":"x"},{"role":"assistant","content":"y"}],"model":"b","messages":[{"role":"user","content":"old","content":"new"}]}""");

        Assert.Equal("b", reading.Model);
        Assert.Empty(reading.SystemTexts);
        Assert.Equal(Wire.Read(DialectKind.OpenAiChat, """{"messages":[{"role":"user","content":"new"}]}""").Messages[0].Key, Assert.Single(reading.Messages).Key);
    }

    [Fact]
    public void Reading_a_long_history_allocates_no_copy_of_it()
    {
        var text = new string('x', 10_000);
        var body = Wire.Bytes("{\"messages\":[" + string.Join(',', Enumerable.Repeat($$"""{"role":"user","content":"{{text}}"},{"role":"assistant","content":"{{text}}"}""", 100)) + "]}");
        using var keys = new TurnKeys(Wire.Secret);
        var dialect = DialectCatalog.Get(DialectKind.OpenAiChat);
        dialect.ReadRequest(body, "/", keys);

        var before = GC.GetAllocatedBytesForCurrentThread();
        dialect.ReadRequest(body, "/", keys);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        output.WriteLine($"{allocated} bytes for a body of {body.Length}");
        WriteTime(dialect, keys);
        Assert.InRange(allocated, 0, 60_000);
    }

    /// <summary>For the reader of the test's output; budgets are held by the benchmarks.</summary>
    private void WriteTime(IDialect dialect, TurnKeys keys)
    {
        var text = string.Concat(Enumerable.Repeat("a line of a tool's result with \\\"quotes\\\"\\n", 14));
        var body = Wire.Bytes("{\"messages\":[" + string.Join(',', Enumerable.Range(0, 30).Select(i => $$$"""{"role":"assistant","content":"{{{text}}}","tool_calls":[{"id":"call_{{{i}}}","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"call_{{{i}}}","content":"{{{text}}}"}""")) + "]}");
        var start = TimeProvider.System.GetTimestamp();
        const int Rounds = 2000;
        for (var i = 0; i < Rounds; i++)
        {
            dialect.ReadRequest(body, "/", keys);
        }

        output.WriteLine($"{TimeProvider.System.GetElapsedTime(start).TotalMicroseconds / Rounds:0} µs for 60 messages in {body.Length} bytes");
    }

    private static bool Drive(IDialect dialect, byte[] bytes, Random random)
    {
        using var keys = new TurnKeys(Wire.Secret);
        var reading = dialect.ReadRequest(bytes, "/v1beta/models/m:generateContent", keys);
        var content = dialect.ReadContent(bytes);
        Assert.Equal(reading is null, content is null);
        dialect.ReadMessage(bytes);
        if (reading is not null)
        {
            Assert.Equal(reading.Messages.Count, content!.Messages.Count);
            reading.ReadTools();
            reading.ReadFirstUserText();
            reading.ReadLastUserText();
            if (reading.DefaultSystemText >= 0 || reading.Insertion is not null)
            {
                var changed = Wire.Bytes(Wire.Rewrite(reading, "NEW"));
                Assert.NotNull(dialect.ReadRequest(changed, "/", keys));
            }
        }

        var assembler = dialect.CreateAssembler(null, random.Next(2) == 0);
        for (var at = 0; at < bytes.Length;)
        {
            var length = Math.Min(bytes.Length - at, random.Next(1, 60));
            assembler.Append(bytes.AsSpan(at, length));
            at += length;
            if (random.Next(10) == 0)
            {
                assembler.ToReply();
            }
        }

        var reply = assembler.ToReply();
        var message = dialect.ReadMessage(reply.Message.Json);
        Assert.Equal(reply.Message.Text, message.Text);
        return reading is not null;
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        var list = bytes.ToList();
        for (var i = random.Next(1, 4); i > 0 && list.Count > 4; i--)
        {
            var at = random.Next(list.Count);
            switch (random.Next(14))
            {
                case 0:
                    list[at] = (byte)random.Next(256);
                    break;
                case 1:
                    list.RemoveRange(at, Math.Min(random.Next(1, 20), list.Count - at));
                    break;
                case 2:
                    list.InsertRange(at, list.GetRange(at, Math.Min(random.Next(1, 60), list.Count - at)));
                    break;
                case 3:
                    list.InsertRange(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                default:
                    // Swaps one value for another kind: the JSON often stays whole.
                    Swap(list, random);
                    break;
            }
        }

        return [.. list];
    }

    private static readonly byte[][] Pieces =
    [
        [.. "\"\\ud800\""u8], [.. "\\u0000"u8], [.. "null"u8], [.. "[]"u8], [.. "{}"u8], [.. "\n\n"u8], [.. ":"u8], [.. ","u8], [0xFF, 0xFE], [0xEF, 0xBB, 0xBF], [.. "\"role\":\"assistant\","u8], [.. "1e999"u8],
    ];

    private static void Swap(List<byte> list, Random random)
    {
        var starts = Enumerable.Range(1, list.Count - 1).Where(i => list[i] == '"' && list[i - 1] == ':').ToList();
        if (starts.Count == 0)
        {
            return;
        }

        var start = starts[random.Next(starts.Count)];
        var end = start + 1;
        while (end < list.Count && (list[end] != '"' || list[end - 1] == '\\'))
        {
            end++;
        }

        list.RemoveRange(start, Math.Min(end + 1, list.Count) - start);
        list.InsertRange(start, Swaps[random.Next(Swaps.Length)]);
    }

    private static readonly byte[][] Swaps =
    [
        [.. "null"u8], [.. "7"u8], [.. "true"u8], [.. "[]"u8], [.. "{}"u8], [.. "\"\""u8], [.. "\"\\ud83d\""u8], [.. "\"assistant\""u8], [.. "\"text\""u8], [.. "[{\"type\":\"text\",\"text\":5}]"u8], [(byte)'"', 0xC3, (byte)'"'],
    ];
}
