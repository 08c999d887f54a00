using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Deletes old trajectories with a low score for all tenants every <c>Cleanup:Every</c>, first a minute after the start,
/// so that a process that is restarted every night cleans up too. Safe to run in several replicas at the same time.
/// </summary>
internal sealed partial class ScheduledCleanup(IStoreLifecycle store, TrajectoryPurge purge, CleanupOptions options, TimeProvider time, ILogger<ScheduledCleanup> log) : BackgroundService
{
    /// <summary>Delay of the first cleanup, unless <c>Every</c> is shorter.</summary>
    public static readonly TimeSpan FirstAfter = TimeSpan.FromMinutes(1);

    /// <summary>Who deletes, in the audit.</summary>
    private const string Actor = "schedule";

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Every is not { } every)
        {
            return;
        }

        await Task.Delay(every < FirstAfter ? every : FirstAfter, time, stoppingToken);
        using var timer = new PeriodicTimer(every, time);
        do
        {
            await CleanUpAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CleanUpAsync(CancellationToken cancellationToken)
    {
        try
        {
            // Tenant by tenant: each sees in its audit what is gone.
            var endedBefore = time.GetUtcNow() - TimeSpan.FromDays(options.OlderThanDays);
            var deleted = 0;
            foreach (var tenant in await store.ListTenantsAsync(cancellationToken))
            {
                deleted += await purge.CleanupAsync(tenant, Actor, endedBefore, options.MaxQuality, includeUnscored: false, dryRun: false, cancellationToken);
            }

            LogDeleted(deleted, options.OlderThanDays, options.MaxQuality);
        }
        catch (StoreException error)
        {
            LogFailed(options.Every!.Value, error);
        }
    }

    [LoggerMessage(1203, LogLevel.Information, "Scheduled cleanup deleted {Count} trajectories that ended more than {Days} days ago with a quality score of at most {Quality}")]
    private partial void LogDeleted(int count, int days, double quality);

    [LoggerMessage(1204, LogLevel.Warning, "Scheduled cleanup failed; next run in {Every}")]
    private partial void LogFailed(TimeSpan every, Exception error);
}
