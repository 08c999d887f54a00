using LlmProxy.Core.Stores;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Recording;

public sealed class StoreCircuitBreakerTests
{
    private readonly TestClock _time = new();
    private readonly StoreCircuitBreaker _gate;

    public StoreCircuitBreakerTests()
    {
        _gate = new StoreCircuitBreaker(_time, NullLogger<StoreCircuitBreaker>.Instance);
    }

    [Fact]
    public async Task An_answer_in_time_is_given() => Assert.Equal((7, true), await _gate.AskAsync("x", _ => Task.FromResult(7), 0, default));

    [Fact]
    public async Task A_store_that_takes_longer_than_50_ms_is_left_alone_for_5_seconds()
    {
        var asked = _gate.AskAsync("x", _ => new TaskCompletionSource<int>().Task, -1, default).AsTask();
        _time.Advance(TimeSpan.FromMilliseconds(49));
        Assert.False(asked.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((-1, false), await asked);

        Assert.Equal((-1, false), await _gate.AskAsync("x", _ => throw new InvalidOperationException("was asked"), -1, default));
        Assert.Equal(2, _gate.Skipped);
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.True(_gate.IsClosed);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal((7, true), await _gate.AskAsync("x", _ => Task.FromResult(7), 0, default));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_fails_is_left_alone(bool known)
    {
        Exception error = known ? new StoreException("down") : new ObjectDisposedException("pool");

        Assert.Equal((-1, false), await _gate.AskAsync<int>("x", _ => throw error, -1, default));

        Assert.True(_gate.IsClosed);
    }

    [Fact]
    public async Task A_client_that_leaves_says_nothing_of_the_store()
    {
        using var left = new CancellationTokenSource();
        var asked = _gate.AskAsync("x", _ => new TaskCompletionSource<int>().Task, -1, left.Token).AsTask();
        await left.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.False(_gate.IsClosed);
    }
}
