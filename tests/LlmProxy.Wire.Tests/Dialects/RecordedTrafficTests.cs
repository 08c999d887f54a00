using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Wire;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Dialects;

public sealed class RecordedTrafficTests(ITestOutputHelper output)
{
    private const string EmptyArguments = "no partial_json at all means {}, as the block's start says";
    private const string FirstChoice = "several choices: the first is the message, the cross-check joins them all";
    private const string EmptyCall = "a function_call without a name is padding of a gateway, not a call";

    private static readonly byte[] Secret = new byte[32];

    /// <summary>Answers where the cross-check is wrong, with the reason.</summary>
    private static readonly Dictionary<string, string> StandBy = new(StringComparer.Ordinal)
    {
        ["x274b821ee2b327"] = EmptyArguments,
        ["x2580d6c9a85662"] = EmptyArguments,
        ["xfa3e6eaed1f465"] = EmptyArguments,
        ["xa30ef82c7e8323"] = EmptyArguments,
        ["x494c8c61aeef5a"] = EmptyArguments,
        ["x5709f7572bae25"] = EmptyArguments,
        ["x76e7be6f9458bb"] = "the last event comes without output: the items hold the text",
        ["xe3f2ce6cdb468e"] = "the last event comes without output: the items hold the text",
        ["x64922158e6ec1d"] = FirstChoice,
        ["x155c75c8f9fc70"] = FirstChoice,
        ["x9cd7a7361232e1"] = FirstChoice,
        ["x91fad6476253e4"] = FirstChoice,
        ["xb4f3737eed18d4"] = FirstChoice,
        ["x58ad6775c3e0ac"] = FirstChoice,
        ["x3f9e9ccb344d58"] = FirstChoice,
        ["xfd08b58dc4d214"] = FirstChoice,
        ["xd9cc04f9471725"] = FirstChoice,
        ["x613384a79bce7c"] = FirstChoice,
        ["x84cb972f4921d4"] = "an answer with an empty delta beside its message: the message counts",
        ["x4f6e0bdc048a2e"] = "an answer with an empty delta beside its message: the message counts",
        ["x58f6181eb6167b"] = "llama.cpp's line 'error: {…}' is an error",
        ["x3df4ecd5fb39c2"] = "content is a list of parts: the text part is the text",
        ["x2305e777ff5573"] = "content is a list of parts: the text part is the text",
        ["xc9a7a1a1e92791"] = EmptyCall,
        ["x8b1c15b1aab3c6"] = EmptyCall,
        ["x6a75d7d5c6db25"] = EmptyCall,
        ["xb8ab69ac44cbf8"] = EmptyCall,
        ["x1fe80a84a91ce0"] = EmptyCall,
        ["x3f9b3ae729733a"] = "a custom tool call has its name and input under 'custom'",
        ["x6d2561fe70842b"] = "the reason of an incomplete answer is max_output_tokens; 'incomplete' is its status",
        ["x50a7fc2247c30e"] = "tool_search_call with execution 'client' is for the client to answer",
    };

    [SharedDataFact]
    public void Answers_are_assembled_as_an_independent_assembler_does()
    {
        var random = new Random(1);
        var agreed = 0;
        var disagreed = new List<string>();
        foreach (var recording in Recording.All)
        {
            var reply = Assemble(recording, random);
            var differences = Differences(recording, reply).ToList();
            if (differences.Count == 0)
            {
                agreed++;
            }
            else
            {
                disagreed.Add($"{recording.Id} {recording.Kind} {string.Join("; ", differences)}");
            }
        }

        foreach (var kind in Recording.All.GroupBy(recording => recording.Kind))
        {
            output.WriteLine($"{kind.Key}: {kind.Count() - disagreed.Count(line => line.Contains($" {kind.Key} ", StringComparison.Ordinal))} of {kind.Count()} agree");
        }

        disagreed.ForEach(output.WriteLine);
        Assert.InRange(agreed, 2419, Recording.All.Count);
        Assert.DoesNotContain(disagreed, line => !StandBy.ContainsKey(line.Split(' ')[0]));
        Assert.DoesNotContain(StandBy.Keys, id => !disagreed.Exists(line => line.StartsWith(id, StringComparison.Ordinal)));
    }

