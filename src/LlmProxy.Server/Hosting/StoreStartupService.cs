using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Stores;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Opens the store and starts the recorder. The proxy starts even if the store is unavailable: requests are forwarded
/// and recorded in the spool while opening the store is retried.
/// </summary>
internal sealed class StoreStartupService(
    Recorder recorder,
    LearningHost start,
    RetryingStore recording,
    TimeProvider time,
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
                recording.Outage.End();

                // The first search is slow until its code is compiled; no task should lose its examples to that.
                if (warmUp is not null)
                {
                    await warmUp.RunAsync(_stopping.Token);
                }

                return;
            }
            catch (StoreException error)
            {
                recording.Outage.Report(error);
                _unreachable.TrySetResult();
                await Task.Delay(RetryDelay, time, _stopping.Token);
            }
        }
    }
}
