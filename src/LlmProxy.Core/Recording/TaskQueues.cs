using System.Runtime.InteropServices;
using System.Threading.Channels;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Recording;

/// <summary>One thing that is to be done to a run: an exchange to be recorded, or a requested change.</summary>
internal sealed class WorkItem
{
    public SpooledExchange? Exchange { get; init; }

    public ParsedExchange? Known { get; set; }

    public Func<TrajectoryState?, TrajectoryState?>? Change { get; init; }

    public bool IsReady { get; set; }

    public TaskCompletionSource<Trajectory?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>What the request path has read of an exchange, so that the recorder need not read it again.</summary>
/// <param name="Reply">The response as it was put together, or null.</param>
/// <param name="Places">What was found in the request, or null.</param>
internal sealed record ParsedExchange(AssembledReply? Reply, RequestPlaces? Places);

/// <summary>What waits for one task, in the order of its calls.</summary>
internal sealed class TaskQueue(string tenant, string taskId)
{
    public string Tenant { get; } = tenant;

    public string TaskId { get; } = taskId;

    public List<WorkItem> Items { get; } = [];

    public bool IsScheduled { get; set; }
}

/// <summary>A queue for each task, and the tasks whose first item is ready. A call holds its place from its start to its end.</summary>
/// <remarks>Safe for concurrent use; one reader takes batches.</remarks>
internal sealed class TaskQueues
{
    // Calls that wait in memory in addition to their copy in the spool; the others are read from there again.
    private const int MaxHeld = 200;

    private readonly Channel<TaskQueue> _runnable = Channel.CreateUnbounded<TaskQueue>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<(string Tenant, string TaskId), TaskQueue> _queues = [];
    private readonly Lock _lock = new();
    private int _held;

    /// <summary>Calls that are over and wait in memory.</summary>
    public int Held => Volatile.Read(ref _held);

    /// <summary>Gives a call that starts its place.</summary>
    public void Register(SpooledExchange exchange)
    {
        lock (_lock)
        {
            QueueOf(exchange.Head.Tenant, exchange.Head.TaskId!).Items.Add(new WorkItem { Exchange = exchange });
        }
    }

    /// <summary>Marks a call as ended.</summary>
    public void Complete(SpooledExchange exchange, ParsedExchange known)
    {
        lock (_lock)
        {
            var queue = QueueOf(exchange.Head.Tenant, exchange.Head.TaskId!);
            if (queue.Items.Find(i => ReferenceEquals(i.Exchange, exchange)) is not { } item)
            {
                queue.Items.Add(item = new WorkItem { Exchange = exchange });
            }

            if (_held < MaxHeld)
            {
                item.Known = known;
                _held++;
            }

            item.IsReady = true;
            Wake(queue);
        }
    }

    /// <summary>Adds a change after the task's calls.</summary>
    public TaskQueue Add(string tenant, string taskId, WorkItem change)
    {
        lock (_lock)
        {
            var queue = QueueOf(tenant, taskId);
            queue.Items.Add(change);
            Wake(queue);
            return queue;
        }
    }

    /// <summary>Lets a change that waits go before the calls that it waits for.</summary>
    public void Hurry(TaskQueue queue, WorkItem change)
    {
        lock (_lock)
        {
            if (queue.Items.Remove(change))
            {
                queue.Items.Insert(0, change);
                Wake(queue);
            }
        }
    }

    /// <summary>Puts calls of an earlier process before those that came since.</summary>
    public void AddFirst(IEnumerable<SpooledExchange> exchanges)
    {
        lock (_lock)
        {
            foreach (var exchange in exchanges.Reverse())
            {
                var queue = QueueOf(exchange.Head.Tenant, exchange.Head.TaskId!);
                queue.Items.Insert(0, new WorkItem { Exchange = exchange, IsReady = true });
                Wake(queue);
            }
        }
    }

    /// <summary>Waits until something is ready; false when the queues were closed and are empty.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _runnable.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes what is ready, at most <paramref name="size"/> items; those of one task in their order.</summary>
    public List<(TaskQueue Queue, WorkItem Item)> TakeBatch(int size)
    {
        var batch = new List<(TaskQueue, WorkItem)>();
        lock (_lock)
        {
            while (batch.Count < size && _runnable.Reader.TryRead(out var queue))
            {
                queue.IsScheduled = false;
                while (queue.Items.Count > 0 && queue.Items[0].IsReady && batch.Count < size)
                {
                    _held -= queue.Items[0].Known is null ? 0 : 1;
                    batch.Add((queue, queue.Items[0]));
                    queue.Items.RemoveAt(0);
                }

                if (queue.Items.Count == 0)
                {
                    _queues.Remove((queue.Tenant, queue.TaskId));
                }
                else
                {
                    Wake(queue);
                }
            }
        }

        return batch;
    }

    /// <summary>Whether anything waits for a task.</summary>
    public bool Holds(string tenant, string taskId)
    {
        lock (_lock)
        {
            return _queues.ContainsKey((tenant, taskId));
        }
    }

    /// <summary>The first pending call of a task; null if there is none.</summary>
    public ExchangeHead? NextCall(TaskQueue queue)
    {
        lock (_lock)
        {
            return queue.Items.Find(i => i.Exchange is { Head.IsSideCall: false })?.Exchange!.Head;
        }
    }

    /// <summary>Accepts nothing new.</summary>
    public void Close() => _runnable.Writer.TryComplete();

    /// <summary>Cancels all waits for changes.</summary>
    public void CancelAll()
    {
        lock (_lock)
        {
            foreach (var item in _queues.Values.SelectMany(q => q.Items))
            {
                item.Done.TrySetCanceled(CancellationToken.None);
            }
        }
    }

    private TaskQueue QueueOf(string tenant, string taskId) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_queues, (tenant, taskId), out _) ??= new TaskQueue(tenant, taskId);

    private void Wake(TaskQueue queue)
    {
        if (!queue.IsScheduled && queue.Items.Count > 0 && queue.Items[0].IsReady)
        {
            queue.IsScheduled = _runnable.Writer.TryWrite(queue);
        }
    }
}
