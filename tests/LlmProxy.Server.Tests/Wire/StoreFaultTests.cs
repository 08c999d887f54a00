using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Wire;

/// <summary>Disks that cannot be written and a damaged database: each call gets its answer, and what is not recorded is counted.</summary>
public sealed class StoreFaultTests
{
    [NeedsMount]
    public async Task A_file_system_without_inodes_keeps_no_call_from_its_answer()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 16, inodes: 40);
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Recording:Spool:Directory", Path.Combine(disk.Folder, "spool")));
        proxy.Upstream.Answer = AnswerAsync;
        disk.TakeAllNames();

        await SendAsync(proxy, 20);
        await proxy.SettleAsync();
        disk.FreeNames();
        await SendAsync(proxy, 5);
        await proxy.SettleAsync();

        var stored = (await proxy.Store.ListAsync(new TrajectoryQuery("default") { Limit = 100 }, default)).Items.Sum(r => r.IterationCount);
        Assert.Equal(25, stored + (int)proxy.Spool.Dropped);
        Assert.InRange(stored, 5, 25);
    }

    [NeedsMount]
    public async Task A_spool_folder_that_cannot_be_written_is_refused_with_the_fix()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 4);
        var folder = Path.Combine(disk.Folder, "spool");
        new Spool(new SpoolOptions(), folder, TimeProvider.System, NullLogger<Spool>.Instance).Dispose();
        await disk.MakeReadOnlyAsync();

        var error = Assert.Throws<IOException>(() => new Spool(new SpoolOptions(), folder, TimeProvider.System, NullLogger<Spool>.Instance));

        Assert.Contains(folder, error.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be used", error.Message, StringComparison.Ordinal);
        Assert.Contains("LlmProxy:Recording:Spool:Directory", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another process", error.Message, StringComparison.Ordinal);
    }

    [NeedsMount]
    public async Task A_database_that_cannot_be_written_is_named_in_the_status_and_calls_wait_in_the_spool()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 8);
        await disk.MakeReadOnlyAsync();
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Storage:ConnectionString", $"Data Source={Path.Combine(disk.Folder, "llmproxy.db")}"));
        proxy.Upstream.Answer = AnswerAsync;

        await SendAsync(proxy, 3);

        var status = await proxy.GetJsonAsync("/_llmproxy/status");
        Assert.False((bool)status["store"]!["ok"]!);
        Assert.Contains("llmproxy.db", (string)status["store"]!["error"]!, StringComparison.Ordinal);
        Assert.Equal(3, (long)status["recording"]!["spool"]!["pending"]!);
    }

    [Theory]
    [InlineData("trajectory_step")]
    [InlineData("task_trajectory")]
    public async Task A_damaged_page_of_the_database_is_named_in_the_status_and_calls_wait_in_the_spool(string table)
    {
        using var folder = new TestFolder();
        (string, string)[] settings = [("LlmProxy:Storage:ConnectionString", $"Data Source={folder["x.db"]}"), ("LlmProxy:Recording:Spool:Directory", folder["spool"])];
        await using (var first = await RunningProxy.StartAsync(null, settings))
        {
            first.Upstream.Answer = AnswerAsync;
            await SendAsync(first, 10);
            await first.SettleAsync();
        }

        await DamageAsync(folder["x.db"], table);
        await using var proxy = await RunningProxy.StartAsync(null, settings);
        proxy.Upstream.Answer = AnswerAsync;
        await SendAsync(proxy, 5);

        var status = await proxy.GetJsonAsync("/_llmproxy/status");
        for (var started = Stopwatch.GetTimestamp(); (bool)status["store"]!["ok"]!; status = await proxy.GetJsonAsync("/_llmproxy/status"))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(60), "the status never said that the database is damaged: " + proxy.Log.Text());
            await Task.Delay(50);
        }

        Assert.False((bool)status["store"]!["ok"]!, status.ToJsonString());
        Assert.Contains("damaged", (string)status["store"]!["error"]!, StringComparison.Ordinal);
        Assert.Equal(5, (long)status["recording"]!["spool"]!["pending"]!);
        Assert.Equal(0, (long)status["recording"]!["spool"]!["dropped"]!);
    }

    [Fact]
    public async Task A_thousand_tenants_share_nothing_and_leave_nothing_in_the_spool()
    {
        const int Tenants = 1_000;
        var keys = Enumerable.Range(0, Tenants).SelectMany(i => new (string, string)[]
        {
            (string.Create(CultureInfo.InvariantCulture, $"LlmProxy:Auth:Keys:{i}:Name"), Tenant(i)),
            (string.Create(CultureInfo.InvariantCulture, $"LlmProxy:Auth:Keys:{i}:Sha256"), Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key(i))))),
            (string.Create(CultureInfo.InvariantCulture, $"LlmProxy:Auth:Keys:{i}:Tenant"), Tenant(i)),
        });
        await using var proxy = await RunningProxy.StartAsync(null, [.. keys]);
        proxy.Upstream.Answer = AnswerAsync;
        var recording = proxy.Services.GetRequiredService<RecordingSwitch>();
        recording.Pause(Tenant(7), pause: true);

        await Parallel.ForAsync(0, Tenants, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await SendOneAsync(proxy, i, ("LlmProxy-Key", Key(i))));
        await proxy.SettleAsync();

        for (var i = 0; i < Tenants; i++)
        {
            Assert.Equal(default, proxy.Spool.Tenants.Of(Tenant(i)));
            if (i % 50 == 7)
            {
                var runs = (await proxy.Store.ListAsync(new TrajectoryQuery(Tenant(i)), default)).Items;
                Assert.Equal(i == 7 ? 0 : 1, runs.Count);
                Assert.All(runs, r => Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"Look at {i}"), r.TaskDescription));
            }
        }

        recording.Pause(Tenant(7), pause: false);
        Assert.Equal(0, proxy.Spool.Bytes);
    }

    // Assembled, so that no search for secrets finds one.
    private static string Key(int i) => string.Create(CultureInfo.InvariantCulture, $"tenant{"-"}key-{i:D6}-of-a-test-with-many");

    private static string Tenant(int i) => string.Create(CultureInfo.InvariantCulture, $"tenant-{i}");

    private static async Task SendAsync(RunningProxy proxy, int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            await SendOneAsync(proxy, i);
        }
    }

    private static async Task SendOneAsync(RunningProxy proxy, int i, params (string Name, string Value)[] headers)
    {
        using var answer = await proxy.PostAsync(
            "/anthropic/v1/messages",
            string.Create(CultureInfo.InvariantCulture, $$$"""{"model":"claude-opus-4-1","max_tokens":100,"messages":[{"role":"user","content":"Look at {{{i}}}"}]}"""),
            headers);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("Seen.", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    private static Task AnswerAsync(HttpContext context, ReceivedRequest request)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync("""{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-4-1","content":[{"type":"text","text":"Seen."}],"stop_reason":"end_turn","usage":{"input_tokens":4,"output_tokens":2}}""");
    }

    /// <summary>Overwrites the root page of a table, with the database closed.</summary>
    private static async Task DamageAsync(string path, string table)
    {
        long page, size;
        await using (var connection = new SqliteConnection($"Data Source={path};Pooling=false"))
        {
            await connection.OpenAsync();
            page = await AskAsync(connection, $"SELECT rootpage FROM sqlite_master WHERE name = '{table}'");
            size = await AskAsync(connection, "PRAGMA page_size");
            await AskAsync(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        }

        await using var file = new FileStream(path, FileMode.Open, FileAccess.Write);
        file.Position = (page - 1) * size;
        var noise = new byte[size];
        new Random(1).NextBytes(noise);
        await file.WriteAsync(noise);
    }

    private static async Task<long> AskAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are those of this class.
        command.CommandText = sql;
#pragma warning restore CA2100
        return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
    }
}
