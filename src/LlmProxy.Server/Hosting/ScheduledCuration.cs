using LlmProxy.Core.Configuration;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Curates the examples of all tenants every <c>Curation:Every</c>. The store keeps when each tenant was curated last and who
/// is at it: replicas share the work, and a process that starts again takes up what is due. What a stopped process had
/// begun is due again after its lease.
/// </summary>
internal sealed partial class ScheduledCuration(IStoreLifecycle store, ICurationStore curations, ExampleCurator curator, CurationOptions options, TimeProvider time, ILogger<ScheduledCuration> log) : BackgroundService
{
    /// <summary>Time between two looks at what is due, unless <c>Every</c> is shorter.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);

    /// <summary>Far longer than a curation takes.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly string _owner = Guid.NewGuid().ToString("N");

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Every is not { } every)
        {
            return;
        }

        using var timer = new PeriodicTimer(every < LookEvery ? every : LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await CurateDueAsync(every, stoppingToken);
            }
            catch (StoreException error)
            {
                LogUnread(error);
            }
        }
    }

    /// <summary>Curates the tenants that are due and that no other process has; returns how many it completed.</summary>
    public async Task<int> CurateDueAsync(TimeSpan every, CancellationToken cancellationToken)
    {
        var completed = 0;
        foreach (var tenant in await store.ListTenantsAsync(cancellationToken))
        {
            if (await curations.ClaimCurationAsync(tenant, _owner, every, Lease, cancellationToken) && await TryCurateAsync(tenant, cancellationToken))
            {
                completed++;
            }
        }

        return completed;
    }

    private async Task<bool> TryCurateAsync(string tenant, CancellationToken cancellationToken)
    {
        try
        {
            var report = await curator.CurateAsync(tenant, dryRun: false, cancellationToken);
            await curations.CompleteCurationAsync(tenant, _owner, cancellationToken);
            LogCurated(tenant, report.Types.Count, report.Tasks, report.Coverage.WithGoodExample, report.Redundant.Count, report.Harmful.Count);
            return true;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // The other tenants are curated all the same.
            LogFailed(tenant, Lease, error);
            return false;
        }
    }

    [LoggerMessage(1205, LogLevel.Information, "Scheduled curation of tenant {Tenant}: {Types} types of {Tasks} tasks, {Covered} types with a good example, {Redundant} redundant and {Harmful} harmful examples")]
    private partial void LogCurated(string tenant, int types, int tasks, int covered, int redundant, int harmful);

    [LoggerMessage(1206, LogLevel.Warning, "Scheduled curation of tenant {Tenant} failed; next attempt in {Lease}")]
    private partial void LogFailed(string tenant, TimeSpan lease, Exception error);

    [LoggerMessage(1207, LogLevel.Warning, "Looking for due curations failed; next look in a minute")]
    private partial void LogUnread(Exception error);
}
