using System.Diagnostics;
using System.Net;
using System.Text;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Replay;

/// <summary>A request to a stub server.</summary>
/// <param name="Path">Its path below the base URL.</param>
/// <param name="Body">Its body.</param>
internal sealed record StubCall(string Path, string Body);

/// <summary>Makes the calls of <see cref="StubFolderTests.Run"/> against a server with its stubs, and others that must not be answered.</summary>
internal sealed class StubAgent(Uri baseUrl) : IDisposable
{
    private const string Model = "\"model\":\"claude-sonnet-4-5\"";

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false });

    /// <summary>The last call of the run, which got no response.</summary>
    public static StubCall Unanswered { get; } = new("/chat/completions", "{}");

    public void Dispose() => _client.Dispose();

    /// <summary>Makes all calls but the last.</summary>
    /// <param name="isOtherForm">Whether each asks for the form that was not recorded.</param>
    public async Task MakeCallsAsync(bool isOtherForm)
    {
        var first = new StubCall("/messages", $$"""{{{Model}},{{Flag(!isOtherForm)}}"system":"NOW","messages":[{"role":"user","content":"Sweep"}]}""");
        var second = new StubCall("/chat/completions", $$"""{"model":"gpt-4.1-2025-04-14",{{Flag(isOtherForm)}}"messages":[{"role":"assistant","tool_calls":[{"id":"it's"}]},{"role":"tool","tool_call_id":"it's","content":"x"}]}""");
        var third = new StubCall(isOtherForm ? "/models/gemini-2.5-pro:generateContent" : "/models/gemini-2.5-pro:streamGenerateContent?alt=sse", """{"contents":[{"role":"user","parts":[{"text":"x"},{"functionResponse":{"name":"look","response":{}}}]}]}""");

        // 1. Another model or dialect, or a later step: none of them is the first call.
        await AssertUnansweredAsync(first with { Body = first.Body.Replace("sonnet", "opus", StringComparison.Ordinal) });
        await AssertUnansweredAsync(first with { Path = "/messages/batches" });
        await AssertUnansweredAsync(second);
        await AssertUnansweredAsync(third);

        // 2. The first call takes its recorded time: whole or as a stream at once 990 ms, dribbled at least half of it.
        var begun = Stopwatch.GetTimestamp();
        await AssertAnsweredAsync(first, DialectKind.AnthropicMessages, asStream: !isOtherForm, "I look around. {{now}}");
        Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalMilliseconds, 250 + (740 / 2), double.MaxValue);

        // 3. The others need the results that they were recorded with.
        await AssertUnansweredAsync(first);
        await AssertUnansweredAsync(second with { Body = second.Body.Replace("tool_call_id\":\"it's", "tool_call_id\":\"its", StringComparison.Ordinal) });
        await AssertUnansweredAsync(second with { Body = second.Body.Replace("gpt-4.1", "gpt-4", StringComparison.Ordinal) });
        await AssertAnsweredAsync(second, DialectKind.OpenAiChat, asStream: isOtherForm, "Done.");
        await AssertUnansweredAsync(third with { Path = third.Path.Replace("2.5", "2x5", StringComparison.Ordinal) });
        await AssertUnansweredAsync(third with { Body = third.Body.Replace("look", "listen", StringComparison.Ordinal) });
        await AssertAnsweredAsync(third, DialectKind.Gemini, asStream: !isOtherForm, "Done.");

        // 4. An error with its header, in both forms.
        using var error = await SendAsync(new StubCall("/responses", isOtherForm ? """{"stream":true}""" : "{}"));
        Assert.Equal((HttpStatusCode.TooManyRequests, "false"), (error.StatusCode, error.Headers.GetValues("x-should-retry").Single()));
    }

    /// <summary>A call too many does not begin the next run: its history holds tool results.</summary>
    public Task AssertSurplusCallIsUnansweredAsync() => AssertUnansweredAsync(new StubCall(
        "/messages",
        $$"""{{{Model}},"messages":[{"role":"user","content":"Sweep"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"look","input":{} }]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"x"}]}]}"""));

    public Task<HttpResponseMessage> SendAsync(StubCall call) =>
        _client.PostAsync(new Uri(baseUrl.ToString().TrimEnd('/') + call.Path), new StringContent(call.Body, Encoding.UTF8, "application/json"));

    private static string Flag(bool asStream) => asStream ? "\"stream\":true," : "";

    private async Task AssertUnansweredAsync(StubCall call)
    {
        using var response = await SendAsync(call);
        Assert.Equal((HttpStatusCode.NotFound, call), (response.StatusCode, call));
    }

    private async Task AssertAnsweredAsync(StubCall call, DialectKind kind, bool asStream, string text)
    {
        using var response = await SendAsync(call);
        var body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal((HttpStatusCode.OK, asStream ? "text/event-stream; charset=utf-8" : "application/json"), (response.StatusCode, response.Content.Headers.ContentType?.ToString()));

        var assembler = DialectCatalog.Get(kind).CreateAssembler(null, asStream);
        assembler.Append(body);
        var reply = assembler.ToReply();
        Assert.Equal((text, true), (reply.Message.Text, reply.IsComplete));
    }
}
