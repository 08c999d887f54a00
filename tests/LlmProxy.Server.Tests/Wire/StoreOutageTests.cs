using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Storage;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace LlmProxy.Tests.Wire;

/// <summary>A database that crashes in the middle of its work, and a disk without room: traffic goes on, the status tells, and nothing is lost once they are back.</summary>
[Collection(PostgresTests.Name)]
public sealed class StoreOutageTests(PostgresServer postgres)
{
    private const int Runs = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    [Fact]
    public async Task A_PostgreSQL_that_crashes_in_mid_batch_loses_nothing_and_doubles_nothing()
    {
        Assert.True(PostgresServer.WhyNot is null, PostgresServer.WhyNot);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", await postgres.CreateDatabaseAsync()));
        proxy.Upstream.Answer = (context, received) => AnswerAsync(context, received.Headers["x-number"].Single());

        // 1. Calls of sixteen runs; the server crashes while they are recorded.
        await SendAllAsync(proxy, steps: [1, 2, 3]);
        await postgres.StopAsync();
        Task<HttpStatusCode[]> during;
        try
        {
            // 2. Without it every call is answered, and the status says what is wrong.
            during = SendAllAsync(proxy, steps: [4, 5]);
            var status = await StatusAsync(proxy);
            Assert.False((bool)status["store"]!["ok"]!);
            Assert.Contains("postgres", (string)status["store"]!["error"]!, StringComparison.OrdinalIgnoreCase);
            Assert.All(await during, s => Assert.Equal(HttpStatusCode.OK, s));
            Assert.InRange((long)(await StatusAsync(proxy))["recording"]!["spool"]!["pending"]!, Runs * 2, Runs * 5);
        }
        finally
        {
            await postgres.StartAsync();
        }

        // 3. With it everything comes in, once.
        await SendAllAsync(proxy, steps: [6]);
        await proxy.SettleAsync();
        var healthy = await StatusAsync(proxy);
        Assert.True((bool)healthy["store"]!["ok"]!);
        Assert.Empty(healthy["recording"]!["notRecorded"]!.AsObject());
        await AssertRecordedAsync(proxy, steps: 6);
    }

    [Fact]
    public async Task A_PostgreSQL_that_fails_over_to_its_replica_loses_nothing_and_doubles_nothing()
    {
        Assert.True(PostgresServer.WhyNot is null, PostgresServer.WhyNot);
        var primary = new PostgresCluster();
        PostgresCluster? replica = null;
        try
        {
            await primary.InitializeAsync();
            var database = new NpgsqlConnectionStringBuilder(await primary.CreateDatabaseAsync());
            replica = await primary.AddReplicaAsync();
            // The standby comes first: it answers, and cannot be written.
            (database.Host, database.HostRecheckSeconds) = ($"127.0.0.1:{replica.Port},127.0.0.1:{primary.Port}", 1);
            database.Remove("Port");
            await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:Provider", "postgres"), ("LlmProxy:Storage:ConnectionString", database.ConnectionString));
            proxy.Upstream.Answer = (context, received) => AnswerAsync(context, received.Headers["x-number"].Single());

            // 1. Of the two servers the primary is used; it dies while calls are recorded.
            await SendAllAsync(proxy, steps: [1]);
            await proxy.SettleAsync();
            await SendAllAsync(proxy, steps: [2, 3]);
            await primary.StopAsync();

            // 2. Neither without a primary nor after the promotion a call waits for the store.
            Assert.All(await SendAllAsync(proxy, steps: [4]), s => Assert.Equal(HttpStatusCode.OK, s));
            Assert.False((bool)(await StatusAsync(proxy))["store"]!["ok"]!);
            await replica.PromoteAsync();
            Assert.All(await SendAllAsync(proxy, steps: [5]), s => Assert.Equal(HttpStatusCode.OK, s));

            // 3. Everything comes in, once, from before, during and after.
            await proxy.SettleAsync();
            var after = await StatusAsync(proxy);
            Assert.True((bool)after["store"]!["ok"]!, after.ToJsonString());
            Assert.Empty(after["recording"]!["notRecorded"]!.AsObject());
            await AssertRecordedAsync(proxy, steps: 5);
            var health = await proxy.Store.CheckAsync(default);
            Assert.True(health.Ok, health.Error);
        }
        finally
        {
            if (replica is not null)
            {
                await replica.DisposeAsync();
            }

            await primary.DisposeAsync();
        }
    }

