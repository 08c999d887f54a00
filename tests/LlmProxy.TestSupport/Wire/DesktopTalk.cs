using System.Globalization;
using System.Text.Json;

namespace LlmProxy.Tests.Wire;

/// <summary>
/// A desktop agent's conversation with Claude, as the agent holds it: the whole history goes out with every call, and
/// Claude answers with the blocks that the test says.
/// </summary>
internal sealed class DesktopTalk(RunningProxy proxy, string task)
{
    public const string System = "You are **Bytebot**, an engineer at a workstation.";

    private const string Tools = """[{"name":"computer_click_mouse","description":"Clicks.","input_schema":{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},"required":["x","y"]}},{"name":"set_task_status","description":"Ends the task.","input_schema":{"type":"object","properties":{"status":{"type":"string","enum":["completed","needs_help"]},"description":{"type":"string"}},"required":["status","description"]}}]""";

    private readonly List<string> _history = [$$"""{"role":"user","content":{{JsonSerializer.Serialize(task)}}}"""];
    private int _answers;

    /// <summary>The task that the last answer names.</summary>
    public string TaskId { get; private set; } = "";

    public static string Says(string text) => $$"""{"type":"text","text":{{JsonSerializer.Serialize(text)}}}""";

    public static string Thinks(string text) => $$"""{"type":"thinking","thinking":{{JsonSerializer.Serialize(text)}},"signature":"c2ln"}""";

    public static string Clicks(string id, int x, int y) => string.Create(CultureInfo.InvariantCulture, $$$"""{"type":"tool_use","id":"{{{id}}}","name":"computer_click_mouse","input":{"x":{{{x}}},"y":{{{y}}}}}""");

    public static string Ends(string id, string status) => $$$"""{"type":"tool_use","id":"{{{id}}}","name":"set_task_status","input":{"status":"{{{status}}}","description":"See above."}}""";

    public static string Result(string id, string text, bool isError = false) => $$"""{"type":"tool_result","tool_use_id":"{{id}}","content":[{{Says(text)}}]{{(isError ? ",\"is_error\":true" : "")}}}""";

    /// <summary>Sends a user message of these blocks (none: the task alone); Claude answers with others.</summary>
    public async Task AskAsync(string[] message, params string[] answer)
    {
        if (message.Length > 0)
        {
            _history.Add($$"""{"role":"user","content":[{{string.Join(',', message)}}]}""");
        }

        var stop = answer.Any(b => b.Contains("\"type\":\"tool_use\"", StringComparison.Ordinal)) ? "tool_use" : "end_turn";
        proxy.Upstream.AnswerWith(string.Create(CultureInfo.InvariantCulture, $$$"""{"id":"msg_{{{task.Length}}}_{{{++_answers}}}","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{{{string.Join(',', answer)}}}],"stop_reason":"{{{stop}}}","stop_sequence":null,"usage":{"input_tokens":100,"output_tokens":20}}"""));
        using var response = await proxy.PostAsync(
            "/anthropic/v1/messages",
            $$"""{"model":"claude-sonnet-4-5","max_tokens":1024,"system":[{"type":"text","text":"{{System}}"}],"tools":{{Tools}},"messages":[{{string.Join(',', _history)}}]}""");
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        TaskId = response.Headers.GetValues("LlmProxy-Task").Single();
        _history.Add($$"""{"role":"assistant","content":[{{string.Join(',', answer)}}]}""");
    }
}
