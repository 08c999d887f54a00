using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Opens the store and starts the recorder. The proxy starts even if the store is unavailable: requests are forwarded
/// and recorded in the spool while opening the store is retried.
/// </summary>
internal sealed partial class StoreStartupService(
    IStoreLifecycle store,
    Recorder recorder,
    LearningHost start,
    TimeProvider time,
    ILogger<StoreStartupService> log,
    WarmUp? warmUp = null) : IHostedService, IDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _unreachable = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _starting = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _starting = OpenAsync();
        await Task.WhenAny(_starting, _unreachable.Task, Task.Delay(StartTimeout, time, cancellationToken));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await recorder.StopAsync(TimeSpan.FromSeconds(10));
    }

    public void Dispose() => _stopping.Dispose();

    private async Task OpenAsync()
    {
        while (true)
        {
            try
            {
                await start.StartAsync(_stopping.Token);

                // The first search is slow until its code is compiled; no task should lose its examples to that.
                if (warmUp is not null)
                {
                    await warmUp.RunAsync(_stopping.Token);
                }

                return;
            }
            catch (StoreException error)
            {
                LogStoreMissing(store.Provider, RetryDelay.TotalSeconds, error);
                _unreachable.TrySetResult();
                await Task.Delay(RetryDelay, time, _stopping.Token);
            }
        }
    }

    [LoggerMessage(1202, LogLevel.Error, "Opening the {Provider} store failed; requests are forwarded, recording is queued, retrying every {Seconds} s")]
    private partial void LogStoreMissing(string provider, double seconds, Exception error);
}
