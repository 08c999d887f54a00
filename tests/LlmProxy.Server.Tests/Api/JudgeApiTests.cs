using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>The judge through the official SDKs, the API and the verbs, with a model's server on loopback.</summary>
public sealed class JudgeApiTests
{
    [Theory]
    [InlineData("claude-haiku-4-5", "/v1/messages", "")]
    [InlineData("gpt-4o-mini", "/v1/chat/completions", "/v1")]
    public async Task A_trajectory_is_judged_through_the_models_own_sdk_and_once(string model, string path, string suffix)
    {
        using var server = new JudgeServer();
        await using var proxy = await StartAsync(server, model, suffix);
        var id = await PlayAsync(proxy);

        var dry = await Llmproxy.RunAsync(proxy, "judge", "run", "--trajectory", id, "--dry-run", "--json");
        Assert.Empty(server.Requests);
        Assert.Equal(1, (int)dry.Json["wouldBeJudged"]!);

        var run = await Llmproxy.RunAsync(proxy, "judge", "run", "--trajectory", id, "--json");
        var again = await Llmproxy.RunAsync(proxy, "judge", "run", "--trajectory", id, "--json");

        var request = Assert.Single(server.Requests);
        Assert.Equal(path, request.Path);
        Assert.Contains("step 1", request.Body, StringComparison.Ordinal);
        Assert.Equal((1, 0, 0, 1), ((int)run.Json["judged"]!, (int)run.Json["stored"]!, (int)again.Json["judged"]!, (int)again.Json["stored"]!));
        var judgements = await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}/judgements");
        Assert.Equal(("rubric", model, true, 1.0), ((string)judgements["items"]![0]!["kind"]!, (string)judgements["items"]![0]!["model"]!, (bool)judgements["items"]![0]!["success"]!, (double)judgements["items"]![0]!["score"]!));
        Assert.True((decimal)judgements["assistances"]![0]!["costUsd"]! > 0);
        var shown = await Llmproxy.RunAsync(proxy, "tasks", "show", id);
        Assert.Contains($"success, score 1.00 (by {model}", shown.Output, StringComparison.Ordinal);
        Assert.Equal("inferred", (string?)(await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}"))["outcomeSource"]);
    }

    [Fact]
    public async Task A_server_that_refuses_the_key_costs_nothing_and_the_error_names_the_model()
    {
        using var server = new JudgeServer { Status = 401 };
        await using var proxy = await StartAsync(server, "claude-haiku-4-5", "");
        var id = await PlayAsync(proxy);

        var run = await Llmproxy.RunAsync(proxy, "judge", "run", "--trajectory", id);

        Assert.Equal(1, run.Code);
        Assert.Contains("claude-haiku-4-5 is unavailable", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, (decimal)(await proxy.GetJsonAsync("/_llmproxy/judge/calibration"))["spentTodayUsd"]!);
    }

    [Fact]
    public async Task Calibrate_judges_stated_runs_and_prints_the_agreement_and_status_says_what_is_sent()
    {
        using var server = new JudgeServer();
        await using var proxy = await StartAsync(server, "claude-haiku-4-5", "");
        var id = await PlayAsync(proxy);
        await Llmproxy.RunAsync(proxy, "tasks", "outcome", id, "--success");

        var known = await Llmproxy.RunAsync(proxy, "judge", "run", "--since", "1d");
        var calibrated = await Llmproxy.RunAsync(proxy, "judge", "calibrate");

        Assert.Contains("1 not judged: the outcome is stated", known.Output, StringComparison.Ordinal);
        Assert.StartsWith("claude-haiku-4-5 on 1 stated outcomes (0 more on which it abstains):", calibrated.Output, StringComparison.Ordinal);
        Assert.Contains("100 %", calibrated.Output, StringComparison.Ordinal);
        Assert.Contains("from 20 stated outcomes on", calibrated.Output, StringComparison.Ordinal);
        var status = await proxy.GetJsonAsync("/_llmproxy/status");
        Assert.Contains($"without secrets, to {server.Address} to be judged by claude-haiku-4-5", (string)status["judge"]!["sends"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_judge_the_verbs_say_how_to_set_one()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var id = await ApiTestRuns.PlayAsync(proxy);

        var run = await Llmproxy.RunAsync(proxy, "judge", "run", "--trajectory", id);
        var both = await Llmproxy.RunAsync(proxy, "judge", "run");

        Assert.Equal((1, 2), (run.Code, both.Code));
        Assert.Contains("Judge:Enabled", run.Error, StringComparison.Ordinal);
        Assert.Empty((await proxy.GetJsonAsync($"/_llmproxy/trajectories/{id}/judgements"))["items"]!.AsArray());
    }

    /// <summary>Records a run whose grace is over.</summary>
    private static async Task<string> PlayAsync(RunningProxy proxy)
    {
        var id = await ApiTestRuns.PlayAsync(proxy);
        await proxy.SettleAsync();
        var run = (await proxy.Tasks.FindAsync("default", id, default))!;
        await proxy.Store.SaveAsync([new TrajectoryChange { Trajectory = run with { IsProvisional = false } }], default);
        return id;
    }

    private static Task<RunningProxy> StartAsync(JudgeServer server, string model, string suffix) => RunningProxy.StartAsync(
        null,
        ("LlmProxy:Judge:Enabled", "true"),
        ("LlmProxy:Judge:Model", model),
        ("LlmProxy:Judge:Endpoint", server.Address + suffix));

    /// <summary>A model's server that finds no fault, in both dialects.</summary>
    private sealed class JudgeServer : IDisposable
    {
        private readonly HttpListener _listener = new();

        public JudgeServer()
        {
            using (var probe = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0))
            {
                probe.Start();
                Address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}");
            }

            _listener.Prefixes.Add(Address + "/");
            _listener.Start();
            _ = Task.Run(ServeAsync);
        }

        public string Address { get; }

        public int Status { get; init; } = 200;

        public ConcurrentQueue<(string Path, string Body)> Requests { get; } = new();

        public void Dispose() => _listener.Close();

        private async Task ServeAsync()
        {
            while (_listener.IsListening)
            {
                HttpListenerContext context;
                try
                {
                    context = await _listener.GetContextAsync();
                }
                catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }

                using var reader = new StreamReader(context.Request.InputStream);
                var path = context.Request.Url!.AbsolutePath;
                Requests.Enqueue((path, await reader.ReadToEndAsync()));
                context.Response.StatusCode = Status;
                context.Response.ContentType = "application/json";
                await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(Status == 200 ? Answer(path) : """{"type":"error","error":{"type":"authentication_error","message":"invalid key"}}"""));
                context.Response.Close();
            }
        }

        private static string Answer(string path)
        {
            var items = new JsonObject(JudgeRubric.Items.Select(i => KeyValuePair.Create<string, JsonNode?>(i.Id, new JsonObject { ["answer"] = "no" })));
            var text = JsonSerializer.Serialize(new JsonObject { ["items"] = items, ["critique"] = "Good." }.ToJsonString());
            return path == "/v1/messages"
                ? $$$"""{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5","content":[{"type":"text","text":{{{text}}}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":900,"output_tokens":200}}"""
                : $$$"""{"id":"c1","object":"chat.completion","created":1,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":{{{text}}}},"finish_reason":"stop"}],"usage":{"prompt_tokens":900,"completion_tokens":200,"total_tokens":1100}}""";
        }
    }
}
