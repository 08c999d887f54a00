namespace LlmProxy.Server.Pipeline;

/// <summary>Bytes of buffered request bodies of all requests together; beyond the limit a body is forwarded as a stream.</summary>
internal sealed class BufferBudget(long maxBytes)
{
    private long _used;

    /// <summary>Bytes in use.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes bytes; false where that would pass the limit.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _used, bytes) <= maxBytes)
        {
            return true;
        }

        Interlocked.Add(ref _used, -bytes);
        return false;
    }

    /// <summary>Gives bytes back.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _used, -bytes);
}
