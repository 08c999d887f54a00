using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Benchmarks.Storage;

/// <summary>A recorded conversation as Claude's client would have sent it: each call with the history so far.</summary>
/// <param name="Calls">Body and answer of each call.</param>
internal sealed record ClaudeConversation(IReadOnlyList<(byte[] Body, byte[] Answer)> Calls)
{
    private const string Model = "claude-sonnet-4-5";
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The last body with its answer: all that a store must give back.</summary>
    public long FinalHistory => Calls[^1].Body.Length + Calls[^1].Answer.Length;

    /// <summary>All bodies and answers: what a log of requests holds.</summary>
    public long WholeRequests => Calls.Sum(call => (long)call.Body.Length + call.Answer.Length);

    /// <summary>The conversations of a source in <c>tasks*.jsonl.gz</c> of a folder; messages there are in OpenAI's chat form.</summary>
    public static IEnumerable<ClaudeConversation> Read(string folder, string repository)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "tasks*.jsonl.gz").Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
            while (reader.ReadLine() is { } line)
            {
                var run = JsonNode.Parse(line)!;
                if ((string?)run["source"]?["repo"] == repository && Of(run["messages"]!.AsArray()) is { Calls.Count: > 0 } conversation)
                {
                    yield return conversation;
                }
            }
        }
    }

    /// <summary>A conversation of messages in the chat form.</summary>
    private static ClaudeConversation Of(JsonArray chat)
    {
        var system = string.Join("\n\n", chat.Where(m => (string?)m!["role"] == "system").Select(m => (string?)m!["content"]));
        var history = new List<string>();
        var calls = new List<(byte[] Body, byte[] Answer)>();
        foreach (var message in chat.Where(m => (string?)m!["role"] != "system"))
        {
            var turn = Turn(message!);
            if ((string?)message!["role"] == "assistant")
            {
                var blocks = turn["content"]!.AsArray();
                var calling = blocks.Any(b => (string?)b!["type"] == "tool_use");
                calls.Add((Body(system, history), Bytes(new JsonObject
                {
                    ["id"] = $"msg_{calls.Count}",
                    ["type"] = "message",
                    ["role"] = "assistant",
                    ["model"] = Model,
                    ["content"] = blocks.DeepClone(),
                    ["stop_reason"] = calling ? "tool_use" : "end_turn",
                    ["usage"] = new JsonObject { ["input_tokens"] = 1, ["output_tokens"] = 1 },
                })));
            }

            history.Add(turn.ToJsonString(Relaxed));
        }

        return new ClaudeConversation(calls);
    }

    private static JsonObject Turn(JsonNode message) => (string?)message["role"] switch
    {
        "tool" => new JsonObject
        {
            ["role"] = "user",
            ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = (string?)message["tool_call_id"], ["content"] = (string?)message["content"] }),
        },
        "assistant" => new JsonObject { ["role"] = "assistant", ["content"] = Blocks(message) },
        _ => new JsonObject { ["role"] = "user", ["content"] = (string?)message["content"] },
    };

    private static JsonArray Blocks(JsonNode message)
    {
        var blocks = new JsonArray();
        if (message["content"] is JsonValue text && ((string?)text)?.Length > 0)
        {
            blocks.Add(new JsonObject { ["type"] = "text", ["text"] = (string?)text });
        }

        foreach (var call in message["tool_calls"] as JsonArray ?? [])
        {
            blocks.Add(new JsonObject
            {
                ["type"] = "tool_use",
                ["id"] = (string?)call!["id"],
                ["name"] = (string?)call["function"]!["name"],
                ["input"] = JsonNode.Parse((string?)call["function"]!["arguments"] ?? "{}"),
            });
        }

        return blocks;
    }

    private static byte[] Body(string system, List<string> history) => Encoding.UTF8.GetBytes(
        $$"""{"model":"{{Model}}","max_tokens":4096,"system":{{JsonSerializer.Serialize(system, Relaxed)}},"messages":[{{string.Join(',', history)}}]}""");

    private static byte[] Bytes(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString(Relaxed));
}
