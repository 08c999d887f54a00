namespace LlmProxy.Tests.Wire;

/// <summary>
/// Each place where a prompt can stand, in each dialect: whole bodies as the client sends them and as the upstream gets
/// them. They differ in that one text and in no other byte.
/// </summary>
public sealed class RewrittenBytesTests : IDisposable
{
    // Whatever JSON allows and nobody needs: blanks, doubled and unknown keys, escapes, numbers that no double holds.
    private const string Odd = "\"dup\" : 1,\"dup\":2 , \"big\":123456789012345678901234567890, \"f\":1.50e+01,\"esc\":\"\\u0041\\/\\ud83d\\ude00\\u00e9 \u00e9\", \"x-unknown\":{\"system\":\"no\",\"a\":[[[[{\"instructions\":null}]]]]}";

    private readonly string _templates = Directory.CreateTempSubdirectory("llmproxy-templates-").FullName;

    public RewrittenBytesTests()
    {
        foreach (var provider in (string[])["openai", "gemini", "proxy", "anthropic"])
        {
            File.WriteAllText(Path.Combine(_templates, provider + ".sbn"), "{{ system.head }}[ADDED \"q\" \u00e9]{{ system.tail }}");
        }
    }

    public void Dispose() => Directory.Delete(_templates, recursive: true);

    /// <summary>Name, path, body as sent, body as received. OLD and NEW stand for the two literals' insides.</summary>
    public static TheoryData<string, string, string> Places()
    {
        const string Chat = "/openai/v1/chat/completions";
        const string Responses = "/openai/v1/responses";
        const string Gemini = "/gemini/v1beta/models/gemini-2.5-pro:generateContent";
        const string Messages = "/proxy/v1/messages";
        return new TheoryData<string, string, string>
        {
            // Chat Completions
            { "system message, text", Chat, """{ "model" : "gpt-4o",ODD,"messages":[{"role":"system","content":"<OLD>"},{"role":"user","content":"u"}]}""" },
            { "system message, parts", Chat, """{"model":"gpt-4o","messages":[{"content":[{"type":"text","text":"first"},{"type":"text" , "text":"<OLD>","x":0}],"role":"system"},{"role":"user","content":"u"}],ODD}""" },
            { "developer message, text", Chat, """{"messages":[{"role":"developer","content":"<OLD>","name":"n"},{"role":"user","content":"u"}],ODD,"model":"gpt-4o"}""" },
            { "developer message, parts", Chat, """{"messages":[{"role":"developer","content":[{"type":"text","text":"<OLD>"}]},{"role":"user","content":"u"}],"model":"gpt-4o",ODD}""" },
            { "the first of two system messages", Chat, """{"model":"gpt-4o","messages":[{"role":"system","content":"<OLD>"},{"role":"system","content":"second"},{"role":"user","content":"u"}],ODD}""" },
            { "no system message", Chat, """{"model":"gpt-4o","messages":[<INSERT{"role":"system","content":>{"role":"user","content":"u"}],ODD}""" },

            // Responses
            { "instructions", Responses, """{"model":"gpt-5",ODD,"instructions" : "<OLD>" ,"input":"u"}""" },
            { "instructions beside a developer item", Responses, """{"input":[{"role":"developer","content":"d"},{"role":"user","content":"u"}],ODD,"model":"gpt-5","instructions":"<OLD>"}""" },
            { "developer item, text", Responses, """{"model":"gpt-5","input":[{"role":"developer","content":"<OLD>"},{"role":"user","content":"u"}],ODD}""" },
            { "developer item, parts", Responses, """{"model":"gpt-5","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"<OLD>"}]},{"role":"user","content":[{"type":"input_text","text":"u"}]}],ODD}""" },
            { "instructions with history on the server", Responses, """{"model":"gpt-5","previous_response_id":"resp_1","instructions":"<OLD>","input":[{"role":"developer","content":"OPERATING PRINCIPLES"},{"role":"user","content":"u"}],ODD}""" },
            { "no instructions", Responses, """{<INSERT"instructions":>"model":"gpt-5","input":"u",ODD}""" },

            // Gemini
            { "systemInstruction", Gemini, """{ODD,"systemInstruction":{"parts":[{"text":"<OLD>"}]},"contents":[{"role":"user","parts":[{"text":"u"}]}]}""" },
            { "system_instruction", Gemini, """{"system_instruction":{"role":"user","parts":[{"text":"first"},{"text" : "<OLD>"}]},"contents":[{"role":"user","parts":[{"text":"u"}]}],ODD}""" },
            { "no system instruction", Gemini, """{<INSERT"systemInstruction":{"parts":[{"text":>"contents":[{"role":"user","parts":[{"text":"u"}]}],ODD}""" },

            // Messages, for a model that is not Claude
            { "system, text", Messages, """{"model":"gpt-4o","system":"<OLD>",ODD,"max_tokens":10,"messages":[{"role":"user","content":"u"}]}""" },
            { "system, blocks", Messages, """{"max_tokens":10,"system":[{"type":"text","text":"first","cache_control":{"type":"ephemeral"}},{"type":"text","text":"<OLD>","cache_control":{"type":"ephemeral","ttl":"1h"}}],ODD,"model":"gpt-4o","messages":[{"role":"user","content":"u"}]}""" },
            { "no system", Messages, """{<INSERT"system":>"model":"gpt-4o","max_tokens":10,ODD,"messages":[{"role":"user","content":"u"}]}""" },
        };
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task The_upstream_gets_the_clients_bytes_but_for_the_one_text(string place, string path, string pattern)
    {
        const string Old = "You are \\u0022it\\u0022.\\n# OPERATING PRINCIPLES\\n1. caf\\u00e9";
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", _templates), ("LlmProxy:Prompts:ApplyTo", "all"));
        proxy.Upstream.AnswerWith("{}");
        foreach (var mark in (string[])["", "\uFEFF"])
        {
            var body = mark + Fill(pattern, Old, null);
            using var answer = await proxy.PostAsync(path, body);

            Assert.True(answer.Headers.Contains("LlmProxy-Few-Shot-Result"), place);
            var sent = proxy.Upstream.Last;
            Assert.Equal(mark + Fill(pattern, "You are \\\"it\\\".\\n[ADDED \\\"q\\\" \u00e9]# OPERATING PRINCIPLES\\n1. caf\u00e9", "[ADDED \\\"q\\\" \u00e9]"), sent.Text);
            Assert.Equal(sent.Body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), sent.Headers["Content-Length"].Single());
        }
    }

