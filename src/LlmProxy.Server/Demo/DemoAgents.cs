using System.Text;
using System.Text.Json.Nodes;

namespace LlmProxy.Server.Demo;

/// <summary>Plays the agents: each sends what a real one would, to the proxy's base URLs.</summary>
internal sealed class DemoAgents(HttpClient client, DemoScript script)
{
    /// <summary>Plays Claude's whole run, with a history that grows as an agent's does. Gives the task's id.</summary>
    public async Task<string> PlayClaudeAsync(Action<int> onStep, CancellationToken cancellationToken)
    {
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = script.Task });
        string? taskId = null;
        for (var i = 0; i < script.Steps.Count; i++)
        {
            onStep(i + 1);
            var step = script.Steps[i];
            var request = new JsonObject
            {
                ["model"] = script.Model,
                ["max_tokens"] = 4096,
                ["system"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = script.System, ["cache_control"] = new JsonObject { ["type"] = "ephemeral" } }),
                ["tools"] = new JsonArray([.. script.Tools.Select(tool => (JsonNode)new JsonObject { ["name"] = tool["name"]!.DeepClone(), ["description"] = tool["description"]!.DeepClone(), ["input_schema"] = tool["parameters"]!.DeepClone() })]),
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

        return taskId ?? throw new DemoException("The proxy gave Claude's run no task.");
    }

    /// <summary>Sends the first call of a GPT agent with a similar task.</summary>
    /// <returns>What <c>LlmProxy-Few-Shot-Result</c> says.</returns>
    public async Task<string?> AskGptAsync(CancellationToken cancellationToken)
    {
        var (model, task, _) = script.Agent("openai");
        using var answer = await PostAsync(
            "/openai/v1/chat/completions",
            new JsonObject
            {
                ["model"] = model,
                ["messages"] = new JsonArray(
                    new JsonObject { ["role"] = "system", ["content"] = script.System },
                    new JsonObject { ["role"] = "user", ["content"] = task }),
                ["tools"] = new JsonArray([.. script.Tools.Select(tool => (JsonNode)new JsonObject { ["type"] = "function", ["function"] = tool.DeepClone() })]),
            },
            cancellationToken);
        return Header(answer, "LlmProxy-Few-Shot-Result");
    }

    /// <summary>Sends the first call of a Gemini agent with a similar task.</summary>
    /// <returns>What <c>LlmProxy-Few-Shot-Result</c> says.</returns>
    public async Task<string?> AskGeminiAsync(CancellationToken cancellationToken)
    {
        var (model, task, _) = script.Agent("gemini");
        using var answer = await PostAsync(
            $"/gemini/v1beta/models/{model}:generateContent",
            new JsonObject
            {
                ["systemInstruction"] = new JsonObject { ["parts"] = new JsonArray(new JsonObject { ["text"] = script.System }) },
                ["contents"] = new JsonArray(new JsonObject { ["role"] = "user", ["parts"] = new JsonArray(new JsonObject { ["text"] = task }) }),
                ["tools"] = new JsonArray(new JsonObject { ["functionDeclarations"] = new JsonArray([.. script.Tools.Select(tool => tool.DeepClone())]) }),
            },
            cancellationToken);
        return Header(answer, "LlmProxy-Few-Shot-Result");
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
            throw new DemoException($"{path} was answered with {(int)answer.StatusCode}: {text}");
        }

        return answer;
    }

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.First() : null;
}

/// <summary>The demo did not show what it is there to show.</summary>
internal sealed class DemoException(string message) : Exception(message);
