using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;
using LlmProxy.Wire.Translation;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Translation;

/// <summary>
/// Broken requests and replies through the translators: nothing throws, and what comes out is valid or an error. As many as
/// <c>LLMPROXY_MUTATIONS</c> says.
/// </summary>
public sealed class MutatedTranslationTests(ITestOutputHelper output)
{
    private const int ShortRun = 4_000;

    private static readonly (DialectKind Kind, string Body)[] Requests =
    [
        (DialectKind.AnthropicMessages, """{"model":"c","max_tokens":1024,"temperature":1.5,"stream":true,"system":[{"type":"text","text":"s\n","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t","description":"d","input_schema":{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x",null]},"b":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"array"}}}},{"type":"web_search_20250305","name":"web_search"}],"thinking":{"type":"enabled","budget_tokens":2000},"tool_choice":{"type":"auto","disable_parallel_tool_use":true},"messages":[{"role":"user","content":[{"type":"text","text":"a\ud83d\ude00"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s=="},{"type":"tool_use","id":"x","name":"t","input":{"a":1.5e3,"b":[1,{"c":null}]}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"y"}],"is_error":true},{"type":"text","text":"go"}]}]}"""),
        (DialectKind.OpenAiChat, """{"model":"g","n":1,"seed":123,"stream":true,"stop":["a","b"],"reasoning_effort":"high","max_tokens":55,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}}}}},"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{}}},{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"messages":[{"role":"developer","content":[{"type":"text","text":"d"}]},{"role":"user","content":[{"type":"text","text":"u"},{"type":"file","file":{"filename":"f.pdf","file_data":"data:application/pdf;base64,AA=="}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"id":"c2","type":"custom","custom":{"name":"c","input":"free"}}]},{"role":"tool","tool_call_id":"c1","content":"x"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"x"}]},{"role":"system","content":"late"}]}"""),
        (DialectKind.OpenAiResponses, """{"model":"g","instructions":"i","store":false,"max_output_tokens":5,"text":{"format":{"type":"json_object"}},"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"d"}]},{"role":"user","content":"u"},{"type":"reasoning","summary":[{"type":"summary_text","text":"r"}],"encrypted_content":"e"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"custom_tool_call","call_id":"k","name":"exec","input":"text"},{"type":"function_call_output","call_id":"c","output":"x"},{"type":"custom_tool_call_output","call_id":"k","output":[{"type":"input_text","text":"o"}]}],"tools":[{"type":"function","name":"f"},{"type":"namespace","name":"ns","tools":[{"type":"function","name":"t"}]},{"type":"custom","name":"exec"}]}"""),
        (DialectKind.Gemini, """{"system_instruction":{"role":"system","parts":[{"text":"s"},{"text":"t"}]},"tools":[{"functionDeclarations":[{"name":"f","description":"d","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true}},"required":["a"]}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"generationConfig":{"temperature":0.0,"thinkingConfig":{"thinkingBudget":512},"stopSequences":["x"]},"contents":[{"role":"user","parts":[{"text":"u"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},{"role":"model","parts":[{"text":"t","thought":true},{"functionCall":{"name":"f","args":{"b":[1,2],"a":null}}}]},{"role":"function","parts":[{"functionResponse":{"name":"f","response":{"error":"e"}}}]}]}"""),
    ];

    [Fact]
    public void A_mutated_request_is_refused_or_becomes_a_valid_one()
    {
        var count = Count;
        var mutator = new JsonMutator(7);
        var (carried, refused) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var (kind, sample) = Requests[i % Requests.Length];
            var body = mutator.Mutate(Encoding.UTF8.GetBytes(sample));
            var target = ConversationTranslator.Dialects[(i / Requests.Length) % 4];
            if (target == kind)
            {
                continue;
            }

            RequestTranslation translation;
            try
            {
                translation = ConversationTranslator.Translate(kind, body, Translations.PathOf(kind), new TranslationTarget { Dialect = target, Model = Translations.Models[target] });
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"mutation {i} of {kind} for {target}: {Convert.ToBase64String(body)}", error);
            }

            if (translation.IsRefused)
            {
                Assert.True(translation.Refusal!.Length > 10);
                refused++;
                continue;
            }

            carried++;
            var problems = TargetValidator.Check(target, translation.Body, Translations.Models[target]);
            Assert.True(problems.Count == 0, $"mutation {i} of {kind} for {target}: {string.Join("; ", problems.Take(3))}\n{Encoding.UTF8.GetString(body)}\n{Encoding.UTF8.GetString(translation.Body.Span)}");
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{carried} carried, {refused} refused; {mutator.Kinds}"));
        Assert.InRange(carried, count / 10, count);
    }

    [Fact]
    public void A_mutated_reply_becomes_a_reply_or_an_error_of_the_clients_dialect()
    {
        var count = Count;
        var mutator = new JsonMutator(8);
        var random = new Random(9);
        var (whole, failed) = (0, 0);
        for (var i = 0; i < count; i++)
        {
            var upstream = ConversationTranslator.Dialects[i % 4];
            var client = ConversationTranslator.Dialects[(i / 4) % 4];
            var stream = i / 16 % 2 == 0;
            if (upstream == client)
            {
                continue;
            }

            var body = mutator.Mutate(Encoding.UTF8.GetBytes(Streams.Of(upstream)));
            var request = Translations.Request(client, Translations.Minimal(client, stream), upstream, stream);
            // One byte at a time takes long.
            var chunk = i % 7 < 2 ? random.Next(1, 9) : random.Next(20, 400);
            string heard, split;
            try
            {
                heard = Reply(request, body, body.Length);
                split = Reply(request, body, chunk);
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"mutation {i} of {upstream} for {client}: {Convert.ToBase64String(body)}", error);
            }

            Assert.Equal(heard, split);
            var reply = Translations.Assemble(client, heard);
            Assert.True(reply.Error is not null || reply.IsComplete, $"mutation {i} of {upstream} for {client}: neither whole nor an error: {heard}");
            CheckEvents(heard, i);
            (whole, failed) = reply.Error is null ? (whole + 1, failed) : (whole, failed + 1);
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{whole} whole, {failed} with an error; {mutator.Kinds}"));
        Assert.InRange(whole, count / 10, count);
    }

    private static int Count => int.TryParse(Environment.GetEnvironmentVariable("LLMPROXY_MUTATIONS"), CultureInfo.InvariantCulture, out var asked) ? asked : ShortRun;

    private static string Reply(RequestTranslation request, ReadOnlySpan<byte> upstream, int chunk)
    {
        var reply = request.CreateReply(200, null);
        var client = new ArrayBufferWriter<byte>();
        for (var i = 0; i < upstream.Length; i += chunk)
        {
            reply.Append(upstream[i..Math.Min(upstream.Length, i + chunk)], client);
        }

        reply.Complete(client);
        return Encoding.UTF8.GetString(client.WrittenSpan);
    }

    /// <summary>Each event is JSON that any parser reads.</summary>
    private static void CheckEvents(string heard, int mutation)
    {
        foreach (var data in heard.StartsWith("data:", StringComparison.Ordinal) || heard.StartsWith("event:", StringComparison.Ordinal) ? heard.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line[6..].TrimEnd('\r')) : [heard])
        {
            if (data != "[DONE]")
            {
                try
                {
                    JsonNode.Parse(data, null, new System.Text.Json.JsonDocumentOptions { MaxDepth = 10_000 });
                }
                catch (System.Text.Json.JsonException error)
                {
                    throw new InvalidOperationException($"mutation {mutation}: {data}", error);
                }
            }
        }
    }
}
