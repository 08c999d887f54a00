using LlmProxy.Core.Experiments;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Core.Storage;

/// <summary>
/// Where runs are kept. Two implementations, SQLite and PostgreSQL, held together by one abstract test suite.
/// All methods are safe for concurrent use. Every query is limited to one tenant. Failures are exceptions of the
/// driver wrapped in <see cref="StoreException"/>.
/// </summary>
public partial interface ITrajectoryStore : IAsyncDisposable
{
    /// <summary><c>sqlite</c> or <c>postgres</c>.</summary>
    string Provider { get; }

    /// <summary>Creates or upgrades the schema. May be called again at any time.</summary>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>Whether the store answers, its schema version, and what is missing.</summary>
    Task<StoreHealth> CheckAsync(CancellationToken cancellationToken);

    /// <summary>A random secret of 32 bytes, made on first use and the same for every process on this store, for correlation keys.</summary>
    Task<byte[]> ReadCorrelationSecretAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Saves changes in one transaction. Trajectories are inserted or replaced by id; steps inserted or replaced by
    /// trajectory and index; content, keys and embeddings inserted where missing (embeddings replaced).
    /// </summary>
    Task SaveAsync(IReadOnlyList<TrajectoryChange> changes, CancellationToken cancellationToken);

    /// <summary>Which of these exchanges have taken effect already.</summary>
    Task<IReadOnlySet<string>> FindExchangesAsync(IReadOnlyCollection<string> exchangeIds, CancellationToken cancellationToken);

    /// <summary>The trajectory with this id, or null.</summary>
    Task<Trajectory?> FindTrajectoryAsync(string tenant, string id, CancellationToken cancellationToken);

    /// <summary>The trajectory of a task id, or null.</summary>
    Task<Trajectory?> FindTaskAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>The latest trajectory of a client's session (by start), or null.</summary>
    Task<Trajectory?> FindLatestOfSessionAsync(string tenant, string sessionId, CancellationToken cancellationToken);

    /// <summary>The latest trajectory of the tenant (by start), or null.</summary>
    Task<Trajectory?> FindLatestAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Trajectories by newest start first.</summary>
    Task<TrajectoryPage> ListAsync(TrajectoryQuery query, CancellationToken cancellationToken);

    /// <summary>
    /// Trajectories of all tenants that are active or provisional and have had no activity since, oldest first. Where
    /// several processes use the store, each gets others, and what it got is offered to nobody else for half a minute.
    /// </summary>
    Task<IReadOnlyList<Trajectory>> ClaimOpenAsync(DateTimeOffset idleSince, int limit, CancellationToken cancellationToken);

    /// <summary>Number of active trajectories of the tenant.</summary>
    Task<int> CountActiveAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>The steps of a run in order.</summary>
    Task<IReadOnlyList<TrajectoryStep>> ReadStepsAsync(string trajectoryId, CancellationToken cancellationToken);

    /// <summary>Content by hash, decompressed; hashes that are not there are left out.</summary>
    Task<IReadOnlyDictionary<ContentHash, ReadOnlyMemory<byte>>> ReadContentAsync(IReadOnlyCollection<ContentHash> hashes, CancellationToken cancellationToken);

    /// <summary>Deletes a run with its steps, embeddings, examples, keys, and the content that only it used. False where there is none.</summary>
    Task<bool> DeleteAsync(string tenant, string trajectoryId, CancellationToken cancellationToken);

    /// <summary>Deletes the steps, embeddings and content of a run and keeps its metrics row (<see cref="Trajectory.HasContent"/> becomes false).</summary>
    Task DropContentAsync(string tenant, string trajectoryId, CancellationToken cancellationToken);

    /// <summary>Deletes trajectories that ended before a time and score at most a quality, in batches. Returns their number (with dryRun: the number that would go). Without a tenant: those of all.</summary>
    Task<int> CleanupAsync(string? tenant, DateTimeOffset endedBefore, double maxQuality, bool includeUnscored, bool dryRun, CancellationToken cancellationToken);

