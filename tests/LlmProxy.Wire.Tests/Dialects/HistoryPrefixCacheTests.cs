using System.Text;
using LlmProxy.Wire;
using LlmProxy.Wire.Scanning;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Dialects;

public sealed class HistoryPrefixCacheTests(ITestOutputHelper output)
{
    public static TheoryData<DialectKind> Kinds => [DialectKind.AnthropicMessages, DialectKind.OpenAiChat, DialectKind.OpenAiResponses, DialectKind.Gemini];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_growing_history_is_read_the_same_as_without_what_was_known(DialectKind kind)
    {
        var known = new HistoryPrefixCache();
        var history = new List<string>();
        var random = new Random(7);
        for (var step = 0; step < 40; step++)
        {
            history.Add(ClientMessage(kind, step, random.Next(10, 3000)));
            // The history does not begin at the same place every time.
            AssertSame(kind, Body(kind, history, step), known);
            history.Add(ModelMessage(kind, step, random.Next(10, 1500)));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_history_that_is_changed_anywhere_is_read_anew_from_there(DialectKind kind)
    {
        var random = new Random(8);
        var history = Enumerable.Range(0, 30).SelectMany(step => new[] { ClientMessage(kind, step, 700), ModelMessage(kind, step, 300) }).ToList();
        var body = Encoding.UTF8.GetBytes(Body(kind, history, 1));
        for (var round = 0; round < 200; round++)
        {
            var known = new HistoryPrefixCache();
            AssertSame(kind, Encoding.UTF8.GetString(body), known);
            var changed = (byte[])body.Clone();
            var at = random.Next(changed.Length);
            changed[at] = changed[at] is (byte)'x' ? (byte)'y' : changed[at] is (byte)'y' ? (byte)'x' : changed[at];
            AssertSame(kind, Encoding.UTF8.GetString(changed), known);
        }
    }

    [Fact]
    public void What_was_read_in_one_dialect_is_not_known_in_another()
    {
        var known = new HistoryPrefixCache();
        var history = Enumerable.Range(0, 40).Select(i => $$"""{"role":"{{(i % 2 == 0 ? "user" : "assistant")}}","content":"{{new string('x', 200)}}{{i}}"}""").ToList();
        AssertSame(DialectKind.AnthropicMessages, Body(DialectKind.AnthropicMessages, history, 0), known);
        AssertSame(DialectKind.OpenAiChat, Body(DialectKind.OpenAiChat, history, 0), known);
    }

    [Fact]
    public void A_history_that_stands_twice_in_a_body_does_not_mix_with_what_was_known()
    {
        var known = new HistoryPrefixCache();
        var first = Enumerable.Range(0, 20).Select(i => ClientMessage(DialectKind.AnthropicMessages, i, 400)).ToList();
        var second = Enumerable.Range(50, 20).Select(i => ClientMessage(DialectKind.AnthropicMessages, i, 400)).ToList();
        var twice = $$"""{"messages":[{{string.Join(',', first)}}],"messages":[{{string.Join(',', second)}}]}""";
        AssertSame(DialectKind.AnthropicMessages, twice, known);
        AssertSame(DialectKind.AnthropicMessages, Body(DialectKind.AnthropicMessages, first, 0), known);
        AssertSame(DialectKind.AnthropicMessages, Body(DialectKind.AnthropicMessages, second, 0), known);
        AssertSame(DialectKind.AnthropicMessages, twice, known);
    }

    [SharedDataFact]
    public void Recorded_requests_are_read_the_same_as_without_what_was_known()
    {
        var known = new HistoryPrefixCache();
        var compared = 0;
        foreach (var recording in Recording.All.Where(r => r.Request is not null).OrderBy(r => r.Cassette, StringComparer.Ordinal).ThenBy(r => r.Sequence))
        {
            AssertSame(recording.Dialect, recording.Request!, recording.Path, known);
            AssertSame(recording.Dialect, recording.Request!, recording.Path, known);
            compared++;
        }

        output.WriteLine($"{compared} requests");
        Assert.True(compared > 2000);
    }

    private static void AssertSame(DialectKind kind, string body, HistoryPrefixCache known) =>
        AssertSame(DialectCatalog.Get(kind), Encoding.UTF8.GetBytes(body), "/v1/x", known);

    private static void AssertSame(IDialect dialect, byte[] body, string path, HistoryPrefixCache known)
    {
        using var plainKeys = new TurnKeys(Wire.Secret);
        using var keys = new TurnKeys(Wire.Secret, known);
        var plain = dialect.ReadRequest(body, path, plainKeys);
        var reading = dialect.ReadRequest(body, path, keys);
        Assert.Equal(plain is null, reading is null);
        if (plain is null || reading is null)
        {
            return;
        }

        Assert.Equal(plain.Messages, reading.Messages);
        Assert.Equal(plain.ToolCallIds, reading.ToolCallIds);
        Assert.Equal(plain.SystemTexts, reading.SystemTexts);
        Assert.Equal((plain.Model, plain.Stream, plain.OffersTools, plain.IsContinuation), (reading.Model, reading.Stream, reading.OffersTools, reading.IsContinuation));
        Assert.Equal((plain.DefaultSystemText, plain.Insertion?.Range), (reading.DefaultSystemText, reading.Insertion?.Range));
        Assert.Equal(plain.ReadTools(), reading.ReadTools());
        Assert.Equal(plain.ReadLastUserText(), reading.ReadLastUserText());
    }

    private static string Body(DialectKind kind, List<string> history, int number)
    {
        var tools = """
            "tools":[{"type":"function","name":"t","function":{"name":"t"}}]
            """;
        var list = $"[{string.Join(number % 3 == 0 ? ", " : ",", history)}]";
        var name = kind switch { DialectKind.Gemini => "contents", DialectKind.OpenAiResponses => "input", _ => "messages" };
        return number % 2 == 0 ? $$"""{"model":"m{{number}}","{{name}}":{{list}},{{tools}}}""" : $$"""{ {{tools}},"{{name}}":{{list}},"stream":true}""";
    }

    private static string ClientMessage(DialectKind kind, int step, int length)
    {
        var text = $"{step} \\u00e9\\n {new string('x', length)}";
        return kind switch
        {
            DialectKind.AnthropicMessages => $$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_{{step - 1}}","content":"{{text}}"}]}""",
            DialectKind.OpenAiChat => step % 5 == 0 ? $$"""{"role":"system","content":"{{text}}"}""" : $$"""{"role":"tool","tool_call_id":"call_{{step - 1}}","content":"{{text}}"}""",
            DialectKind.OpenAiResponses => $$"""{"type":"function_call_output","call_id":"call_{{step - 1}}","output":"{{text}}"}""",
            _ => """{"role":"user","parts":[{"functionResponse":{"name":"t","response":{"output":"TEXT"}}}]}""".Replace("TEXT", text, StringComparison.Ordinal),
        };
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_history_whose_turns_come_in_pieces_is_read_the_same_as_without_what_was_known(int pieces)
    {
        var known = new HistoryPrefixCache();
        var history = new List<string>();
        for (var step = 0; step < 30; step++)
        {
            history.Add(ClientMessage(DialectKind.Gemini, step, 300));
            AssertSame(DialectKind.Gemini, Body(DialectKind.Gemini, history, step), known);
            history.AddRange(Enumerable.Range(0, pieces).Select(piece => $$"""{"role":"model","parts":[{"text":"piece {{piece}} of {{step}} {{new string('x', 90)}}"}]}"""));
        }
    }

    private static string ModelMessage(DialectKind kind, int step, int length)
    {
        var text = $"{step} {new string('y', length)}";
        return kind switch
        {
            DialectKind.AnthropicMessages => $$"""{"role":"assistant","content":[{"type":"text","text":"{{text}}"},{"type":"tool_use","id":"call_{{step}}","name":"t","input":{} }]}""",
            DialectKind.OpenAiChat => $$$"""{"role":"assistant","content":"{{{text}}}","tool_calls":[{"id":"call_{{{step}}}","type":"function","function":{"name":"t","arguments":"{}"}}]}""",
            DialectKind.OpenAiResponses => $$"""{"type":"message","role":"assistant","content":[{"type":"output_text","text":"{{text}}"}]},{"type":"function_call","call_id":"call_{{step}}","name":"t","arguments":"{}"}""",
            _ => """{"role":"model","parts":[{"text":"TEXT"},{"functionCall":{"name":"t","args":{"n":1}}}]}""".Replace("TEXT", text, StringComparison.Ordinal),
        };
    }
}
