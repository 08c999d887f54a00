using System.Net;
using System.Text;
using LlmProxy.Tests.Api;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Tests.Wire;

/// <summary>The header <c>LlmProxy-Task</c> takes the ids that the API takes.</summary>
public sealed class TaskHeaderTests
{
    private const string Body = """{"model":"claude-sonnet-4-6","max_tokens":1,"messages":[{"role":"user","content":"Hello"}]}""";

    [Theory]
    [InlineData("/anthropic/v1/messages", "last")]
    [InlineData("/openai/v1/chat/completions", "session:x")]
    [InlineData("/openai/v1/responses", "a/b")]
    [InlineData("/gemini/v1beta/models/g:generateContent", "..")]
    [InlineData("/anthropic/v1/messages", "a\u001b]0;PWN\u0007")]
    [InlineData("/anthropic/v1/messages", "a\u009bb")]
    [InlineData("/anthropic/v1/messages", "\u00e2\u0080\u00ae")]
    [InlineData("/anthropic/v1/messages", "long")]
    public async Task An_id_that_the_api_refuses_is_refused_in_the_clients_dialect(string path, string id)
    {
        await using var proxy = await RunningProxy.StartAsync();
        id = id == "long" ? new string('x', 30_000) : id;

        var answer = await proxy.SendRawAsync($"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nLlmProxy-Task: {id}\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("LlmProxy-Task", answer, StringComparison.Ordinal);
        Assert.Contains("\"error\"", answer, StringComparison.Ordinal);
        Assert.Empty(proxy.Upstream.Received);
        var logged = Assert.Single(proxy.Log.GetSnapshot(), record => record.Id.Id == 1014);
        Assert.Equal((LogLevel.Information, null), (logged.Level, logged.Exception));
        Assert.DoesNotContain(proxy.Log.GetSnapshot(), record => record.Exception is not null || record.Message.Any(c => char.IsControl(c) && c != '\n'));
        if (path.StartsWith("/anthropic", StringComparison.Ordinal) && id.All(c => c < 128))
        {
            using var api = await proxy.PostAsync("/_llmproxy/tasks", System.Text.Json.JsonSerializer.Serialize(new { taskId = id }));
            Assert.Equal(HttpStatusCode.BadRequest, api.StatusCode);
        }
    }

    [Fact]
    public async Task The_same_id_works_in_header_path_and_api()
    {
        await using var proxy = await RunningProxy.StartAsync();
        proxy.Upstream.AnswerWith(ApiTestRuns.SecondReply);
        foreach (var id in (string[])["ticket-7", "Rechnung März", "任务", "a?b#c%2F\\d"])
        {
            proxy.Upstream.Received.Clear();
            using var started = await proxy.PostAsync("/_llmproxy/tasks", System.Text.Json.JsonSerializer.Serialize(new { taskId = id }));
            Assert.Equal(HttpStatusCode.OK, started.StatusCode);
            var bytes = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(id));

            var answer = await proxy.SendRawAsync($"POST /anthropic/v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nLlmProxy-Task: {bytes}\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}");
            using var completed = await proxy.PostAsync($"/_llmproxy/tasks/{Uri.EscapeDataString(id)}/complete", """{"success":true}""");

            Assert.Contains($"LlmProxy-Task: {bytes}\r\n", answer, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, completed.StatusCode);
            await proxy.SettleAsync();
            Assert.Equal(1, (await proxy.Store.FindTaskAsync("default", id, CancellationToken.None))!.IterationCount);
        }
    }
}
