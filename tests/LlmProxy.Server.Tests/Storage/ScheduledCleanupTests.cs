using System.Threading.Channels;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage.Sqlite;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Recording;
using LlmProxy.Tests.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using static LlmProxy.Tests.Storage.SampleRuns;

namespace LlmProxy.Tests.Storage;

public sealed class ScheduledCleanupTests : IAsyncLifetime, IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly TestClock _time = new();
    private readonly Channel<bool> _cleanups = Channel.CreateUnbounded<bool>();
    private readonly FakeLogCollector _log = new();
    private readonly LoggerFactory _loggers = new();
    private SqliteTrajectoryStore _sqlite = null!;
    private FaultyStore _store = null!;

    public async Task InitializeAsync()
    {
        _loggers.AddProvider(new FakeLoggerProvider(_log));
        _sqlite = new SqliteTrajectoryStore("Data Source=" + _folder["llmproxy.db"], _time);
        await _sqlite.InitializeAsync(default);
        _store = FaultyStore.Around(_sqlite);
        _store.Fault = (name, _) =>
        {
            if (name == nameof(ITrajectoryStore.CleanupAsync))
            {
                _cleanups.Writer.TryWrite(true);
            }

            return null;
        };
    }

    public async Task DisposeAsync()
    {
        await _sqlite.DisposeAsync();
    }

    public void Dispose()
    {
        _loggers.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task It_deletes_a_minute_after_the_start_and_then_as_often_as_was_set()
    {
        var now = _time.GetUtcNow();
        await _sqlite.SaveAsync([Poor("old", now.AddDays(-91)), Poor("young", now.AddDays(-89.95)), Poor("of another tenant", now.AddDays(-91), "other")], default);
        using var cleanup = await StartAsync(new CleanupOptions { Every = TimeSpan.FromHours(6) });

        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(0, _cleanups.Reader.Count);
        _time.Advance(TimeSpan.FromSeconds(1));
        await DoneAsync(2);
        Assert.Null(await _sqlite.FindTrajectoryAsync(Tenant, "old", default));
        Assert.NotNull(await _sqlite.FindTrajectoryAsync(Tenant, "young", default));

        _time.Advance(TimeSpan.FromHours(6));
        await DoneAsync(1);
        Assert.Null(await _sqlite.FindTrajectoryAsync(Tenant, "young", default));
        await cleanup.StopAsync(default);
    }

    [Fact]
    public async Task What_it_deletes_is_in_the_audit_of_each_tenant()
    {
        var now = _time.GetUtcNow();
        await _sqlite.SaveAsync([Poor("a", now.AddDays(-91)), Poor("b", now.AddDays(-92)), Poor("c", now.AddDays(-91), "other"), Poor("young", now, "third")], default);
        using var cleanup = await StartAsync(new CleanupOptions { Every = TimeSpan.FromHours(6) });

        _time.Advance(TimeSpan.FromMinutes(1));
        await _log.WaitForAsync(1203, 3);
        _time.Advance(TimeSpan.FromHours(6));
        await _log.WaitForAsync(1203, 0);
        await cleanup.StopAsync(default);

        var entries = new List<(string Tenant, AuditEntry Entry)>();
        foreach (var tenant in new[] { Tenant, "other", "third" })
        {
            entries.AddRange((await _sqlite.ListAuditAsync(tenant, 9, null, default)).Select(entry => (tenant, entry)));
        }

        Assert.Equal([(Tenant, 2L), ("other", 1L)], entries.Select(e => (e.Tenant, e.Entry.Counts["trajectories"])));
        Assert.All(entries, e => Assert.Equal(("schedule", AuditAction.Cleanup, e.Tenant), (e.Entry.Actor, e.Entry.Action, e.Entry.Tenant)));
        Assert.All(entries, e => Assert.StartsWith("ended before ", e.Entry.Subject, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_that_is_down_is_tried_again_at_the_next_time()
    {
        await _sqlite.SaveAsync([Poor("old", _time.GetUtcNow().AddDays(-91))], default);
        var isDown = true;
        _store.Fault = (_, _) => isDown ? new StoreException("down") : null;
        using var cleanup = await StartAsync(new CleanupOptions { Every = TimeSpan.FromSeconds(30) });

        _time.Advance(TimeSpan.FromSeconds(30));
        await _log.WaitForAsync(1204);
        isDown = false;
        _time.Advance(TimeSpan.FromSeconds(30));

        await _log.WaitForAsync(1203, 1);
        await cleanup.StopAsync(default);
    }

    [Fact]
    public async Task Without_a_schedule_nothing_is_deleted()
    {
        using var cleanup = await StartAsync(new CleanupOptions());

        await cleanup.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, _cleanups.Reader.Count);
    }

    [Fact]
    public async Task The_setting_reaches_the_running_proxy()
    {
        await using var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Cleanup:Every", "00:00:01"));

        var deleted = await proxy.Log.WaitForAsync(1203);
        Assert.Equal(("0", "90", "0.3"), (deleted.GetStructuredStateValue("Count"), deleted.GetStructuredStateValue("Days"), deleted.GetStructuredStateValue("Quality")));
    }

    private static TrajectoryChange Poor(string id, DateTimeOffset ended, string tenant = Tenant) =>
        new() { Trajectory = Run(id) with { Tenant = tenant, QualityScore = 0.1, StartedAt = ended, LastActivityAt = ended, CompletedAt = ended } };

    private async Task<ScheduledCleanup> StartAsync(CleanupOptions options)
    {
        var cleanup = new ScheduledCleanup(_store.Store, new TrajectoryPurge(_store.Store, _store.Store, null!, _sqlite, _time), options, _time, _loggers.CreateLogger<ScheduledCleanup>());
        await cleanup.StartAsync(default);
        if (options.Every is not null)
        {
            // The background part starts on a thread of its own; until it waits, moving the clock would be too early.
            await _time.WaitForTimerAsync();
        }

        return cleanup;
    }

    private async Task DoneAsync(int count)
    {
        await _cleanups.Reader.ReadAsync();
        await _log.WaitForAsync(1203, count);
    }
}
