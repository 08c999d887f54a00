using System.Diagnostics;

namespace LlmProxy.Benchmarks.Soak;

/// <summary>Closed while too many calls wait for the store.</summary>
internal sealed class SoakGate(int mostPending)
{
    private TaskCompletionSource _open = Opened();
    private long _closedAt;

    /// <summary>How long it was closed.</summary>
    public TimeSpan Waited { get; private set; }

    public Task WaitAsync(CancellationToken cancellationToken) => Volatile.Read(ref _open).Task.WaitAsync(cancellationToken);

    public void Update(long pending)
    {
        if (_open.Task.IsCompleted && pending > mostPending)
        {
            _closedAt = Stopwatch.GetTimestamp();
            Volatile.Write(ref _open, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        else if (!_open.Task.IsCompleted && pending <= mostPending)
        {
            Waited += Stopwatch.GetElapsedTime(_closedAt);
            _open.SetResult();
        }
    }

    private static TaskCompletionSource Opened()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
