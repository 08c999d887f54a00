using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;

namespace LlmProxy.Tests.Wire;

/// <summary>Responses that a client asks for in the background, and fetches, resumes or cancels later (Responses API).</summary>
public sealed class BackgroundResponseTests
{
    private static readonly (string Key, string Value)[] Recorded = [("LlmProxy:Recording:Providers", "openai"), ("LlmProxy:Recording:Failures", "true")];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_fetched_response_completes_the_step_that_asked_for_it(bool isStream)
    {
        await using var proxy = await RunningProxy.StartAsync(null, Recorded);
        Serve(proxy, isStream);
        string? task = null;
        foreach (var (step, input) in ((int, string)[])[(1, """{"role":"user","content":"Research the market"}"""), (2, """{"type":"function_call_output","call_id":"call_1","output":"ok"}""")])
        {
            var previous = step == 1 ? "" : $",\"previous_response_id\":\"resp_{step - 1}\"";
            using var created = await proxy.PostAsync("/openai/v1/responses", $$"""{"model":"gpt-5","background":true,"store":true,"stream":{{(isStream ? "true" : "false")}},"input":[{{input}}]{{previous}} }""");
            await created.Content.ReadAsByteArrayAsync();
            var given = created.Headers.GetValues("LlmProxy-Task").Single();
            Assert.Equal(task ?? given, given);
            task = given;

            // Not there yet, then there, then asked for again.
            foreach (var state in (string[])["queued", "done", "done"])
            {
                var query = isStream ? "?stream=true&starting_after=1" : "";
                using var fetched = await proxy.Client.GetAsync(new Uri(proxy.Address, $"/openai/v1/responses/resp_{step}{query}{(query.Length > 0 ? "&" : "?")}state={state}"));
                Assert.Equal(Body(step, state, isStream), await fetched.Content.ReadAsStringAsync());
            }
        }

        await proxy.SettleAsync();
        var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + task);

