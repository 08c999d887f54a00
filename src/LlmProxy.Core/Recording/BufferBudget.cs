namespace LlmProxy.Core.Recording;

/// <summary>
/// Counts the bytes that recording holds in memory, of all calls together (<c>Recording:MaxBufferedBytes</c>): request
/// bodies as they came, decoded and rewritten, replies that are assembled, and what the recorder works on.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class BufferBudget(long maxBytes)
{
    private long _used;

    /// <summary>Bytes that are reserved now.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Reserves bytes; false if that would exceed the limit.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= maxBytes)
        {
            return true;
        }

        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    /// <summary>
    /// Reserves bytes even above the limit. For the recorder, which works on one exchange after the other and has to come
    /// to an end with each: the calls under way get less meanwhile.
    /// </summary>
    public void Take(long bytes) => Interlocked.Add(ref _used, bytes);

    /// <summary>Releases bytes.</summary>
    public void Return(long bytes)
    {
        if (bytes != 0)
        {
            Interlocked.Add(ref _used, -bytes);
        }
    }
}
