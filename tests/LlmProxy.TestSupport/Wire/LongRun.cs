using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Core.Recording;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// A run of any number of steps in one dialect, one tool call in each: the whole request of each step, with a history
/// that grows as an agent's does, and its answer.
/// </summary>
/// <param name="Dialect"><c>anthropic</c>, <c>chat</c>, <c>responses</c> or <c>gemini</c>.</param>
/// <param name="Model">The model.</param>
/// <param name="Task">The first user message.</param>
internal sealed record LongRun(string Dialect, string Model, string Task)
{
    public const string Tool = "computer_application";

    private const string Parameters = """{"type":"object","properties":{"application":{"type":"string"}},"required":["application"]}""";

    public static IReadOnlyList<string> Dialects { get; } = ["anthropic", "chat", "responses", "gemini"];

    // Claude's own route would leave the prompt of any model as it is that is not known for another provider's.
    public string Path => Dialect switch
    {
        "anthropic" => Model.StartsWith("claude", StringComparison.Ordinal) ? "/anthropic/v1/messages" : "/proxy/v1/messages",
        "chat" => "/openai/v1/chat/completions",
        "responses" => "/openai/v1/responses",
        _ => $"/gemini/v1beta/models/{Model}:generateContent",
    };

    /// <summary>The request of a step, from 1 on.</summary>
    /// <param name="step">The step.</param>
    /// <param name="system">The agent's own prompt.</param>
    /// <param name="last">A further user message at the end of this request alone, or null.</param>
    public string Request(int step, string system, string? last = null)
    {
        var history = string.Join(',', Enumerable.Range(1, step - 1).SelectMany(History).Prepend(User(Task)).Concat(last is null ? [] : [User(last)]));
        return Dialect switch
        {
            "anthropic" => $$$"""{"model":"{{{Model}}}","max_tokens":1024,"system":[{"type":"text","text":{{{Text(system)}}},"cache_control":{"type":"ephemeral"}}],"tools":[{"name":"{{{Tool}}}","description":"Opens an application.","input_schema":{{{Parameters}}}}],"messages":[{{{history}}}]}""",
            "chat" => $$$"""{"model":"{{{Model}}}","messages":[{"role":"system","content":{{{Text(system)}}}},{{{history}}}],"tools":[{"type":"function","function":{"name":"{{{Tool}}}","description":"Opens an application.","parameters":{{{Parameters}}}}}]}""",
            "responses" => $$$"""{"model":"{{{Model}}}","instructions":{{{Text(system)}}},"tools":[{"type":"function","name":"{{{Tool}}}","description":"Opens an application.","parameters":{{{Parameters}}}}],"input":[{{{history}}}],"store":false}""",
            _ => $$$"""{"systemInstruction":{"parts":[{"text":{{{Text(system)}}}}]},"tools":[{"functionDeclarations":[{"name":"{{{Tool}}}","description":"Opens an application.","parameters":{{{Parameters}}}}]}],"contents":[{{{history}}}]}""",
        };
    }

    /// <summary>The answer of a step: text and one call.</summary>
    public string Answer(int step) => Dialect switch
    {
        "anthropic" => $$$"""{"id":"msg_{{{step}}}","type":"message","role":"assistant","model":"{{{Model}}}","content":[{"type":"text","text":{{{Text(Said(step))}}}},{"type":"tool_use","id":"{{{Call(step)}}}","name":"{{{Tool}}}","input":{{{Arguments(step)}}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":100,"output_tokens":20}}""",
        "chat" => $$$"""{"id":"chatcmpl-{{{step}}}","object":"chat.completion","model":"{{{Model}}}","choices":[{"index":0,"message":{"role":"assistant","content":{{{Text(Said(step))}}},"tool_calls":[{"id":"{{{Call(step)}}}","type":"function","function":{"name":"{{{Tool}}}","arguments":{{{Text(Arguments(step))}}}}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}""",
        "responses" => $$$"""{"id":"resp_{{{step}}}","object":"response","status":"completed","model":"{{{Model}}}","output":[{"type":"message","id":"m_{{{step}}}","role":"assistant","status":"completed","content":[{"type":"output_text","text":{{{Text(Said(step))}}},"annotations":[]}]},{"type":"function_call","id":"fc_{{{step}}}","call_id":"{{{Call(step)}}}","name":"{{{Tool}}}","arguments":{{{Text(Arguments(step))}}},"status":"completed"}],"usage":{"input_tokens":100,"output_tokens":20,"total_tokens":120}}""",
        _ => $$$"""{"candidates":[{"content":{"role":"model","parts":[{"text":{{{Text(Said(step))}}}},{"functionCall":{"name":"{{{Tool}}}","args":{{{Arguments(step)}}}}}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":20,"totalTokenCount":120},"modelVersion":"{{{Model}}}","responseId":"g{{{step}}}"}""",
    };