    [Fact]
    public async Task Without_instructions_a_call_whose_history_the_server_keeps_gets_them_and_its_items_stay()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", _templates), ("LlmProxy:Prompts:ApplyTo", "all"));
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync("/openai/v1/responses", """{"model":"gpt-5","previous_response_id":"resp_1","input":[{"role":"developer","content":"d"},{"role":"user","content":"u"}]}""");

        Assert.Contains("""{"role":"developer","content":"d"}""", proxy.Upstream.Last.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("""{"role":"developer","content":"d[ADDED""", proxy.Upstream.Last.Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task A_claude_model_gets_every_byte_as_it_was_sent_in_any_dialect(string place, string path, string pattern)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", _templates), ("LlmProxy:Prompts:ApplyTo", "all"));
        proxy.Upstream.AnswerWith("{}");
        var body = Fill(pattern, "x\\nOPERATING PRINCIPLES\\ny", null).Replace("gpt-4o", "claude-x", StringComparison.Ordinal).Replace("gpt-5", "claude-x", StringComparison.Ordinal);

        using var answer = await proxy.PostAsync(path.Replace("gemini-2.5-pro", "claude-x", StringComparison.Ordinal), body);

        Assert.Equal(body, proxy.Upstream.Last.Text);
        Assert.False(answer.Headers.Contains("LlmProxy-Few-Shot-Result"), place);
    }

    /// <summary>A pattern's body: with its text, or what the proxy puts in where there is none.</summary>
    private static string Fill(string pattern, string text, string? inserted)
    {
        var body = pattern.Replace("ODD", Odd, StringComparison.Ordinal).Replace("<OLD>", text, StringComparison.Ordinal);
        var start = body.IndexOf("<INSERT", StringComparison.Ordinal);
        if (start < 0)
        {
            return body;
        }

        var end = body.IndexOf('>', start);
        var before = body[(start + 7)..end];
        var closing = new string([.. before.Where(c => c is '{' or '[').Reverse().Select(c => c == '{' ? '}' : ']')]);
        return body[..start] + (inserted is null ? "" : $"{before}\"{inserted}\"{closing},") + body[(end + 1)..];
    }
}