        Assert.Equal((2, 1, 2100, "completed", 1.0), ((int)run["iterationCount"]!, (int)run["toolCallsCount"]!, (int)run["tokenUsage"]!["total"]!, (string)run["status"]!, (double)run["qualityScore"]!));
        Assert.NotNull(run["costUsd"]);
        var steps = run["steps"]!.AsArray();
        Assert.Equal(["ok", "ok"], steps.Select(step => (string)step!["status"]!));
        Assert.Equal("call_1", (string?)Assert.Single(steps[0]!["toolCalls"]!.AsArray())!["id"]);
        Assert.Equal("ok", (string?)Assert.Single(steps[0]!["toolResults"]!.AsArray())!["content"]);
        Assert.Equal("All of it is researched.", (string?)steps[1]!["response"]!["text"]);
    }

    [Theory]
    [InlineData(null, "incomplete")]
    [InlineData("cancel", "ok")]
    [InlineData("failed", "upstream_error")]
    public async Task A_response_that_was_not_fetched_or_was_cancelled_has_an_unknown_usage_and_outcome(string? end, string status)
    {
        await using var proxy = await RunningProxy.StartAsync(null, Recorded);
        Serve(proxy, isStream: false);
        using var created = await proxy.PostAsync("/openai/v1/responses", """{"model":"gpt-5","background":true,"input":[{"role":"user","content":"Research the market"}]}""");
        var task = created.Headers.GetValues("LlmProxy-Task").Single();
        if (end == "cancel")
        {
            using var cancelled = await proxy.PostAsync("/openai/v1/responses/resp_1/cancel", "");
            Assert.True(cancelled.IsSuccessStatusCode);
        }
        else if (end == "failed")
        {
            using var fetched = await proxy.Client.GetAsync(new Uri(proxy.Address, "/openai/v1/responses/resp_1?state=failed"));
            Assert.True(fetched.IsSuccessStatusCode);
        }

        await proxy.SettleAsync();
        var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + task);

        Assert.Equal((status, null), ((string)run["steps"]![0]!["status"]!, (bool?)run["success"]));
        Assert.Equal(end == "failed" ? 0 : null, (int?)run["tokenUsage"]!["total"]);
        Assert.Equal(status == "upstream_error", StepStatuses.Parse(status)!.Value.IsFailure());
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public async Task A_response_that_is_fetched_after_a_restart_completes_the_step_that_asked_for_it(bool isStream, int steps)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-background-");
        try
        {
            (string, string)[] settings = [.. Recorded, ("LlmProxy:Storage:ConnectionString", $"Data Source={Path.Combine(folder.FullName, "llmproxy.db")}"), ("LlmProxy:Recording:Spool:Directory", Path.Combine(folder.FullName, "spool"))];
            string task;
            await using (var before = await RunningProxy.StartAsync(null, settings))
            {
                Serve(before, isStream);
                if (steps == 2)
                {
                    (await CreateAsync(before, 1, isStream)).Dispose();
                    using var whole = await before.Client.GetAsync(Fetched(before, 1, isStream, "done"));
                    await whole.Content.ReadAsByteArrayAsync();
                }

                using var created = await CreateAsync(before, steps, isStream);
                task = created.Headers.GetValues("LlmProxy-Task").Single();
                await before.SettleAsync();
            }

            await using var proxy = await RunningProxy.StartAsync(null, settings);
            Serve(proxy, isStream);
            foreach (var state in (string[])["queued", "done", "done"])
            {
                using var fetched = await proxy.Client.GetAsync(Fetched(proxy, steps, isStream, state));
                Assert.Equal(Body(steps, state, isStream), await fetched.Content.ReadAsStringAsync());
            }

            await proxy.SettleAsync();
            var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + task);

            Assert.Equal((steps, 1, 1050 * steps), ((int)run["iterationCount"]!, (int)run["toolCallsCount"]!, (int)run["tokenUsage"]!["total"]!));
            Assert.NotNull(run["costUsd"]);
            Assert.All(run["steps"]!.AsArray(), step => Assert.Equal("ok", (string)step!["status"]!));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_response_whose_stream_broke_is_completed_by_resuming_it()
    {
        var queued = Body(2, "queued", isStream: true);
        await using var upstream = RawUpstream.Start(async connection =>
        {
            var isFirst = (await connection.ReadRequestAsync()).Head.StartsWith("POST", StringComparison.Ordinal);
            var text = isFirst ? queued : Body(2, "done", isStream: true);
            // Without the last chunk the stream has no end.
            var answer = $"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{text.Length:x}\r\n{text}\r\n{(isFirst ? "" : "0\r\n\r\n")}";
            await connection.WriteAsync(answer);
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. Recorded, ("ReverseProxy:Clusters:openai:Destinations:default:Address", upstream.Address.ToString())]);
        string task;
        using (var request = new HttpRequestMessage(HttpMethod.Post, new Uri(proxy.Address, "/openai/v1/responses")) { Content = new StringContent("""{"model":"gpt-5","background":true,"stream":true,"input":"Research the market"}""") })
        using (var broken = await proxy.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            task = broken.Headers.GetValues("LlmProxy-Task").Single();
            await Assert.ThrowsAnyAsync<Exception>(() => broken.Content.ReadAsByteArrayAsync());
        }

        using var resumed = await proxy.Client.GetAsync(new Uri(proxy.Address, "/openai/v1/responses/resp_2?stream=true&starting_after=1"));
        await resumed.Content.ReadAsByteArrayAsync();
        await proxy.SettleAsync();
        var run = await proxy.GetJsonAsync("/_llmproxy/trajectories/" + task);

        Assert.Equal((1, 1050, "ok", "All of it is researched."), ((int)run["iterationCount"]!, (int)run["tokenUsage"]!["total"]!, (string)run["steps"]![0]!["status"]!, (string)run["steps"]![0]!["response"]!["text"]!));
    }

    [Fact]
    public async Task A_response_that_no_call_asked_for_is_forwarded_and_not_recorded()
    {
        await using var proxy = await RunningProxy.StartAsync(null, Recorded);
        Serve(proxy, isStream: false);

        using var fetched = await proxy.Client.GetAsync(new Uri(proxy.Address, "/openai/v1/responses/resp_1?state=done"));
        await proxy.SettleAsync();

        Assert.Equal(Body(1, "done", false), await fetched.Content.ReadAsStringAsync());
        Assert.Empty((await proxy.GetJsonAsync("/_llmproxy/trajectories"))["items"]!.AsArray());
    }

    private static Uri Fetched(RunningProxy proxy, int step, bool isStream, string state) =>
        new(proxy.Address, $"/openai/v1/responses/resp_{step}?{(isStream ? "stream=true&starting_after=1&" : "")}state={state}");

    private static async Task<HttpResponseMessage> CreateAsync(RunningProxy proxy, int step, bool isStream)
    {
        var input = step == 1 ? """{"role":"user","content":"Research the market"}""" : """{"type":"function_call_output","call_id":"call_1","output":"ok"}""";
        var previous = step == 1 ? "" : $",\"previous_response_id\":\"resp_{step - 1}\"";
        var created = await proxy.PostAsync("/openai/v1/responses", $$"""{"model":"gpt-5","background":true,"store":true,"stream":{{(isStream ? "true" : "false")}},"input":[{{input}}]{{previous}} }""");
        await created.Content.ReadAsByteArrayAsync();
        return created;
    }

    private static void Serve(RunningProxy proxy, bool isStream)
    {
        var created = 0;
        proxy.Upstream.Answer = (context, request) =>
        {
            var isPost = request.Method == "POST";
            var isCancel = request.Target.EndsWith("/cancel", StringComparison.Ordinal);
            var step = isPost && !isCancel ? Interlocked.Increment(ref created) : int.Parse(request.Target.Split("resp_")[1][..1], System.Globalization.CultureInfo.InvariantCulture);
            var state = isCancel ? "cancelled" : isPost ? "queued" : request.Target.Split("state=")[1];
            return ScriptedUpstream.WriteAsync(context, Body(step, state, isStream), 200, isStream ? "text/event-stream" : "application/json");
        };
    }

    private static string Body(int step, string state, bool isStream)
    {
        var output = step == 1
            ? """{"type":"function_call","id":"fc_1","call_id":"call_1","name":"shell","arguments":"{}","status":"completed"}"""
            : """{"type":"message","id":"m_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"All of it is researched.","annotations":[]}]}""";
        var rest = state switch
        {
            "done" => $$"""
                "status":"completed","output":[{{output}}],"usage":{"input_tokens":1000,"output_tokens":50,"total_tokens":1050}
                """,
            "failed" => """
                "status":"failed","error":{"code":"server_error","message":"It broke"},"output":[],"usage":null
                """,
            _ => $"""
                "status":"{state}","output":[],"usage":null
                """,
        };
        var response = $$"""{"id":"resp_{{step}}","object":"response","model":"gpt-5","background":true,{{rest}} }""";
        var type = state switch { "done" => "response.completed", "queued" => "response.queued", _ => "response." + state };
        return isStream ? $"event: {type}\ndata: {{\"type\":\"{type}\",\"response\":{response}}}\n\n" : response;
    }
}
