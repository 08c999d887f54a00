using System.Text.Json.Nodes;
using LlmProxy.Server.Cli;
using LlmProxy.Testing;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using WireMock.Server;

namespace LlmProxy.Tests.Replay;

/// <summary>A run of ten calls, recorded through the proxy, replayed to the official SDKs that made it.</summary>
public sealed class SdkReplayTests
{
    /// <summary>Each step in both forms, and the first once more for the next run.</summary>
    private const int Mappings = (TenSteps.Count + 1) * 2;

    public static TheoryData<string> Clients => TenSteps.Clients;

    [WireMockTheory]
    [MemberData(nameof(Clients))]
    public async Task The_real_wiremock_loads_an_exported_run_and_the_sdk_runs_through_it_to_the_recorded_end_in_every_form(string client)
    {
        using var folder = new TestFolder();
        var (agent, expected, _) = await RecordAsync(client, "--flavor", "wiremock", "--output", folder["stubs"]);

        await using var wiremock = await WireMockProcess.StartAsync(folder["stubs"]);
        Assert.Equal(Mappings, (int?)JsonNode.Parse(await wiremock.AdminAsync("mappings"))!["meta"]!["total"]);
        foreach (var (form, asStream) in TenSteps.Forms)
        {
            await agent.RunAsync(BaseUrl(client, wiremock.Address), asStream: asStream);

            Assert.Equal((form, string.Join('\n', expected)), (form, string.Join('\n', agent.Seen)));
            var scenario = Assert.Single(JsonNode.Parse(await wiremock.AdminAsync("scenarios"))!["scenarios"]!.AsArray())!;
            Assert.Equal("done", (string?)scenario["state"]);
        }

        Assert.Empty(JsonNode.Parse(await wiremock.AdminAsync("requests/unmatched"))!["requests"]!.AsArray());
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task The_real_wiremock_net_loads_the_printed_path_and_the_sdk_runs_through_it_to_the_recorded_end_in_every_form(string client)
    {
        using var folder = new TestFolder();
        var (agent, expected, printed) = await RecordAsync(client, "--flavor", "wiremock.net", "--output", folder["stubs"], "--fast");

        using var server = WireMockServer.Start();
        server.ReadStaticMappings(WireMockNetTests.PrintedPath(printed));
        Assert.Equal(Mappings, server.MappingModels.Count);
        foreach (var (form, asStream) in TenSteps.Forms)
        {
            await agent.RunAsync(BaseUrl(client, new Uri(server.Url! + "/")), asStream: asStream);

            Assert.Equal((form, string.Join('\n', expected)), (form, string.Join('\n', agent.Seen)));
            Assert.Equal("done", Assert.Single(server.Scenarios).NextState);
        }

        Assert.Equal(TenSteps.Forms.Count * TenSteps.Count, server.LogEntries.Count);
        Assert.All(server.LogEntries, entry => Assert.True(entry.RequestMatchResult?.IsPerfectMatch));
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_run_that_ended_early_starts_again_in_wiremock_net_after_a_reset(string client)
    {
        using var folder = new TestFolder();
        var (agent, expected, printed) = await RecordAsync(client, "--flavor", "wiremock.net", "--output", folder["stubs"], "--fast");
        using var server = WireMockServer.Start();
        server.ReadStaticMappings(WireMockNetTests.PrintedPath(printed));
        using var handler = new BreaksAfter(3);
        using var broken = new HttpClient(handler);

        await Assert.ThrowsAnyAsync<Exception>(() => agent.RunAsync(BaseUrl(client, new Uri(server.Url! + "/")), broken));
        Assert.Equal("step-04", Assert.Single(server.Scenarios).NextState);
        await Assert.ThrowsAnyAsync<Exception>(() => agent.RunAsync(BaseUrl(client, new Uri(server.Url! + "/"))));
        server.ResetScenarios();
        await agent.RunAsync(BaseUrl(client, new Uri(server.Url! + "/")));

        Assert.Equal(expected, agent.Seen);
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Replay_serve_answers_the_sdk_to_the_recorded_end_in_every_form_and_ends_on_cancellation(string client)
    {
        using var folder = new TestFolder();
        var (agent, expected, _) = await RecordAsync(client, "--flavor", "recorded", "--output", folder["run.json"]);
        foreach (var (form, asStream) in TenSteps.Forms)
        {
            using var stop = new CancellationTokenSource();
            using var output = new WaitingWriter();
            using var error = new StringWriter();

            var serving = CommandLine.RunAsync(["replay", "serve", "--task", folder["run.json"], "--urls", "http://127.0.0.1:0"], new CliConsole(output, error, isTerminal: false), stop.Token);
            var line = await output.WaitForAsync($"  {client}", serving);
            await agent.RunAsync(new Uri(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]), asStream: asStream);
            await stop.CancelAsync();

            Assert.Equal((0, ""), (await serving, error.ToString()));
            Assert.Equal((form, string.Join('\n', expected)), (form, string.Join('\n', agent.Seen)));
            Assert.Contains("10 of 10 recorded calls were made; calls without a recording: 0.", output.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_recorded_upstream_answers_the_sdk_to_the_recorded_end_in_every_form(string client)
    {
        using var folder = new TestFolder();
        var (agent, expected, _) = await RecordAsync(client, "--flavor", "recorded", "--output", folder["run.json"]);
        foreach (var (form, asStream) in TenSteps.Forms)
        {
            await using var upstream = await RecordedUpstream.StartAsync(folder["run.json"]);
            await agent.RunAsync(client == "anthropic" ? upstream.AnthropicBaseUrl : upstream.OpenAiBaseUrl, asStream: asStream);

            Assert.Equal((form, string.Join('\n', expected)), (form, string.Join('\n', agent.Seen)));
            Assert.Equal("All 10 recorded calls were made, and no other.", upstream.Report.ToString());
        }
    }

    private static Uri BaseUrl(string client, Uri address) => client == "anthropic" ? address : new Uri(address, "v1");

    /// <summary>Records, and exports the run by the verb.</summary>
    private static async Task<(TenSteps Agent, List<string> Expected, string Printed)> RecordAsync(string client, params string[] export)
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Providers", "anthropic,openai"), ("LlmProxy:FewShot:Enabled", "false"));
        var agent = new TenSteps(client);
        var run = await agent.RecordAsync(proxy);
        Assert.Equal(TenSteps.Count, run.IterationCount);
        Assert.Equal((TenSteps.LastWord, TenSteps.Count + 2), (agent.Seen[^1], agent.Seen.Count));
        var outcome = await Llmproxy.RunAsync(proxy, ["replay", "export", "--task", run.TaskId, .. export]);
        Assert.Equal((0, ""), (outcome.Code, outcome.Error));
        return (agent, [.. agent.Seen], outcome.Output);
    }
}

/// <summary>Sends some requests, then none.</summary>
internal sealed class BreaksAfter(int count) : DelegatingHandler(new SocketsHttpHandler { UseProxy = false })
{
    private int _sent;

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        ++_sent > count ? throw new HttpRequestException("The agent was stopped.") : base.SendAsync(request, cancellationToken);
}

/// <summary>Keeps what is written, and tells when a line begins with some text.</summary>
internal sealed class WaitingWriter : StringWriter
{
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _wanted = "\0";

    public override void WriteLine(string? value)
    {
        lock (_written)
        {
            base.WriteLine(value);
            Look();
        }
    }

    public async Task<string> WaitForAsync(string wanted, Task orEndOf)
    {
        lock (_written)
        {
            _wanted = wanted;
            Look();
        }

        await (await Task.WhenAny(_written.Task, orEndOf)).WaitAsync(TimeSpan.FromSeconds(60));
        lock (_written)
        {
            return ToString().Split('\n').First(line => line.StartsWith(wanted, StringComparison.Ordinal));
        }
    }

    private void Look()
    {
        if (ToString().Split('\n').Any(line => line.StartsWith(_wanted, StringComparison.Ordinal)))
        {
            _written.TrySetResult();
        }
    }
}
