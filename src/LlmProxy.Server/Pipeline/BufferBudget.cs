namespace LlmProxy.Server.Pipeline;

/// <summary>Limits the bytes of all buffered request bodies together; above the limit a body is streamed.</summary>
internal sealed class BufferBudget(long maxBytes)
{
    private long _used;

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

    /// <summary>Releases bytes.</summary>
    public void Return(long bytes) => Interlocked.Add(ref _used, -bytes);
}