    /// <summary>Looks correlation keys up: what is known of each, the most recent first. Unknown keys are left out.</summary>
    Task<IReadOnlyList<CorrelationEntry>> FindCorrelationAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken);

    /// <summary>Pins a task's prompt: an atomic insert-if-absent. Returns what is pinned, the given one or an earlier one.</summary>
    Task<PromptPin> PinAsync(PromptPin pin, CancellationToken cancellationToken);

    /// <summary>The pin of a task, or null.</summary>
    Task<PromptPin?> FindPinAsync(string tenant, string taskId, CancellationToken cancellationToken);

    /// <summary>Keeps a template set by its hash; nothing happens where it is there.</summary>
    Task SaveTemplateSetAsync(string hash, IReadOnlyDictionary<string, string> files, CancellationToken cancellationToken);

    /// <summary>A template set by its hash, or null.</summary>
    Task<IReadOnlyDictionary<string, string>?> FindTemplateSetAsync(string hash, CancellationToken cancellationToken);

    /// <summary>
    /// Runs whose embedding of a model is nearest to a vector (cosine), best first, and full-text hits, each with its
    /// cosine similarity. Only runs that the filter lets through are considered.
    /// </summary>
    Task<IReadOnlyList<SearchHit>> SearchAsync(SearchQuery query, CancellationToken cancellationToken);

    /// <summary>Document frequencies for the lexical embedder: number of documents, and for each given bucket in how many it occurs.</summary>
    Task<DocumentFrequencies> ReadDocumentFrequenciesAsync(string tenant, IReadOnlyCollection<int> buckets, CancellationToken cancellationToken);

    /// <summary>Sums over the tenant's runs.</summary>
    Task<StoreStatistics> ReadStatisticsAsync(StatisticsQuery query, CancellationToken cancellationToken);

    /// <summary>How many ended runs have their content and score at least so much; not counted beyond <paramref name="atMost"/>.</summary>
    Task<int> CountTrainableAsync(string tenant, double minQuality, int atMost, CancellationToken cancellationToken);

    /// <summary>How large the store is, and how much of it is the tenant's.</summary>
    Task<StorageUse> ReadStorageUseAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Counts one use of each example (a run that was put into a prompt); rows are made where missing.</summary>
    Task RecordExampleUsageAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Pins, retires or edits an example. False where the run is not there.</summary>
    Task<bool> UpdateExampleAsync(string tenant, FewShotExampleRow example, CancellationToken cancellationToken);

    /// <summary>Examples, pinned first, then by uses.</summary>
    Task<IReadOnlyList<FewShotExampleRow>> ListExamplesAsync(string tenant, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Which of these runs may still stand in a prompt: those that exist, have their content, and are not retired. A
    /// pin keeps the ids that it was made with; whoever renders from a pin asks here first.
    /// </summary>
    Task<IReadOnlySet<string>> FindUsableExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>Whether other processes may use the store at the same time and be asked for the same tasks.</summary>
    bool IsShared => false;

    /// <summary>Tells other processes of open tasks whose last call is not recorded yet. What a later step of a task said stays.</summary>
    Task SaveOpenTasksAsync(IReadOnlyList<SharedTask> tasks, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Open tasks that processes told of, with those of their keys that are among <paramref name="keys"/>.</summary>
    Task<IReadOnlyList<SharedTask>> FindOpenTasksAsync(string tenant, IReadOnlyCollection<TurnKey> keys, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SharedTask>>([]);

    /// <summary>An open task that a process told of, without its keys; null where there is none.</summary>
    Task<SharedTask?> FindOpenTaskAsync(string tenant, string taskId, CancellationToken cancellationToken) => Task.FromResult<SharedTask?>(null);

    /// <summary>Hears what other processes tell of open tasks, until it is cancelled. What was told before or in between is found by asking.</summary>
    /// <exception cref="StoreException">The connection broke.</exception>
    Task ListenAsync(Action<SharedTask> told, CancellationToken cancellationToken) => Task.Delay(Timeout.Infinite, cancellationToken);

    /// <summary>Forgets open tasks and keys that were told before a time: the recorder has saved them since.</summary>
    Task RemoveOpenTasksAsync(DateTimeOffset before, CancellationToken cancellationToken) => Task.CompletedTask;
}