    [SharedDataFact]
    public void Requests_are_read_and_their_content_has_the_same_messages()
    {
        var read = 0;
        var refused = new List<string>();
        foreach (var recording in Recording.All.Where(recording => recording.Request is not null))
        {
            using var keys = new TurnKeys(Secret);
            var reading = recording.Dialect.ReadRequest(recording.Request, recording.Path, keys);
            var content = recording.Dialect.ReadContent(recording.Request);
            if (reading is null || content is null)
            {
                refused.Add($"{recording.Id} {recording.Kind} {recording.Status} {Encoding.UTF8.GetString(recording.Request.AsSpan(0, Math.Min(200, recording.Request!.Length)))}");
                continue;
            }

            read++;
            Assert.Equal(reading.Messages.Count, content.Messages.Count);
            for (var i = 0; i < reading.Messages.Count; i++)
            {
                Assert.Equal(reading.Messages[i].IsAssistant, content.Messages[i].IsAssistant);
            }
        }

        output.WriteLine($"read {read}, refused {refused.Count}");
        refused.ForEach(output.WriteLine);
        // The four have no history at all: a message stands where the body should be.
        Assert.Equal(4, refused.Count);
    }

    [SharedDataFact]
    public void The_key_of_an_answer_is_found_in_the_request_that_follows()
    {
        var random = new Random(2);
        var counts = new SortedDictionary<string, (int Found, int Linked, int All)>(StringComparer.Ordinal);
        var missed = new List<string>();
        foreach (var cassette in Recording.All.Where(recording => recording.IsMultiStep && recording.Request is not null).GroupBy(recording => recording.Cassette, StringComparer.Ordinal))
        {
            var steps = cassette.OrderBy(recording => recording.Sequence).ToList();
            for (var i = 0; i + 1 < steps.Count; i++)
            {
                if (steps[i].Kind != steps[i + 1].Kind || steps[i].Status != 200)
                {
                    continue;
                }

                using var keys = new TurnKeys(Secret);
                var before = steps[i].Dialect.ReadRequest(steps[i].Request, steps[i].Path, keys);
                var after = steps[i].Dialect.ReadRequest(steps[i + 1].Request, steps[i + 1].Path, keys);
                if (before is null || after is null || after.Messages.Count <= before.Messages.Count
                    || (before.Messages.Count > 0 && after.Messages[before.Messages.Count - 1].Chain != before.Messages[^1].Chain))
                {
                    continue;
                }

                var reply = Assemble(steps[i], random);
                var key = keys.AssistantTurn(reply.Message.Text, reply.CallKeys);
                var found = after.Messages.Any(message => message.IsAssistant && message.Key == key);
                var name = steps[i].Kind.ToString();
                var count = counts.GetValueOrDefault(name);
                var byId = found || reply.Message.ToolCalls.Any(call => after.ToolCallIds.Contains(call.Id));
                counts[name] = (count.Found + (found ? 1 : 0), count.Linked + (byId ? 1 : 0), count.All + 1);
                if (!found)
                {
                    var next = after.Messages[before.Messages.Count];
                    missed.Add($"{steps[i].Id} -> {steps[i + 1].Id} {name}\n  reply {Short(reply.Message.Text)} {string.Join(',', reply.CallKeys)}\n  next  {Short(Encoding.UTF8.GetString(after.Body.Span.Slice(next.Range.Start, next.Range.Length)))}");
                }
            }
        }

        foreach (var (name, count) in counts)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: key found {count.Found}, key or call id {count.Linked}, of {count.All}"));
        }

