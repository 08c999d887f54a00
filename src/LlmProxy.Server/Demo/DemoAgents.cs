using System.Text;
using System.Text.Json.Nodes;

namespace LlmProxy.Server.Demo;

/// <summary>Simulates the agents: sends the requests of real agents to the proxy's base URLs.</summary>
internal sealed class DemoAgents(HttpClient client, DemoScript script)
{
    /// <summary>Runs a whole task of Claude's, with a history that grows as an agent's does, and returns the task's id.</summary>
    public async Task<string> RunClaudeAsync(DemoRun run, CancellationToken cancellationToken)
    {
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = run.Task });
        string? taskId = null;
        foreach (var step in run.Steps)
        {
            var request = new JsonObject
            {
                ["model"] = script.Model,
                ["max_tokens"] = 4096,
                ["system"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = run.System, ["cache_control"] = new JsonObject { ["type"] = "ephemeral" } }),
                ["tools"] = new JsonArray([.. run.Tools.Select(tool => (JsonNode)new JsonObject { ["name"] = tool["name"]!.DeepClone(), ["description"] = tool["description"]!.DeepClone(), ["input_schema"] = tool["parameters"]!.DeepClone() })]),
                ["messages"] = messages.DeepClone(),
            };
            if (step["stream"]!.GetValue<bool>())
            {
                request["stream"] = true;
            }

            using var answer = await PostAsync("/anthropic/v1/messages", request, cancellationToken);
            taskId ??= Header(answer, "LlmProxy-Task");
            messages.Add(new JsonObject { ["role"] = "assistant", ["content"] = step["content"]!.DeepClone() });
            if (ResultsOf(step) is { Count: > 0 } results)
            {
                messages.Add(new JsonObject { ["role"] = "user", ["content"] = results });
            }
        }

        return taskId ?? throw new DemoException("The proxy assigned no task to Claude's requests.");
    }

    /// <summary>Sends the first request of a GPT agent with a similar task.</summary>
    /// <returns>Value of <c>LlmProxy-Few-Shot-Result</c>.</returns>
    public Task<string?> AskGptAsync(CancellationToken cancellationToken) => AskAsync("openai", _ => "/openai/v1/chat/completions", (model, task) => new JsonObject
    {
        ["model"] = model,
        ["messages"] = new JsonArray(
            new JsonObject { ["role"] = "system", ["content"] = script.Run.System },
            new JsonObject { ["role"] = "user", ["content"] = task }),
        ["tools"] = new JsonArray([.. script.Run.Tools.Select(tool => (JsonNode)new JsonObject { ["type"] = "function", ["function"] = tool.DeepClone() })]),
    }, cancellationToken);

    /// <summary>Sends the first request of a Gemini agent with a similar task.</summary>
    /// <returns>Value of <c>LlmProxy-Few-Shot-Result</c>.</returns>
    public Task<string?> AskGeminiAsync(CancellationToken cancellationToken) => AskAsync("gemini", model => $"/gemini/v1beta/models/{model}:generateContent", (_, task) => new JsonObject
    {
        ["systemInstruction"] = new JsonObject { ["parts"] = new JsonArray(new JsonObject { ["text"] = script.Run.System }) },
        ["contents"] = new JsonArray(new JsonObject { ["role"] = "user", ["parts"] = new JsonArray(new JsonObject { ["text"] = task }) }),
        ["tools"] = new JsonArray(new JsonObject { ["functionDeclarations"] = new JsonArray([.. script.Run.Tools.Select(tool => tool.DeepClone())]) }),
    }, cancellationToken);

    private async Task<string?> AskAsync(string provider, Func<string, string> path, Func<string, string, JsonObject> request, CancellationToken cancellationToken)
    {
        var (model, task, _) = script.Agent(provider);
        using var response = await PostAsync(path(model), request(model, task), cancellationToken);
        return Header(response, "LlmProxy-Few-Shot-Result");
    }

    /// <summary>The system prompt of an OpenAI chat request.</summary>
    public static string GptPrompt(JsonObject request) => request["messages"]![0]!["content"]!.GetValue<string>();

    /// <summary>The system prompt of a Gemini request.</summary>
    public static string GeminiPrompt(JsonObject request) =>
        string.Join("\n\n", request["systemInstruction"]!["parts"]!.AsArray().Select(part => part!["text"]!.GetValue<string>()));

    private static JsonArray ResultsOf(JsonObject step)
    {
        var calls = step["content"]!.AsArray().Where(block => block!["type"]!.GetValue<string>() == "tool_use").ToList();
        var results = new JsonArray();
        foreach (var (call, result) in calls.Zip(step["results"]!.AsArray()))
        {
            var block = new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = call!["id"]!.DeepClone(), ["content"] = result!["content"]!.DeepClone() };
            if (result["is_error"] is { } failed)
            {
                block["is_error"] = failed.DeepClone();
            }

            results.Add(block);
        }

        return results;
    }

    private async Task<HttpResponseMessage> PostAsync(string path, JsonObject body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json") };
        var answer = await client.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            var text = await answer.Content.ReadAsStringAsync(cancellationToken);
            answer.Dispose();
            throw new DemoException($"{path} responded with status {(int)answer.StatusCode}: {text}");
        }

        return answer;
    }

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.First() : null;
}

/// <summary>The demo failed.</summary>
internal sealed class DemoException(string message) : Exception(message);
