using System.Runtime.InteropServices;

namespace LlmProxy.Core.Trajectories;

/// <summary>
/// Open tasks and correlation keys in memory, in front of the store. Not safe for concurrent use: the correlator
/// holds its lock. What is forgotten here is found in the store. Own code and no library's cache: a task leaves with its
/// session and all its keys, and never while a call of it is in flight.
/// </summary>
internal sealed class CorrelationIndex
{
    private const int MaxTasks = 20_000;

    // A call leaves about five keys of some 300 bytes each, so it is their number that memory goes by.
    private const int MaxKeys = 100_000;

    // Thousands of tasks can begin with the same words: the latest are enough, and the store has the others.
    private const int MaxEntriesOfKey = 64;

    private static readonly TimeSpan LongestCall = TimeSpan.FromHours(2);

    private readonly Dictionary<(string Tenant, string TaskId), OpenTask> _tasks = [];
    private readonly Dictionary<(string Tenant, string SessionId), List<OpenTask>> _sessions = [];
    private readonly Dictionary<(string Tenant, TurnKey Key), List<CorrelationEntry>> _entries = [];
    private readonly Dictionary<OpenTask, List<TurnKey>> _keysOfTask = new(ReferenceEqualityComparer.Instance);

    private int _keys;

    public int Count => _tasks.Count;

    public OpenTask? Find(string tenant, string taskId) => _tasks.GetValueOrDefault((tenant, taskId));

    /// <summary>Tasks of a session, oldest first.</summary>
    public IReadOnlyList<OpenTask> OfSession(string tenant, string? sessionId) =>
        sessionId is not null && _sessions.TryGetValue((tenant, sessionId), out var tasks) ? tasks : [];

    public IReadOnlyList<CorrelationEntry> Find(string tenant, TurnKey key) =>
        _entries.TryGetValue((tenant, key), out var found) ? found : [];

    /// <summary>Entries of a key and a kind.</summary>
    public List<CorrelationEntry> Find(string tenant, TurnKey key, CorrelationKind kind) => [.. Find(tenant, key).Where(e => e.Kind == kind)];

    /// <summary>Keys of the ids that a response gave out, as far as they are in memory.</summary>
    public IEnumerable<TurnKey> ToolCalls(OpenTask task, int stepIndex) =>
        _keysOfTask.TryGetValue(task, out var keys)
            ? keys.Where(key => Find(task.Tenant, key).Any(e => e.Kind == CorrelationKind.ToolCall && e.StepIndex == stepIndex && e.TaskId == task.TaskId))
            : [];

    /// <summary>The task that was opened last: of a session, or of a tenant. A sub-agent's only where there is no other.</summary>
    public OpenTask? Latest(string tenant, string? sessionId) =>
        (sessionId is null ? _tasks.Values.Where(t => t.Tenant == tenant) : OfSession(tenant, sessionId))
            .MaxBy(t => (t.ParentId is null, t.StartedAt, t.TrajectoryId));

    public void Add(OpenTask task)
    {
        if (_tasks.Count >= MaxTasks || _keys >= MaxKeys)
        {
            Forget(Math.Max(1, _tasks.Count / 10));
        }

        _tasks[(task.Tenant, task.TaskId)] = task;
        _keysOfTask[task] = [];
        if (task.SessionId is { } session)
        {
            ListOf(_sessions, (task.Tenant, session)).Add(task);
        }
    }

    public void Add(OpenTask task, CorrelationEntry entry)
    {
        var list = ListOf(_entries, (task.Tenant, entry.Key));
        if (list.Exists(e => e.Kind == entry.Kind && e.TaskId == entry.TaskId && e.StepIndex == entry.StepIndex))
        {
            return;
        }

        if (list.Count >= MaxEntriesOfKey)
        {
            list.RemoveAt(0);
        }

        list.Add(entry);
        if (_keysOfTask.TryGetValue(task, out var keys))
        {
            keys.Add(entry.Key);
            _keys++;
        }
    }

    /// <summary>Adds a task, if it is not known yet, with entries.</summary>
    public void Add(OpenTask task, IReadOnlyList<CorrelationEntry> entries)
    {
        if (Find(task.Tenant, task.TaskId) is null)
        {
            Add(task);
        }

        foreach (var entry in entries)
        {
            Add(task, entry);
        }
    }

    /// <summary>Adds a task as another process published it.</summary>
    public void Add(ReplicaTask task) => Add(OpenTask.Merge(Find(task.Tenant, task.TaskId), task), task.Keys);

    /// <summary>Adds what the store knows.</summary>
    public void Add(StoredTasks stored)
    {
        foreach (var (row, entries) in stored.Recorded)
        {
            Add(Find(row.Tenant, row.TaskId) ?? OpenTask.From(row), entries);
        }

        foreach (var published in stored.Published)
        {
            Add(published);
        }
    }

    public void Remove(OpenTask task)
    {
        if (!_keysOfTask.Remove(task, out var keys))
        {
            return;
        }

        _keys -= keys.Count;
        _tasks.Remove((task.Tenant, task.TaskId));
        foreach (var key in keys)
        {
            if (_entries.TryGetValue((task.Tenant, key), out var list) && list.RemoveAll(e => e.TaskId == task.TaskId) > 0 && list.Count == 0)
            {
                _entries.Remove((task.Tenant, key));
            }
        }

        if (task.SessionId is { } session && _sessions.TryGetValue((task.Tenant, session), out var tasks))
        {
            tasks.Remove(task);
            if (tasks.Count == 0)
            {
                _sessions.Remove((task.Tenant, session));
            }
        }
    }

    private static List<TItem> ListOf<TKey, TItem>(Dictionary<TKey, List<TItem>> lists, TKey key)
        where TKey : notnull => CollectionsMarshal.GetValueRefOrAddDefault(lists, key, out _) ??= [];

    private void Forget(int count)
    {
        var newest = _tasks.Values.Max(t => t.LastUsed);
        foreach (var task in _tasks.Values.Where(t => t.InFlight == 0 || newest - t.LastUsed > LongestCall).OrderBy(t => t.LastUsed).Take(count).ToList())
        {
            Remove(task);
        }
    }
}
