using System.Collections.Concurrent;
using System.Diagnostics;
using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Load;

/// <summary>What a load did.</summary>
internal sealed record LoadResult(long Requests, double Seconds, IReadOnlyList<double> Microseconds, IReadOnlyList<double> EventMicroseconds, long Merged)
{
    public double RequestsPerSecond => Requests / Seconds;

    public LoadResult Add(LoadResult other) => new(
        Requests + other.Requests,
        Seconds + other.Seconds,
        [.. Microseconds, .. other.Microseconds],
        [.. EventMicroseconds, .. other.EventMicroseconds],
        Merged + other.Merged);
}

/// <summary>Sends distinct growing runs to one address; ends by time or by the count of runs, whichever comes first.</summary>
internal sealed class LoadGenerator(AgentRunTemplate template, Uri address, int maxRuns)
{
    /// <summary>As much as so many connections can carry.</summary>
    public Task<LoadResult> SaturateAsync(int connections, TimeSpan time, CancellationToken cancellationToken) =>
        RunAsync(connections, time, rate: null, cancellationToken);

    /// <summary>So many requests a second, however long each takes.</summary>
    public Task<LoadResult> PaceAsync(double rate, TimeSpan time, CancellationToken cancellationToken) =>
        RunAsync(64, time, rate, cancellationToken);

    /// <summary>One run on one connection, one request after the other; events paused so that each is on its way alone.</summary>
    public async Task<LoadResult> WalkAsync(HttpConnection connection, List<double> eventMicroseconds, int pauseMs, CancellationToken cancellationToken)
    {
        var run = new AgentRun(template);
        run.Begin();
        var times = new List<double>();
        var (events, merged, started) = (eventMicroseconds.Count, connection.Merged, Stopwatch.GetTimestamp());
        while (!run.IsOver)
        {
            times.Add(await SendAsync(connection, run, pauseMs, cancellationToken));
        }

        return new LoadResult(times.Count, Stopwatch.GetElapsedTime(started).TotalSeconds, times, eventMicroseconds[events..], connection.Merged - merged);
    }

    private async Task<LoadResult> RunAsync(int connections, TimeSpan time, double? rate, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var (requests, runs, ticket) = (0L, 0, 0L);
        var times = new ConcurrentBag<List<double>>();
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(WorkAsync, cancellationToken)));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return new LoadResult(requests, seconds, [.. times.SelectMany(t => t)], [], 0);

        async Task WorkAsync()
        {
            using var connection = new HttpConnection();
            await connection.ConnectAsync(address, cancellationToken);
            var own = new List<double>();
            times.Add(own);
            var run = new AgentRun(template);
            var isOver = true;
            while (Stopwatch.GetElapsedTime(started) < time)
            {
                if (isOver)
                {
                    if (Interlocked.Increment(ref runs) > maxRuns)
                    {
                        return;
                    }

                    run.Begin();
                }

                if (rate is { } perSecond)
                {
                    // Tickets are dealt out in order of time, so the load stays even whoever is free.
                    var due = TimeSpan.FromSeconds(Interlocked.Increment(ref ticket) / perSecond);
                    if (due > time)
                    {
                        return;
                    }

                    if (due - Stopwatch.GetElapsedTime(started) is { Ticks: > 0 } wait)
                    {
                        await Task.Delay(wait, cancellationToken);
                    }
                }

                own.Add(await SendAsync(connection, run, pauseMs: 0, cancellationToken));
                isOver = run.IsOver;
                Interlocked.Increment(ref requests);
            }
        }
    }

    /// <summary>Sends a run's next request.</summary>
    /// <returns>Microseconds until the whole answer, for a stream until its first event.</returns>
    private async Task<double> SendAsync(HttpConnection connection, AgentRun run, int pauseMs, CancellationToken cancellationToken)
    {
        var request = run.Next(pauseMs);
        var started = Stopwatch.GetTimestamp();
        var status = await connection.SendAsync(request, cancellationToken);
        var ended = template.Stream ? connection.FirstByteAt : Stopwatch.GetTimestamp();
        if (status != 200 || connection.Body.IndexOf(run.AnswerId.Span) < 0)
        {
            throw new InvalidOperationException($"Wrong answer ({status}): {System.Text.Encoding.UTF8.GetString(connection.Body[..Math.Min(300, connection.Body.Length)])}");
        }

        return (ended - started) * 1e6 / Stopwatch.Frequency;
    }
}
