namespace LlmProxy.Core.Retrieval;

/// <summary>The runs that were examples last, prepared, so that a run's texts are read and cleaned once and not for each task.</summary>
/// <param name="mostCharacters">Most characters of recorded text in all; the runs that were longest not used go first.</param>
/// <remarks>Own code and no library's cache: bounded by the size of its entries, where BitFaster.Caching counts entries. Safe for concurrent use.</remarks>
internal sealed class PreparedTrajectoryCache(int mostCharacters)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Id, long Version), LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _order = new();
    private long _characters;

    /// <summary>The run as it was prepared in this version, or null.</summary>
    public PreparedTrajectory? Find(Trajectory run)
    {
        if (run.Version is not { } version)
        {
            return null;
        }

        lock (_lock)
        {
            if (!_entries.TryGetValue((run.Id, version), out var node))
            {
                return null;
            }

            _order.Remove(node);
            _order.AddFirst(node);
            return node.Value.Prepared;
        }
    }

    /// <summary>Remembers a run. One without a version is not kept, since it cannot be distinguished from a later one.</summary>
    public void Add(Trajectory run, PreparedTrajectory prepared)
    {
        if (run.Version is not { } version || prepared.Length > mostCharacters / 8)
        {
            return;
        }

        lock (_lock)
        {
            Forget((run.Id, version));
            _entries[(run.Id, version)] = _order.AddFirst(new Entry((run.Id, version), prepared));
            _characters += prepared.Length;
            while (_characters > mostCharacters)
            {
                Forget(_order.Last!.Value.Key);
            }
        }
    }

    private void Forget((string Id, long Version) key)
    {
        if (_entries.Remove(key, out var node))
        {
            _order.Remove(node);
            _characters -= node.Value.Prepared.Length;
        }
    }

    private sealed record Entry((string Id, long Version) Key, PreparedTrajectory Prepared);
}
