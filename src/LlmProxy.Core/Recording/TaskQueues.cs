using System.Runtime.InteropServices;
using System.Threading.Channels;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.Core.Recording;

/// <summary>Which of the recorder's workers takes an item.</summary>
internal enum RecorderLane
{
    /// <summary>The one for nearly all.</summary>
    Usual,

    /// <summary>The one for exchanges that take long.</summary>
    Large,
}

/// <summary>One thing that is to be done to a run: an exchange to be recorded, or a requested change.</summary>
internal sealed class WorkItem
{
    // Some 0.2 s of redaction and compression where all of it is new. Larger ones are rare, or resend images.
    private const long LargeFrom = 4L << 20;

    // Reading and keeping a message costs as much as a kilobyte of text.
    private const long BytesPerMessage = 1024;

    // Of a compressed body that is not decoded yet.
    private const long BytesPerCompressed = 10;

    public SpooledExchange? Exchange { get; init; }

    public ParsedExchange? Known { get; set; }

    public Func<TrajectoryState?, TrajectoryState?>? Change { get; init; }

    public bool IsReady { get; set; }

    /// <summary>How many bytes it takes to work on it, about.</summary>
    public long Weight { get; set; }

    /// <summary>Bytes that are reserved for its reply.</summary>
    public long Reserved { get; set; }

    public RecorderLane Lane => Weight >= LargeFrom ? RecorderLane.Large : RecorderLane.Usual;

    public TaskCompletionSource<Trajectory?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How many bytes it takes to work on an exchange, about.</summary>
    /// <param name="exchange">The exchange, which has ended.</param>
    /// <param name="reading">Its request, or null where it is not read yet.</param>
    /// <param name="reserved">Bytes that are reserved for its reply.</param>
    public static long WeightOf(SpooledExchange exchange, RequestReading? reading, long reserved) =>
        reading is null
            ? exchange.Bytes * (exchange.Head.RequestEncoding is null ? 1 : BytesPerCompressed)
            : exchange.Bytes + reserved + (exchange.Head.RequestEncoding is null ? 0 : reading.Body.Length) + (reading.Messages.Count * BytesPerMessage);
}

/// <summary>What the request path has read of an exchange, so that the recorder need not read it again.</summary>
/// <param name="Reply">The response as it was put together, or null.</param>
/// <param name="Places">What was found in the request, or null.</param>
/// <param name="Reserved">Bytes that are reserved for the reply.</param>
/// <param name="Weight">See <see cref="WorkItem.Weight"/>.</param>
internal sealed record ParsedExchange(AssembledReply? Reply, RequestPlaces? Places, long Reserved, long Weight);

/// <summary>What waits for one task, in the order of its calls.</summary>
internal sealed class TaskQueue(string tenant, string taskId)
{
    public string Tenant { get; } = tenant;

    public string TaskId { get; } = taskId;

    public List<WorkItem> Items { get; } = [];

    public bool IsScheduled { get; set; }

    /// <summary>Whether a worker has a batch with items of it.</summary>
    public bool IsTaken { get; set; }
}

/// <summary>A queue for each task, and the tasks whose first item is ready. A call holds its place from its start to its end.</summary>
/// <remarks>Safe for concurrent use; one reader for each lane takes batches.</remarks>
internal sealed class TaskQueues(BufferBudget budget)
{
    // Calls that wait in memory in addition to their copy in the spool; the others are read from there again.
    private const int MaxHeld = 200;

    private readonly Channel<TaskQueue>[] _runnable =
    [
        Channel.CreateUnbounded<TaskQueue>(new UnboundedChannelOptions { SingleReader = true }),
        Channel.CreateUnbounded<TaskQueue>(new UnboundedChannelOptions { SingleReader = true }),
    ];

    private readonly Dictionary<(string Tenant, string TaskId), TaskQueue> _queues = [];
    private readonly Lock _lock = new();
    private int _held;
    private int _scheduled;
    private int _taken;
    private bool _isClosed;

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
        if (exchange.Head.TaskId is null)
        {
            exchange.Release();
            budget.Return(known.Reserved);
            return;
        }

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
                item.Reserved = known.Reserved;
                _held++;
            }
            else
            {
                budget.Return(known.Reserved);
            }

            item.Weight = known.Weight;
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
                queue.Items.Insert(0, new WorkItem { Exchange = exchange, IsReady = true, Weight = WorkItem.WeightOf(exchange, null, 0) });
                Wake(queue);
            }
        }
    }

    /// <summary>Waits until something is ready in a lane; false when the queues were closed and are empty.</summary>
    public ValueTask<bool> WaitAsync(RecorderLane lane, CancellationToken cancellationToken) => _runnable[(int)lane].Reader.WaitToReadAsync(cancellationToken);

    /// <summary>
    /// Takes what is ready in a lane, at most <paramref name="size"/> items; those of one task in their order. The tasks
    /// stay with the caller until <see cref="Release"/>.
    /// </summary>
    public List<(TaskQueue Queue, WorkItem Item)> TakeBatch(RecorderLane lane, int size)
    {
        var batch = new List<(TaskQueue, WorkItem)>();
        lock (_lock)
        {
            while (batch.Count < size && _runnable[(int)lane].Reader.TryRead(out var queue))
            {
                queue.IsScheduled = false;
                _scheduled--;
                while (queue.Items.Count > 0 && queue.Items[0] is { IsReady: true } item && item.Lane == lane && batch.Count < size)
                {
                    _held -= item.Known is null ? 0 : 1;
                    batch.Add((queue, item));
                    queue.Items.RemoveAt(0);
                    _taken += queue.IsTaken ? 0 : 1;
                    queue.IsTaken = true;
                }

                // Its first item may have become another one since it was scheduled.
                Wake(queue);
            }

            CompleteIfDone();
        }

        return batch;
    }

    /// <summary>Gives the tasks of a batch back: what came for them since is ready now.</summary>
    public void Release(List<(TaskQueue Queue, WorkItem Item)> batch)
    {
        lock (_lock)
        {
            foreach (var (queue, _) in batch)
            {
                if (!queue.IsTaken)
                {
                    continue;
                }

                queue.IsTaken = false;
                _taken--;
                if (queue.Items.Count == 0)
                {
                    _queues.Remove((queue.Tenant, queue.TaskId));
                }
                else
                {
                    Wake(queue);
                }
            }

            CompleteIfDone();
        }
    }

    /// <summary>Releases what is reserved for an item's reply.</summary>
    public void ReleaseReply(WorkItem item)
    {
        budget.Return(item.Reserved);
        item.Reserved = 0;
        item.Known = null;
    }

    /// <summary>Whether anything waits for a task, or is being recorded.</summary>
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

    /// <summary>Ends the waiting for more when what is ready has been taken.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
            CompleteIfDone();
        }
    }

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
        if (queue is { IsScheduled: false, IsTaken: false, Items: [{ IsReady: true } first, ..] } && _runnable[(int)first.Lane].Writer.TryWrite(queue))
        {
            queue.IsScheduled = true;
            _scheduled++;
        }
    }

    private void CompleteIfDone()
    {
        if (_isClosed && _scheduled == 0 && _taken == 0)
        {
            foreach (var lane in _runnable)
            {
                lane.Writer.TryComplete();
            }
        }
    }
}
