#pragma warning disable // The README's own lines, as a reader has them in a project without analyzers.
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace LlmProxy.Tests.Replay.Readme;

public class Agent(Uri baseUrl)
{
    public async Task<string> RunAsync(string task)
    {
        using var client = new HttpClient();
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = task });
        while (true)
        {
            var request = new JsonObject { ["model"] = "claude-sonnet-4-6", ["max_tokens"] = 4096, ["messages"] = messages.DeepClone() };
            using var response = await client.PostAsJsonAsync($"{baseUrl}/v1/messages", request);
            var reply = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!;
            messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = reply["content"]!.DeepClone() });
            var results = new JsonArray();
            foreach (var call in reply["content"]!.AsArray().Where(block => (string?)block!["type"] == "tool_use"))
            {
                if ((string?)call!["name"] == "set_task_status")
                {
                    return (string)call["input"]!["description"]!;
                }

                results.Add(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = call["id"]!.DeepClone(), ["content"] = "done" });
            }

            messages.Add(new JsonObject { ["role"] = "user", ["content"] = results });
        }
    }
}
