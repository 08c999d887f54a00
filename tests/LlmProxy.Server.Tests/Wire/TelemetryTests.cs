using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using LlmProxy.Tests.Access;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace LlmProxy.Tests.Wire;

/// <summary>What an OTLP receiver gets to see of the traffic, and what an upstream does.</summary>
public sealed class TelemetryTests
{
    private const string TraceId = "0af7651916cd43dd8448eb211c80319c";
    private const string ClientSpan = "b7ad6b7169203331";
    private static readonly (string, string) Traceparent = ("traceparent", $"00-{TraceId}-{ClientSpan}-01");

    public static TheoryData<string, string, string> Loops()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var loop in ToolLoop.All("claude-sonnet-4-5"))
        {
            data.Add(loop.Name, loop.Name.StartsWith("gemini", StringComparison.Ordinal) ? "generate_content" : "chat", "anthropic");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task A_completion_call_is_a_span_of_the_clients_trace_with_the_names_of_the_genai_conventions_and_without_text(string name, string operation, string provider)
    {
        var loop = ToolLoop.All("claude-sonnet-4-5").Single(l => l.Name == name);
        await using var receiver = await OtlpReceiver.StartAsync();
        string task;
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", receiver.Address)))
        {
            proxy.Upstream.AnswerWith(loop.FirstAnswer, contentType: loop.ContentType);
            using var answer = await proxy.PostAsync(loop.Path, loop.First, Traceparent);
            Assert.Equal(loop.FirstAnswer, await answer.Content.ReadAsStringAsync());
            Assert.Equal(Traceparent.Item2, proxy.Upstream.Last.Headers["traceparent"].Single());
            task = answer.Headers.GetValues("LlmProxy-Task").Single();
        }

        var span = Assert.Single(receiver.Spans, s => s.TraceId == TraceId && s.Attributes.GetValueOrDefault("llmproxy.task.id") as string == task);
        Assert.Equal((ClientSpan, 3, 0), (span.ParentId, span.Kind, span.Status));
        Assert.Equal($"{operation} claude-sonnet-4-5", span.Name);
        Assert.Equal(operation, span.Attributes["gen_ai.operation.name"]);
        Assert.Equal(provider, span.Attributes["gen_ai.provider.name"]);
        Assert.Equal("claude-sonnet-4-5", span.Attributes["gen_ai.request.model"]);
        Assert.Equal("claude-sonnet-4-5", span.Attributes["gen_ai.response.model"]);
        Assert.Equal(loop.ContentType.StartsWith("text/event-stream", StringComparison.Ordinal), span.Attributes["gen_ai.request.stream"]);
        // Anthropic's own figure leaves cached tokens out; the conventions count them in.
        Assert.Equal((50L, 12L, 10L), (span.Attributes["gen_ai.usage.input_tokens"], span.Attributes["gen_ai.usage.output_tokens"], span.Attributes["gen_ai.usage.cache_read.input_tokens"]));
        Assert.Equal((200L, "127.0.0.1", 1L), (span.Attributes["http.response.status_code"], span.Attributes["server.address"], span.Attributes["llmproxy.step"]));
        Assert.IsType<double>(span.Attributes["gen_ai.response.time_to_first_chunk"]);
        Assert.DoesNotContain("error.type", span.Attributes.Keys);
        foreach (var text in (string[])["weather clerk", "What should I wear", "I look it up", "Oslo"])
        {
            Assert.DoesNotContain(text, receiver.AllText, StringComparison.Ordinal);
        }

        Assert.Superset(
            new HashSet<string>(StringComparer.Ordinal) { "gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.token.usage", "llmproxy.overhead", "llmproxy.spool.pending" },
            receiver.Metrics.ToHashSet(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Loops))]
    public async Task Texts_are_in_the_span_where_they_are_asked_for_without_the_secrets_in_them(string name, string operation, string provider)
    {
        const string Secret = "sk-ant-api03-Zr4tVbQ2mXw9LkP7sHd3NfG8jC1yUeT6aRoI5xKbMnQvWpLzSdFgHjKlQwErTyUiOpAsDfGhJkLzXcVbNm-AAAAAAAA";
        var loop = ToolLoop.All("claude-sonnet-4-5").Single(l => l.Name == name);
        await using var receiver = await OtlpReceiver.StartAsync();
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", receiver.Address), ("LlmProxy:Telemetry:CaptureContent", "true")))
        {
            proxy.Upstream.AnswerWith(loop.FirstAnswer, contentType: loop.ContentType);
            using var answer = await proxy.PostAsync(loop.Path, loop.First.Replace("Oslo today?", $"Oslo today? My key is {Secret}.", StringComparison.Ordinal));
        }

        var span = Assert.Single(receiver.Spans, s => (s.Attributes.GetValueOrDefault("gen_ai.input.messages") as string)?.Contains("My key is", StringComparison.Ordinal) == true);
        Assert.Equal((operation, provider), (span.Attributes["gen_ai.operation.name"], span.Attributes["gen_ai.provider.name"]));
        Assert.Equal("""[{"type":"text","content":"You are a weather clerk."}]""", span.Attributes["gen_ai.system_instructions"]);
        Assert.StartsWith("""[{"role":"user","parts":[{"type":"text","content":"What should I wear in Oslo today? My key is [redacted]""", LlmProxy.Core.Redaction.Redactor.Unify((string)span.Attributes["gen_ai.input.messages"]!), StringComparison.Ordinal);
        var output = (string)span.Attributes["gen_ai.output.messages"]!;
        Assert.Contains("""{"type":"text","content":"I look it up."}""", output, StringComparison.Ordinal);
        Assert.Contains("\"type\":\"tool_call\"", output, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, receiver.AllText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failures_and_retries_can_be_seen()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", receiver.Address), ("LlmProxy:Upstreams:anthropic:RetryStatuses", "529"), ("LlmProxy:Upstreams:anthropic:Retries", "1")))
        {
            proxy.Upstream.AnswerWith("""{"type":"error","error":{"type":"overloaded_error","message":"x"}}""", status: 529);
            using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, Traceparent);
            Assert.Equal(529, (int)answer.StatusCode);
        }

        var span = Assert.Single(receiver.Spans, s => s.Attributes.ContainsKey("http.request.resend_count"));
        Assert.Equal((TraceId, 2, "529", 1L), (span.TraceId, span.Status, span.Attributes["error.type"], span.Attributes["http.request.resend_count"]));
        Assert.Contains("llmproxy.upstream.retries", receiver.Metrics);
    }

    [Fact]
    public async Task With_Propagate_the_upstream_is_told_the_trace_and_the_span_of_the_call_also_without_a_receiver()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        string sent;
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", receiver.Address), ("LlmProxy:Telemetry:Propagate", "true")))
        {
            proxy.Upstream.AnswerWith("{}");
            using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody, Traceparent, ("tracestate", "vendor=1"));
            sent = proxy.Upstream.Last.Headers["traceparent"].Single();
            Assert.Equal(["vendor=1"], proxy.Upstream.Last.Headers["tracestate"]);
        }

        Assert.StartsWith($"00-{TraceId}-", sent, StringComparison.Ordinal);
        Assert.DoesNotContain(ClientSpan, sent, StringComparison.Ordinal);
        Assert.Contains(receiver.Spans, s => sent.Contains(s.SpanId, StringComparison.Ordinal) && s.ParentId == ClientSpan);

        await using var alone = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Propagate", "true"));
        alone.Upstream.AnswerWith("{}");
        using var root = await alone.PostAsync("/openai/v1/files", "x");
        Assert.Matches("^00-[0-9a-f]{32}-[0-9a-f]{16}-01$", alone.Upstream.Last.Headers["traceparent"].Single());
    }

    [Fact]
    public async Task A_receiver_gets_metrics_of_the_libraries_and_the_service_name_of_OpenTelemetrys_variable()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using (var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", receiver.Address), ("OTEL_SERVICE_NAME", "my-proxy")))
        {
            proxy.Upstream.AnswerWith("{}");
            using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);
            using var status = await proxy.Client.GetAsync("/_llmproxy/status");
        }

        Assert.Contains("my-proxy", receiver.AllText, StringComparison.Ordinal);
        Assert.Superset(
            new HashSet<string>(StringComparer.Ordinal) { "http.server.request.duration", "http.client.request.duration", "dotnet.gc.collections", "resilience.polly.pipeline.duration" },
            receiver.Metrics.ToHashSet(StringComparer.Ordinal));
        // The server's own span is for the API alone: a forwarded call has one already.
        Assert.Single(receiver.Spans, s => s.Attributes.GetValueOrDefault("url.path") as string == "/_llmproxy/status");
        Assert.Single(receiver.Spans, s => s.Attributes.GetValueOrDefault("url.path") as string == DialectCalls.Anthropic);
    }

    [Fact]
    public async Task Prometheus_scrapes_the_metrics()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Prometheus", "true"));
        var loop = ToolLoop.All("claude-sonnet-4-5")[0];
        proxy.Upstream.AnswerWith(loop.FirstAnswer, contentType: loop.ContentType);
        using var answer = await proxy.PostAsync(loop.Path, loop.First);
        await proxy.SettleAsync();

        var metrics = await proxy.Client.GetStringAsync("/metrics");

        Assert.Matches("(?m)^gen_ai_client_operation_duration_seconds_count\\{.*gen_ai_request_model=\"claude-sonnet-4-5\".*\\} 1( |$)", metrics);
        Assert.Matches("(?m)^gen_ai_client_token_usage[a-z_]*_sum\\{.*gen_ai_token_type=\"input\".*\\} 50( |$)", metrics);
        Assert.Matches("(?m)^llmproxy_spool_pending(\\{.*\\})? 0( |$)", metrics);
        Assert.Contains("resilience_polly_pipeline_duration", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("Oslo", metrics, StringComparison.Ordinal);
        using var rebound = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = "evil.example" } };
        using var refused = await proxy.Client.SendAsync(rebound);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Without_the_setting_there_are_no_metrics_to_scrape()
    {
        await using var proxy = await RunningProxy.StartAsync();

        using var answer = await proxy.Client.GetAsync("/metrics");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Where_keys_exist_a_scrape_needs_an_admin_key_as_its_bearer_token()
    {
        await using var proxy = await RunningProxy.StartAsync(
            null,
            [("LlmProxy:Telemetry:Prometheus", "true"), .. KeyTests.Key(0, "ops", "ops", "default", admin: true), .. KeyTests.Key(1, "agent", "agent", "default", admin: false)]);

        var statuses = new List<HttpStatusCode>();
        foreach (var key in (string?[])[null, "agent", "ops"])
        {
            using var scrape = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key) } };
            using var answer = await proxy.Client.SendAsync(scrape);
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal([HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.OK], statuses);
    }

    [Fact]
    public async Task A_receiver_that_does_not_respond_holds_up_the_end_by_two_seconds_at_most()
    {
        var granted = new List<int>();
        using var stopped = new CancellationTokenSource();
        await using var silent = RawUpstream.Start(async connection =>
        {
            await connection.ReadHeadAsync();
            await Task.Delay(Timeout.Infinite, stopped.Token);
        });
        var proxy = await RunningProxy.StartAsync(
            null,
            services => services
                .ConfigureOpenTelemetryTracerProvider(traces => traces.AddProcessor(new ShutdownProcessor(granted)))
                .ConfigureOpenTelemetryMeterProvider(metrics => metrics.AddReader(new ShutdownReader(granted))),
            ("LlmProxy:Telemetry:Otlp", silent.Address.ToString()));
        proxy.Upstream.AnswerWith("{}");
        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        await proxy.DisposeAsync();

        // What each provider may take for its last export. By default it is five seconds.
        Assert.Equal(2, granted.Count);
        Assert.All(granted, milliseconds => Assert.InRange(milliseconds, 0, 2_000));
        await stopped.CancelAsync();
    }

    [Fact]
    public async Task A_receiver_that_is_not_there_harms_no_call()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Telemetry:Otlp", RawUpstream.ClosedAddress().ToString()));
        proxy.Upstream.AnswerWith("{}");

        using var answer = await proxy.PostAsync(DialectCalls.Anthropic, DialectCalls.AnthropicBody);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private sealed class ShutdownProcessor(List<int> granted) : BaseProcessor<Activity>
    {
        protected override bool OnShutdown(int timeoutMilliseconds)
        {
            lock (granted)
            {
                granted.Add(timeoutMilliseconds);
            }

            return true;
        }
    }

    private sealed class ShutdownReader(List<int> granted) : MetricReader
    {
        protected override bool OnShutdown(int timeoutMilliseconds)
        {
            lock (granted)
            {
                granted.Add(timeoutMilliseconds);
            }

            return true;
        }
    }
}
