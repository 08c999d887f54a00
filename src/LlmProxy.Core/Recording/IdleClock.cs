namespace LlmProxy.Core.Recording;

/// <summary>
/// The time by which idle tasks are closed. A clock that is set forward, or a machine that slept, makes no task idle: for as
/// long as a task may be idle, such a jump is not counted. Afterwards each task of before the jump has been idle for
/// that long in truth, or its last call came since.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class IdleClock(TimeProvider time, TimeSpan longestIdle)
{
    // Clocks are set by seconds all the time.
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private DateTimeOffset _lastTime = time.GetUtcNow();
    private long _lastStamp = time.GetTimestamp();
    private long _jumpedAt;
    private TimeSpan _ahead;

    /// <summary>The time of day, without a jump that does not count.</summary>
    public DateTimeOffset Read()
    {
        lock (_lock)
        {
            var (now, stamp) = (time.GetUtcNow(), time.GetTimestamp());
            var jump = now - _lastTime - time.GetElapsedTime(_lastStamp, stamp);
            if (jump > Tolerance)
            {
                (_ahead, _jumpedAt) = (_ahead + jump, stamp);
            }
            else if (jump < -Tolerance)
            {
                _ahead = _ahead + jump > TimeSpan.Zero ? _ahead + jump : TimeSpan.Zero;
            }
            else if (time.GetElapsedTime(_jumpedAt, stamp) >= longestIdle)
            {
                _ahead = TimeSpan.Zero;
            }

            (_lastTime, _lastStamp) = (now, stamp);
            return now - _ahead;
        }
    }
}
