using System.Text.Json.Nodes;
using LlmProxy.Core.Prompting;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Prompting;

/// <summary>Templates that change under a running proxy.</summary>
public sealed class HotReloadTests : IDisposable
{
    private const string Request = """{"model":"gpt-4o","messages":[{"role":"system","content":"You are an agent."},{"role":"user","content":"%TASK%"}],"tools":[{"type":"function","function":{"name":"shell","parameters":{}}}]}""";
    private const string Answer = """{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"shell","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-reload-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_broken_template_is_refused_and_told_once_while_the_last_good_one_serves()
    {
        Write("good: {{ system.text }}");
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", _folder));
        proxy.Upstream.AnswerWith(Answer);
        Assert.Equal("good: You are an agent.", await SystemPromptOfAsync(proxy, "one"));

        Write("bad: {{ sytem.text }}");
        await proxy.Log.WaitForAsync(3002);
        var refused = (await TemplateAsync(proxy))!;

        Assert.False((bool)refused["ok"]!);
        Assert.Equal(Path.Combine(_folder, "openai.sbn"), (string?)refused["path"]);
        Assert.Contains("openai.sbn(1,9): error LLMP201: There is no variable `sytem`: did you mean `system`?", (string?)refused["error"], StringComparison.Ordinal);
        Assert.Equal("good: You are an agent.", await SystemPromptOfAsync(proxy, "two"));
        var line = Assert.Single(proxy.Log.Of(3002)).Message;
        Assert.Contains("openai.sbn(1,9): error LLMP201", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_template_is_used_by_the_next_task_and_not_by_one_under_way()
    {
        Write("first: {{ system.text }}");
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Prompts:Directory", _folder));
        proxy.Upstream.AnswerWith(Answer);
        Assert.Equal("first: You are an agent.", await SystemPromptOfAsync(proxy, "one"));

        Write("second: {{ system.text }}");
        await proxy.Log.WaitForAsync(3001, TemplateSet.Parse(Files("second: {{ system.text }}")).Hash[..12]);
        Assert.Equal("second: You are an agent.", await SystemPromptOfAsync(proxy, "two"));

        const string history = """{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"shell","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"ok"}""";
        using var next = await proxy.PostAsync("/openai/v1/chat/completions", Request.Replace("%TASK%", "one", StringComparison.Ordinal).Replace("}],\"tools\"", "}," + history + "],\"tools\"", StringComparison.Ordinal));
        Assert.Equal("first: You are an agent.", SystemText(proxy.Upstream.Last.Text));
    }

    private static async Task<string?> SystemPromptOfAsync(RunningProxy proxy, string task)
    {
        using var answer = await proxy.PostAsync("/openai/v1/chat/completions", Request.Replace("%TASK%", task, StringComparison.Ordinal));
        return SystemText(proxy.Upstream.Last.Text);
    }

    private static string? SystemText(string body) => (string?)JsonNode.Parse(body)!["messages"]![0]!["content"];

    private static async Task<JsonNode?> TemplateAsync(RunningProxy proxy) =>
        (await proxy.GetJsonAsync("/_llmproxy/status"))["templates"]!.AsArray().Single();

    private static Dictionary<string, string> Files(string text) => new(StringComparer.Ordinal) { ["openai.sbn"] = text };

    private void Write(string text) => File.WriteAllText(Path.Combine(_folder, "openai.sbn"), text);
}