    /// <summary>Claude does such a task in three steps, and its user says that it went well. Gives the run's id.</summary>
    public static async Task<string> RecordClaudeAsync(RunningProxy proxy, string task)
    {
        var claude = new LongRun("anthropic", "claude-sonnet-4-5", task);
        string? taskId = null;
        for (var step = 1; step <= 3; step++)
        {
            proxy.Upstream.AnswerWith(claude.Answer(step));
            using var answer = await proxy.PostAsync(claude.Path, claude.Request(step, "You operate a desktop."));
            taskId = answer.Headers.GetValues("LlmProxy-Task").Single();
        }

        var done = await proxy.Tasks.CompleteAsync("default", taskId!, success: true, new StatedMetrics(null, null, null, null), null, CancellationToken.None);
        Assert.True(done is { Recorded: true, Trajectory.QualityScore: 1.0 });
        return done.Trajectory.Id;
    }

    /// <summary>The text of the agent's prompt in a request.</summary>
    public string SystemText(string body)
    {
        using var json = JsonDocument.Parse(body);
        var root = json.RootElement;
        return (Dialect switch
        {
            "anthropic" => root.GetProperty("system")[0].GetProperty("text"),
            "chat" => root.GetProperty("messages")[0].GetProperty("content"),
            "responses" => root.GetProperty("instructions"),
            _ => root.GetProperty("systemInstruction").GetProperty("parts")[0].GetProperty("text"),
        }).GetString()!;
    }

    private IEnumerable<string> History(int step) => Dialect switch
    {
        "anthropic" =>
        [
            $$$"""{"role":"assistant","content":[{"type":"text","text":{{{Text(Said(step))}}}},{"type":"tool_use","id":"{{{Call(step)}}}","name":"{{{Tool}}}","input":{{{Arguments(step)}}}}]}""",
            $$$"""{"role":"user","content":[{"type":"tool_result","tool_use_id":"{{{Call(step)}}}","content":{{{Text(Result(step))}}}}]}""",
        ],
        "chat" =>
        [
            $$$"""{"role":"assistant","content":{{{Text(Said(step))}}},"tool_calls":[{"id":"{{{Call(step)}}}","type":"function","function":{"name":"{{{Tool}}}","arguments":{{{Text(Arguments(step))}}}}}]}""",
            $$$"""{"role":"tool","tool_call_id":"{{{Call(step)}}}","content":{{{Text(Result(step))}}}}""",
        ],
        "responses" =>
        [
            $$$"""{"type":"message","role":"assistant","content":[{"type":"output_text","text":{{{Text(Said(step))}}}}]}""",
            $$$"""{"type":"function_call","call_id":"{{{Call(step)}}}","name":"{{{Tool}}}","arguments":{{{Text(Arguments(step))}}}}""",
            $$$"""{"type":"function_call_output","call_id":"{{{Call(step)}}}","output":{{{Text(Result(step))}}}}""",
        ],
        _ =>
        [
            $$$"""{"role":"model","parts":[{"text":{{{Text(Said(step))}}}},{"functionCall":{"name":"{{{Tool}}}","args":{{{Arguments(step)}}}}}]}""",
            $$$"""{"role":"user","parts":[{"functionResponse":{"name":"{{{Tool}}}","response":{"output":{{{Text(Result(step))}}} } } }]}""",
        ],
    };

    private string User(string text) => Dialect == "gemini" ? $$$"""{"role":"user","parts":[{"text":{{{Text(text)}}}}]}""" : $$$"""{"role":"user","content":{{{Text(text)}}}}""";

    private string Call(int step) => string.Create(CultureInfo.InvariantCulture, $"call_{Dialect}_{Task.Length}_{step}");

    private static string Said(int step) => string.Create(CultureInfo.InvariantCulture, $"I open window {step}, because the invoice is listed there.");

    private static string Arguments(int step) => string.Create(CultureInfo.InvariantCulture, $$$"""{"application":"window-{{{step}}}"}""");

    private static string Result(int step) => new StringBuilder().Insert(0, string.Create(CultureInfo.InvariantCulture, $"Window {step} is open. "), 20).ToString();

    private static string Text(string text) => JsonSerializer.Serialize(text);
}
