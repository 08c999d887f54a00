using BitFaster.Caching.Lru;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Statistics;

namespace LlmProxy.Core.Sdk;

/// <summary>
/// Records what an application's agents do, as the proxy would: a task is started, its iterations are recorded, a person
/// may step in, and it is completed or cancelled. The store then holds the same trajectories, scored and searchable.
/// </summary>
/// <remarks>
/// Safe for concurrent use; iterations of one task are recorded one after the other. An iteration is on the disk when its
/// method returns, and in the store a moment later; completing or cancelling a task waits for its iterations, at most 5 s.
/// The settings apply here, too: content of models whose provider is not in <c>Recording:Providers</c>, and of tasks
/// shorter than <c>Recording:MinDuration</c>, is not kept.
/// </remarks>
public sealed class TrajectoryRecorder
{
    /// <summary>The tenant of an application that has no tenants, and of a proxy without keys.</summary>
    public const string DefaultTenant = "default";

    private const int MaxTasksKnown = 10_000;

    private readonly LearningHost _start;
    private readonly TaskService _tasks;
    private readonly CallPipeline _calls;
    private readonly StatisticsReader _statistics;
    private readonly RecordingSwitch _recording;
    private readonly RecordingOptions _options;
    private readonly IStatisticsStore _store;
    private readonly TimeProvider _time;
    private readonly ConcurrentLru<string, (string Provider, string Model)> _models = new(MaxTasksKnown);

    internal TrajectoryRecorder(
        LearningHost start, TaskService tasks, CallPipeline calls, StatisticsReader statistics, RecordingSwitch recording, RecordingOptions options, IStatisticsStore store, TimeProvider time)
    {
        (_start, _tasks, _calls, _statistics, _recording, _options, _store, _time) = (start, tasks, calls, statistics, recording, options, store, time);
    }

    /// <summary>The tenant that owns the trajectories.</summary>
    public string Tenant { get; private init; } = DefaultTenant;

    /// <summary>Whether anything is recorded at the moment.</summary>
    public bool IsEnabled => _recording.IsOn(Tenant);

