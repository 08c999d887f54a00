using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Hosting;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace LlmProxy.Tests.Hosting;

public sealed class WarmUpTests
{
    [Fact]
    public async Task A_call_goes_through_each_stage_of_the_pipeline_and_leaves_no_trace()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var warmUp = proxy.Services.GetRequiredService<WarmUp>();

        Assert.True(await warmUp.CallAsync(default));

        var status = await proxy.GetJsonAsync("/_llmproxy/status");
        Assert.Empty(status["recording"]!["notRecorded"]!.AsObject());
        Assert.Empty(status["fewShot"]!["skipped"]!.AsObject());
        Assert.Equal((0, 0, 0), ((long)status["recording"]!["spool"]!["pending"]!, (long)status["recording"]!["spool"]!["bytes"]!, (int)status["recording"]!["activeTasks"]!));
        foreach (var table in (string[])["task_trajectory", "prompt_pin", "correlation_key"])
        {
            Assert.Equal((table, 0), (table, await CountAsync(proxy, table)));
        }

        Assert.Empty(proxy.Log.Of(1201));
        Assert.Empty(proxy.Log.Of(2101));
        Assert.Empty(proxy.Log.Of(4001));
    }

    [Fact]
    public async Task The_pipeline_of_the_proxy_does_not_know_the_call_afterwards()
    {
        await using var proxy = await RunningProxy.StartAsync();
        var correlator = proxy.Services.GetRequiredService<TaskCorrelator>();
        var published = new List<ReplicaTask>();
        correlator.Announce = published.Add;

        Assert.True(await proxy.Services.GetRequiredService<WarmUp>().CallAsync(default));

        Assert.Empty(published);
    }

    private static async Task<long> CountAsync(RunningProxy proxy, string table)
    {
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(proxy.Folder, "data", "llmproxy.db")};Mode=ReadOnly;Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The names are those of this file.
        command.CommandText = "SELECT count(*) FROM " + table;
#pragma warning restore CA2100
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
