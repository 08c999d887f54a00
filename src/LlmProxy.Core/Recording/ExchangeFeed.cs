using System.Collections.Immutable;
using System.Threading.Channels;

namespace LlmProxy.Core.Recording;

/// <summary>A recorded exchange in one line.</summary>
/// <param name="TaskId">The task; null for a side call whose task is unknown.</param>
/// <param name="StepIndex">Number of the step; 0 for a side call.</param>
/// <param name="Provider">Provider of the model.</param>
/// <param name="Model">The model that responded, or the requested one.</param>
/// <param name="Client">The client's user agent.</param>
/// <param name="KeyName">Name of the key, or null without keys.</param>
/// <param name="Status">How the call ended; null for a side call.</param>
/// <param name="HttpStatus">HTTP status; 0 if no response came.</param>
/// <param name="StartedAt">When the request came.</param>
/// <param name="DurationMs">To the end of the response, in milliseconds; null for a side call.</param>
/// <param name="Usage">Tokens; null if the response states none.</param>
/// <param name="CostUsd">Cost at standard processing; null if the usage or the price is unknown.</param>
/// <param name="Examples">Number of examples in the prompt.</param>
/// <param name="IsSideCall">Whether it is no step of a task: a title, a summary.</param>
public sealed record RecordedExchange(
    string? TaskId, int StepIndex, string Provider, string Model, string Client, string? KeyName, StepStatus? Status, int HttpStatus, DateTimeOffset StartedAt,
    double? DurationMs, TokenUsage? Usage, decimal? CostUsd, int Examples, bool IsSideCall);

/// <summary>Passes on each exchange that this process has stored, to whoever watches. It keeps nothing.</summary>
/// <param name="prices">The price list.</param>
/// <remarks>Safe for concurrent use. Costs one read of a field while there are no watchers.</remarks>
public sealed class ExchangeFeed(IReadOnlyList<ModelPrice> prices)
{
    /// <summary>How many may watch at once.</summary>
    public const int MaxWatchers = 64;

    // A slow watcher loses the oldest ones; recording never waits for it.
    private const int Waiting = 256;

    private ImmutableArray<Watcher> _watchers = [];

    /// <summary>Watches the exchanges of a tenant from now on.</summary>
    /// <param name="tenant">The tenant.</param>
    /// <returns>The watch, to be disposed of; null if <see cref="MaxWatchers"/> watch already.</returns>
    public ExchangeWatch? Watch(string tenant)
    {
        var watcher = new Watcher(tenant, Channel.CreateBounded<RecordedExchange>(new BoundedChannelOptions(Waiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }));
        var added = ImmutableInterlocked.Update(ref _watchers, static (all, one) => all.Length < MaxWatchers ? all.Add(one) : all, watcher);
        return added ? new ExchangeWatch(watcher.Exchanges.Reader, () => ImmutableInterlocked.Update(ref _watchers, static (all, one) => all.Remove(one), watcher)) : null;
    }

    /// <summary>Passes on an exchange and the change that it made.</summary>
    internal void Publish(ExchangeHead head, TrajectoryChange? change)
    {
        var watchers = _watchers;
        if (watchers.IsEmpty)
        {
            return;
        }

        RecordedExchange? exchange = null;
        foreach (var watcher in watchers)
        {
            if (watcher.Tenant == head.Tenant)
            {
                watcher.Exchanges.Writer.TryWrite(exchange ??= Of(head, change));
            }
        }
    }

    private RecordedExchange Of(ExchangeHead head, TrajectoryChange? change)
    {
        var step = change?.Steps.FirstOrDefault(s => s.ExchangeId == head.ExchangeId) ?? (change?.Steps is [var first, ..] ? first : null);
        var model = step?.Model is { Length: > 0 } responding ? responding : head.Model;
        return new RecordedExchange(
            head.TaskId, step?.Index ?? 0, head.Provider, model, head.Client, head.KeyName, step?.Status, step?.HttpStatus ?? 0, head.StartedAt, step?.DurationMs, step?.TokenUsage,
            step?.TokenUsage is { } usage ? ModelCost.Of(prices, model, usage) : null, head.ExampleIds.Count, head.IsSideCall);
    }

    private sealed record Watcher(string Tenant, Channel<RecordedExchange> Exchanges);
}

/// <summary>A watch of <see cref="ExchangeFeed"/>.</summary>
public sealed class ExchangeWatch : IDisposable
{
    private readonly ChannelReader<RecordedExchange> _exchanges;
    private readonly Action _end;

    internal ExchangeWatch(ChannelReader<RecordedExchange> exchanges, Action end) => (_exchanges, _end) = (exchanges, end);

    /// <summary>The next exchange; null if none came within a time.</summary>
    public async Task<RecordedExchange?> NextAsync(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _exchanges.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _end();
}
