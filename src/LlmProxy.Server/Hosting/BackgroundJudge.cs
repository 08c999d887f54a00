using LlmProxy.Core.Judging;
using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Hosting;

/// <summary>Judges finished trajectories in the background, if <c>Judge:Enabled</c> is true.</summary>
internal sealed partial class BackgroundJudge(IServiceProvider services, TimeProvider time, ILogger<BackgroundJudge> log) : BackgroundService
{
    /// <summary>Time between two looks at what is due.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (services.GetService<JudgeWorker>() is not { } worker)
        {
            return;
        }

        using var timer = new PeriodicTimer(LookEvery, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                if (await worker.RunAsync(stoppingToken) is > 0 and var judged)
                {
                    LogJudged(judged);
                }
            }
            catch (StoreException error)
            {
                LogFailed(error);
            }
        }
    }

    [LoggerMessage(1210, LogLevel.Information, "{Count} new judgements")]
    private partial void LogJudged(int count);

    [LoggerMessage(1211, LogLevel.Warning, "Judging failed: the store is unavailable; next look in a minute")]
    private partial void LogFailed(Exception error);
}
