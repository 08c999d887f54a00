namespace LlmProxy.Benchmarks.Soak;

/// <summary>What became of the calls; counted from many threads.</summary>
internal sealed class SoakCounts
{
    private long _sent;
    private long _answered;
    private long _mixedUp;
    private long _refused;
    private long _lost;

    /// <summary>Calls that were sent.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Answers that were whole and the call's own.</summary>
    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>Whole answers that were not the call's own, or requests that did not reach the upstream as they were sent.</summary>
    public long MixedUp => Interlocked.Read(ref _mixedUp);

    /// <summary>Answers with another status than 200.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Connections that broke before the answer was whole.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Takes the number of the next call.</summary>
    public long Next() => Interlocked.Increment(ref _sent);

    /// <summary>Gives a number back that no call was sent under.</summary>
    public void GiveBack() => Interlocked.Decrement(ref _sent);

    public void Count(int status, bool isOwn)
    {
        if (status == 200 && isOwn)
        {
            Interlocked.Increment(ref _answered);
        }
        else if (status is 200 or Children.FakeUpstream.WrongRequest)
        {
            Interlocked.Increment(ref _mixedUp);
        }
        else
        {
            Interlocked.Increment(ref _refused);
        }
    }

    public void CountLost() => Interlocked.Increment(ref _lost);
}