        missed.ForEach(output.WriteLine);
        // What is missed was rewritten by the client or the recorder: text dropped beside calls, calls renamed or
        // split into several messages, prefixes put before the text.
        Assert.InRange(counts["AnthropicMessages"].Found, 133, 144);
        Assert.InRange(counts["AnthropicMessages"].Linked, 143, 144);
        Assert.InRange(counts["OpenAiChat"].Found, 326, 360);
        Assert.InRange(counts["OpenAiResponses"].Found, 102, 114);
        Assert.InRange(counts["Gemini"].Found, 172, 174);
    }

    private static string Short(string text) => text.Length <= 500 ? text : text[..500];

    private static AssembledReply Assemble(Recording recording, Random random)
    {
        var assembler = recording.Dialect.CreateAssembler(null, recording.StreamRequested);
        var bytes = Encoding.UTF8.GetBytes(recording.Response).AsSpan();
        while (bytes.Length > 0)
        {
            var length = Math.Min(bytes.Length, random.Next(4) == 0 ? random.Next(1, 8) : random.Next(1, 400));
            assembler.Append(bytes[..length]);
            bytes = bytes[length..];
        }

        return assembler.ToReply();
    }

    private static IEnumerable<string> Differences(Recording recording, AssembledReply reply)
    {
        var derived = recording.Derived;
        if (derived.GetProperty("text").GetString() is { } text && text != reply.Message.Text && !(text.Length > 0 && reply.Message.Text.StartsWith(text, StringComparison.Ordinal) && text.Length >= 2000))
        {
            yield return $"text '{Short(text)}' <> '{Short(reply.Message.Text)}'";
        }

        var stop = derived.GetProperty("stop");
        if (stop.ValueKind == JsonValueKind.String && stop.GetString() != reply.StopReason)
        {
            yield return $"stop {stop} <> {reply.StopReason}";
        }

        var calls = derived.GetProperty("tool_calls").EnumerateArray().ToList();
        // The other assembler knows no calls of tools that the provider runs.
        var own = reply.Message.ToolCalls.Where(call => !call.IsHosted).ToList();
        if (calls.Count != own.Count)
        {
            yield return $"calls {calls.Count} <> {own.Count}: {derived.GetProperty("tool_calls")}";
        }
        else
        {
            for (var i = 0; i < calls.Count; i++)
            {
                var mine = own[i];
                if (calls[i].GetProperty("name").GetString() != mine.Name || !SameJson(calls[i].GetProperty("arguments").GetString() ?? "", mine.Arguments))
                {
                    yield return $"call {calls[i]} <> {mine}";
                }

                if (calls[i].GetProperty("id").GetString() is { } id && recording.Kind != DialectKind.Gemini && id != mine.Id)
                {
                    yield return $"call id {id} <> {mine.Id}";
                }
            }
        }

        if (derived.GetProperty("response_id").GetString() is { Length: > 0 } responseId && responseId != reply.ResponseId)
        {
            yield return $"id {responseId} <> {reply.ResponseId}";
        }

        var usage = derived.GetProperty("usage");
        // Gemini's usage without a prompt count and a total: the whole is unknown, since the prompt is not empty.
        var isUnknown = usage.ValueKind == JsonValueKind.Object && recording.Kind == DialectKind.Gemini && !usage.TryGetProperty("promptTokenCount", out _) && !usage.TryGetProperty("totalTokenCount", out _);
        if (isUnknown ? reply.HasUsage : usage.ValueKind == JsonValueKind.Object && (InputOf(recording.Kind, usage) != reply.Usage.Input || OutputOf(recording.Kind, usage) != reply.Usage.Output))
        {
            yield return $"usage {usage} <> {reply.Usage}";
        }

        if ((derived.GetProperty("error").ValueKind != JsonValueKind.Null) != (reply.Error is not null))
        {
            yield return $"error {derived.GetProperty("error")} <> {reply.Error}";
        }
    }

    private static long Count(JsonElement usage, string name) => usage.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : 0;

    private static long InputOf(DialectKind kind, JsonElement usage) => kind switch
    {
        DialectKind.AnthropicMessages => Count(usage, "input_tokens") + Count(usage, "cache_read_input_tokens") + Count(usage, "cache_creation_input_tokens"),
        // Some servers leave cached tokens out of the prompt's: a part is never larger than the whole.
        DialectKind.OpenAiChat => usage.TryGetProperty("prompt_tokens_details", out var details) && details.ValueKind == JsonValueKind.Object && Count(details, "cached_tokens") > Count(usage, "prompt_tokens")
            ? Count(usage, "prompt_tokens") + Count(details, "cached_tokens")
            : Count(usage, "prompt_tokens"),
        DialectKind.OpenAiResponses => Count(usage, "input_tokens"),
        _ => Count(usage, "promptTokenCount") + Count(usage, "toolUsePromptTokenCount"),
    };

    private static long OutputOf(DialectKind kind, JsonElement usage) => kind switch
    {
        DialectKind.OpenAiChat => Count(usage, "completion_tokens"),
        DialectKind.Gemini => Count(usage, "candidatesTokenCount") + Count(usage, "thoughtsTokenCount"),
        _ => Count(usage, "output_tokens"),
    };

    private static bool SameJson(string left, string right)
    {
        if (left == right)
        {
            return true;
        }

        try
        {
            using var a = JsonDocument.Parse(left);
            using var b = JsonDocument.Parse(right);
            return JsonElement.DeepEquals(a.RootElement, b.RootElement);
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