    /// <summary>A recorder for another tenant; tenants never see each other's trajectories.</summary>
    public TrajectoryRecorder ForTenant(string tenant)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(tenant);
        return new TrajectoryRecorder(_start, _tasks, _calls, _statistics, _recording, _options, _store, _time) { Tenant = tenant };
    }

    /// <summary>Whether the content of a provider's models is recorded; of all others the metrics are.</summary>
    /// <param name="modelProvider"><c>anthropic</c>, <c>openai</c>, <c>gemini</c> or <c>proxy</c>.</param>
    public bool ShouldRecord(string modelProvider) => IsEnabled && _options.Providers.Contains(modelProvider, StringComparer.OrdinalIgnoreCase);

    /// <summary>Starts a task. One that is there already is given back as it is.</summary>
    /// <param name="taskId">The application's own id of the task, unique for the tenant: see <see cref="TaskId"/>.</param>
    /// <param name="modelProvider"><c>anthropic</c>, <c>openai</c>, <c>gemini</c> or <c>proxy</c>, where the model's name does not say.</param>
    /// <param name="modelName">The model.</param>
    /// <param name="taskDescription">What the task is, for searches; null: its first user message says.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="ArgumentException">The id cannot be one.</exception>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<TaskResult> StartTrajectoryAsync(string taskId, string modelProvider, string modelName, string? taskDescription = null, CancellationToken cancellationToken = default)
    {
        CheckId(taskId);
        await _start.StartAsync(cancellationToken);
        Remember(taskId, modelProvider, modelName);
        return await _tasks.StartAsync(Tenant, new TaskStart(taskId, taskDescription, modelProvider, modelName), cancellationToken);
    }

    /// <summary>Records one iteration: one call of a model. A task that was not started opens with it.</summary>
    /// <param name="taskId">The task.</param>
    /// <param name="snapshot">The call.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is recorded then.</param>
    /// <exception cref="ArgumentException">The id cannot be one.</exception>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public async Task<IterationReceipt> RecordIterationAsync(string taskId, IterationSnapshot snapshot, CancellationToken cancellationToken = default)
    {
        CheckId(taskId);
        ArgumentNullException.ThrowIfNull(snapshot);
        await _start.StartAsync(cancellationToken);
        var (provider, model) = await FindModelAsync(taskId, cancellationToken);
        var wire = ChatWire.OfSnapshot(snapshot, snapshot.Model ?? model, snapshot.HasNewMessagesOnly ? taskId : null);
        using var call = await _calls.BeginAsync(
            ChatWire.StartOf(Tenant, wire, _calls.Timestamp()) with
            {
                TaskId = taskId,
                Provider = provider,
                MayEnhance = false,
                StartedAt = snapshot.StartedAt ?? _time.GetUtcNow() - snapshot.Duration,
            },
            cancellationToken);
        if (!call.IsRead)
        {
            throw new ArgumentException("The snapshot is not a conversation: it needs at least one message.", nameof(snapshot));
        }

        var (outcome, status, body) = snapshot.Response is { } response
            ? (ExchangeOutcome.Complete, 200, ChatWire.Reply(response, isWhole: true))
            : (ExchangeOutcome.UpstreamRefused, 0, default(ReadOnlyMemory<byte>));
        call.Complete(outcome, status, body, snapshot.Duration);
        return new IterationReceipt(taskId, call.Place?.StepIndex ?? 0, call.NotRecorded is null, call.NotRecorded?.ToWord());
    }

    /// <summary>Counts one intervention of a person; it costs the run 0.3 of its score, three at most.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<TaskResult?> RecordUserInterventionAsync(string taskId, CancellationToken cancellationToken = default)
    {
        await _start.StartAsync(cancellationToken);
        return await _tasks.InterveneAsync(Tenant, taskId, cancellationToken);
    }

    /// <summary>States how a task ended: its run is scored, and a success gets the vectors by which it is found. Repeating it is harmless.</summary>
    /// <param name="taskId">The task; also <c>last</c> for the tenant's latest.</param>
    /// <param name="success">Whether it succeeded.</param>
    /// <param name="metrics">What the application measured itself; it wins over what was counted.</param>
    /// <param name="comment">A comment to keep.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The run, and whether its content is kept; null where there is no such task.</returns>
    /// <exception cref="StoreException">The store cannot be reached; the change is made when it is back.</exception>
    public async Task<TaskResult?> CompleteTrajectoryAsync(string taskId, bool success, StatedMetrics? metrics = null, string? comment = null, CancellationToken cancellationToken = default)
    {
        await _start.StartAsync(cancellationToken);
        _models.TryRemove(taskId);
        return await _tasks.CompleteAsync(Tenant, taskId, success, metrics, comment, cancellationToken);
    }

    /// <summary>Calls a task off: nothing of its content is kept.</summary>
    /// <returns>The run; null where there is no such task.</returns>
    /// <exception cref="StoreException">The store cannot be reached.</exception>
    public async Task<TaskResult?> CancelTrajectoryAsync(string taskId, CancellationToken cancellationToken = default)
    {
        await _start.StartAsync(cancellationToken);
        _models.TryRemove(taskId);
        return await _tasks.CancelAsync(Tenant, taskId, cancellationToken);
    }

    /// <summary>Numbers over the tenant's runs.</summary>
    /// <param name="query">Which runs; null for all. Its tenant is this recorder's.</param>
    /// <param name="cancellationToken">Ends the wait for the result.</param>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public async Task<TrajectoryStatistics> GetStatisticsAsync(StatisticsQuery? query = null, CancellationToken cancellationToken = default)
    {
        await _start.StartAsync(cancellationToken);
        return await _statistics.ReadAsync((query ?? new StatisticsQuery(Tenant)) with { Tenant = Tenant }, cancellationToken);
    }

    /// <summary>Number of the tenant's tasks that are under way.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    public async Task<int> GetActiveCountAsync(CancellationToken cancellationToken = default)
    {
        await _start.StartAsync(cancellationToken);
        return await _store.CountActiveAsync(Tenant, cancellationToken);
    }

    private static void CheckId(string taskId)
    {
        if (!TaskId.TryParse(taskId, out _))
        {
            throw new ArgumentException($"A task id {TaskId.Rule}.", nameof(taskId));
        }
    }

    private async Task<(string? Provider, string? Model)> FindModelAsync(string taskId, CancellationToken cancellationToken)
    {
        if (_models.TryGet(taskId, out var known))
        {
            return known;
        }

        if (await _tasks.FindAsync(Tenant, taskId, cancellationToken) is not { } run)
        {
            return (null, null);
        }

        Remember(taskId, run.Provider, run.Model);
        return (run.Provider, run.Model);
    }

    // What is forgotten is read from the store again.
    private void Remember(string taskId, string provider, string model) => _models.AddOrUpdate(taskId, (provider, model));
}