    [NeedsMount]
    public async Task A_store_without_room_loses_nothing_while_the_spool_has_some()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 16);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={Path.Combine(disk.Folder, "llmproxy.db")}"));
        proxy.Upstream.Answer = (context, received) => AnswerAsync(context, received.Headers["x-number"].Single());
        await SendAllAsync(proxy, steps: [1]);
        await proxy.SettleAsync();

        disk.Fill();
        Assert.All(await SendAllAsync(proxy, steps: [2, 3, 4, 5]), s => Assert.Equal(HttpStatusCode.OK, s));
        await UntilAsync(async () => !(bool)(await StatusAsync(proxy))["store"]!["ok"]!, "the status never said that the store has no room");
        Assert.InRange((long)(await StatusAsync(proxy))["recording"]!["spool"]!["pending"]!, 1, Runs * 4);

        disk.Free();
        await proxy.SettleAsync();
        var after = await StatusAsync(proxy);
        Assert.True((bool)after["store"]!["ok"]!);
        Assert.Empty(after["recording"]!["notRecorded"]!.AsObject());
        await AssertRecordedAsync(proxy, steps: 5);
    }

    [NeedsMount]
    public async Task A_disk_without_room_for_the_spool_keeps_no_call_from_its_answer_and_counts_what_it_could_not_take()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 16);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Spool:Directory", Path.Combine(disk.Folder, "spool")));
        proxy.Upstream.Answer = (context, received) => AnswerAsync(context, received.Headers["x-number"].Single());
        await SendAllAsync(proxy, steps: [1]);
        await proxy.SettleAsync();

        disk.Fill();
        Assert.All(await SendAllAsync(proxy, steps: [2, 3]), s => Assert.Equal(HttpStatusCode.OK, s));
        await proxy.SettleAsync();
        var full = await StatusAsync(proxy);
        var dropped = (long)full["recording"]!["spool"]!["dropped"]!;
        Assert.InRange(dropped, 1, Runs * 2);
        Assert.Equal(dropped, (long)full["recording"]!["notRecorded"]!["spool-full"]!);

        disk.Free();
        Assert.All(await SendAllAsync(proxy, steps: [4]), s => Assert.Equal(HttpStatusCode.OK, s));
        await proxy.SettleAsync();
        var stored = 0;
        foreach (var run in (await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 100 }, default)).Items)
        {
            stored += (await proxy.ReadStepsAsync(run)).Count;
        }

        Assert.Equal(dropped, (long)(await StatusAsync(proxy))["recording"]!["spool"]!["dropped"]!);
        Assert.Equal((Runs * 4) - dropped, stored);
    }

    private static async Task<HttpStatusCode[]> SendAllAsync(RunningProxy proxy, int[] steps) =>
        [.. (await Task.WhenAll(Enumerable.Range(0, Runs).Select(async run =>
        {
            var statuses = new List<HttpStatusCode>();
            foreach (var step in steps)
            {
                var number = string.Create(CultureInfo.InvariantCulture, $"{run}-{step}");
                var history = string.Concat(Enumerable.Range(1, step - 1).Select(s => string.Create(
                    CultureInfo.InvariantCulture,
                    $$$""",{"role":"assistant","content":[{"type":"tool_use","id":"toolu_{{{run}}}-{{{s}}}","name":"look","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_{{{run}}}-{{{s}}}","content":"seen {{{s}}} {{{Noise(run, s)}}}"}]}""")));
                using var answer = await proxy.PostAsync(
                    "/anthropic/v1/messages",
                    string.Create(CultureInfo.InvariantCulture, $$$"""{"model":"claude-opus-4-1","max_tokens":100,"tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Look at {{{run}}}"}{{{history}}}]}"""),
                    ("x-number", number),
                    ("LlmProxy-Task", string.Create(CultureInfo.InvariantCulture, $"run-{run}")));
                var text = await answer.Content.ReadAsStringAsync();
                Assert.Contains("toolu_" + number, text, StringComparison.Ordinal);
                statuses.Add(answer.StatusCode);
            }

            return statuses;
        }))).SelectMany(s => s)];

    /// <summary>A text that cannot be compressed much, another one for each result.</summary>
    private static string Noise(int run, int step)
    {
        var bytes = new byte[90_000];
        new Random((run * 100) + step).NextBytes(bytes);
        return Convert.ToBase64String(bytes);
    }

    private static Task AnswerAsync(HttpContext context, string number)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync($$$"""{"id":"msg_{{{number}}}","type":"message","role":"assistant","model":"claude-opus-4-1","content":[{"type":"tool_use","id":"toolu_{{{number}}}","name":"look","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":40,"output_tokens":12}}""");
    }

    private static async Task AssertRecordedAsync(RunningProxy proxy, int steps)
    {
        var runs = (await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 100 }, default)).Items;
        Assert.Equal(Runs, runs.Count);
        foreach (var run in runs)
        {
            var recorded = await proxy.ReadStepsAsync(run);
            Assert.Equal(Enumerable.Range(1, steps), recorded.Select(s => s.Step.Index));
            Assert.Equal(Enumerable.Range(1, steps).Select(s => string.Create(CultureInfo.InvariantCulture, $"toolu_{run.TaskId["run-".Length..]}-{s}")), recorded.Select(s => s.Reply!.ToolCalls.Single().Id));
        }
    }

    private static async Task<JsonObject> StatusAsync(RunningProxy proxy) =>
        JsonNode.Parse(await proxy.Client.GetStringAsync(new Uri(proxy.Address, "/_llmproxy/status")))!.AsObject();

    private static async Task UntilAsync(Func<Task<bool>> condition, string otherwise)
    {
        for (var started = Stopwatch.GetTimestamp(); !await condition();)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Patience, otherwise);
            await Task.Delay(50);
        }
    }
}
