using System.Collections.Concurrent;

namespace LlmProxy.Core.Recording;

/// <summary>What a tenant's exchanges take of the spool.</summary>
/// <param name="Pending">Recorded exchanges that are not in the store yet.</param>
/// <param name="Bytes">Bytes of their records.</param>
/// <param name="Dropped">Exchanges that were not recorded because the spool was full or the disk refused.</param>
public readonly record struct SpoolUse(long Pending, long Bytes, long Dropped);

/// <summary>What each tenant's exchanges take of the spool.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class SpoolTenants
{
    private readonly ConcurrentDictionary<string, Counter> _counters = new(StringComparer.Ordinal);

    /// <summary>The use of a tenant.</summary>
    public SpoolUse Of(string tenant) => _counters.TryGetValue(tenant, out var counter) ? counter.Read() : default;

    /// <summary>Counts a new exchange of a tenant.</summary>
    public Counter Begin(string tenant)
    {
        var counter = _counters.GetOrAdd(tenant, static _ => new Counter());
        counter.Begin();
        return counter;
    }

    /// <summary>The counter of one tenant.</summary>
    internal sealed class Counter
    {
        private long _pending;
        private long _bytes;
        private long _dropped;

        /// <summary>Counts written bytes.</summary>
        public void Write(long bytes) => Interlocked.Add(ref _bytes, bytes);

        /// <summary>Counts an exchange that is not recorded.</summary>
        public void Drop() => Interlocked.Increment(ref _dropped);

        /// <summary>Counts the end of an exchange and releases its bytes.</summary>
        public void Release(long bytes)
        {
            Interlocked.Add(ref _bytes, -bytes);
            Interlocked.Decrement(ref _pending);
        }

        internal void Begin() => Interlocked.Increment(ref _pending);

        internal SpoolUse Read() => new(Interlocked.Read(ref _pending), Interlocked.Read(ref _bytes), Interlocked.Read(ref _dropped));
    }
}
