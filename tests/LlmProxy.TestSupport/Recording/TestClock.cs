using Microsoft.Extensions.Time.Testing;

namespace LlmProxy.Tests.Recording;

/// <summary>A clock that only a test moves, and that says when the first timer waits for it.</summary>
internal sealed class TestClock() : FakeTimeProvider(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero))
{
    private readonly TaskCompletionSource _firstTimer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How far the time of day was set back. Timestamps and timers do not notice.</summary>
    public TimeSpan SetBack { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - SetBack;

    public override long GetTimestamp() => base.GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _firstTimer.TrySetResult();
        return timer;
    }

    /// <summary>Waits until there is a timer.</summary>
    public Task WaitForTimerAsync() => _firstTimer.Task.WaitAsync(TimeSpan.FromSeconds(60));
}
