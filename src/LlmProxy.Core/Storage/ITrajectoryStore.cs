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

/// <summary>A failure of the store, with the driver's exception inside.</summary>
public sealed class StoreException : Exception
{
    /// <summary>A failure with its message.</summary>
    public StoreException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    /// <summary>
    /// Whether the data itself stands against it: another run has the task, another step has the exchange, another
    /// tenant has the id, or the run was changed since it was read (<see cref="Trajectory.Version"/>). Trying the same
    /// again does not help.
    /// </summary>
    public bool IsConflict { get; init; }

    /// <summary>
    /// Whether it is the store that is not well (away, no room, no rights, damaged), though it may still answer
    /// questions: the same succeeds when somebody has mended it, and nothing may be given up for it.
    /// </summary>
    public bool IsOutage { get; init; }
}

/// <summary>What <see cref="ITrajectoryStore.CheckAsync"/> found.</summary>
/// <param name="Ok">Whether the store can be used.</param>
/// <param name="SchemaVersion">Version of its schema; 0 where there is none.</param>
/// <param name="Error">What is wrong and the fix, or null.</param>
/// <param name="Details">More to know, such as the versions of PostgreSQL and pgvector.</param>
public sealed record StoreHealth(bool Ok, int SchemaVersion, string? Error, string Details);

/// <summary>Everything that changed in one run, to be saved at once.</summary>
public sealed record TrajectoryChange
{
    /// <summary>The run's row as it is now.</summary>
    public required Trajectory Trajectory { get; init; }

    /// <summary>Steps that are new or changed.</summary>
    public IReadOnlyList<TrajectoryStep> Steps { get; init; } = [];

    /// <summary>Content that the steps refer to.</summary>
    public IReadOnlyList<Content> Contents { get; init; } = [];

    /// <summary>
    /// Exchanges that took effect without a step of their own (side calls, retries). Those of <see cref="Steps"/> need
    /// not be named; both kinds stay known after a step was replaced or the run's content was dropped.
    /// </summary>
    public IReadOnlyList<string> Exchanges { get; init; } = [];

    /// <summary>Correlation keys of the run; their task is the run's.</summary>
    public IReadOnlyList<CorrelationEntry> Keys { get; init; } = [];

    /// <summary>Vectors of the run.</summary>
    public IReadOnlyList<TrajectoryEmbedding> Embeddings { get; init; } = [];
}

/// <summary>What a correlation key leads to.</summary>
/// <param name="Key">The key.</param>
/// <param name="Kind">What it is the key of.</param>
/// <param name="TaskId">The task.</param>
/// <param name="StepIndex">The step whose answer made the key.</param>
/// <param name="At">When.</param>
public sealed record CorrelationEntry(TurnKey Key, CorrelationKind Kind, string TaskId, int StepIndex, DateTimeOffset At);

/// <summary>Kinds of correlation keys.</summary>
public enum CorrelationKind
{
    /// <summary>A chain of messages that ends in a recorded answer.</summary>
    Chain,

    /// <summary>The chain of a request's own messages, without its answer.</summary>
    Request,

    /// <summary>A tool-call id of a recorded answer.</summary>
    ToolCall,

    /// <summary>An answer's id.</summary>
    Response,

    /// <summary>A conversation or thread that the server keeps.</summary>
    ServerConversation,

    /// <summary>A single assistant turn, wherever it stands.</summary>
    Turn,
}

/// <summary>A vector of a run.</summary>
/// <param name="Model">Embedder and model, such as <c>lexical-1</c> or <c>text-embedding-3-small</c>; with the dimension part of the key.</param>
/// <param name="Kind">Which text it stands for: <c>task</c>, or another name.</param>
/// <param name="Vector">The vector, of length 1.</param>
/// <param name="Text">The text that was embedded.</param>
public sealed record TrajectoryEmbedding(string Model, string Kind, float[] Vector, string Text);

/// <summary>Which trajectories to list.</summary>
/// <param name="Tenant">Whose.</param>
public sealed record TrajectoryQuery(string Tenant)
{
    /// <summary>Only this provider.</summary>
    public string? Provider { get; init; }

    /// <summary>Only this model (exact).</summary>
    public string? Model { get; init; }

    /// <summary>Only this status.</summary>
    public TrajectoryStatus? Status { get; init; }

    /// <summary>Only this success.</summary>
    public bool? Success { get; init; }

    /// <summary>Only runs that score at least so much.</summary>
    public double? MinQuality { get; init; }

    /// <summary>Only runs that started at or after.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only runs whose task description holds all these words.</summary>
    public string? Search { get; init; }

    /// <summary>At most so many, 1 to 500.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Where to go on: <see cref="TrajectoryPage.NextCursor"/> of the page before.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of trajectories.</summary>
/// <param name="Items">The trajectories.</param>
/// <param name="NextCursor">Where to go on; null at the end.</param>
public sealed record TrajectoryPage(IReadOnlyList<Trajectory> Items, string? NextCursor);

/// <summary>What a task's first call pinned, so that every later call renders the same prompt.</summary>
/// <param name="Tenant">Whose task.</param>
/// <param name="TaskId">The task.</param>
/// <param name="TemplateSet">Hash of the template set's text.</param>
/// <param name="ValuesJson">Every value but <c>system.*</c> that templates may read, as JSON.</param>
/// <param name="ExampleIds">Runs whose examples stand in it.</param>
/// <param name="Result">What <c>LlmProxy-Few-Shot-Result</c> says.</param>
/// <param name="At">When.</param>
public sealed record PromptPin(string Tenant, string TaskId, string TemplateSet, string ValuesJson, IReadOnlyList<string> ExampleIds, string Result, DateTimeOffset At);

/// <summary>Which runs to search.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Model">Model of the vectors.</param>
/// <param name="Vector">The vector to be near to.</param>
/// <param name="Text">The text for full-text search; empty for none.</param>
/// <param name="Limit">At most so many hits of each kind.</param>
public sealed record SearchQuery(string Tenant, string Model, float[] Vector, string Text, int Limit)
{
    /// <summary>Only runs of these providers; empty for all.</summary>
    public IReadOnlyList<string> Providers { get; init; } = [];

    /// <summary>Only runs that succeeded.</summary>
    public bool SuccessOnly { get; init; } = true;

    /// <summary>Only runs that score at least so much; null for all, unscored ones included.</summary>
    public double? MinQuality { get; init; }

    /// <summary>Leave out runs whose example was retired.</summary>
    public bool WithoutRetired { get; init; } = true;

    /// <summary>Leave out runs that cannot become an example: those under way, cancelled, or without content.</summary>
    public bool OnlyUsable { get; init; } = true;
}

/// <summary>A run that was found.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Similarity">Cosine of the query's vector and the nearest of the run's vectors of that model; for a full-text hit without such a vector, null.</param>
/// <param name="VectorRank">Rank among the vector hits from 1, or null.</param>
/// <param name="TextRank">Rank among the full-text hits from 1, or null.</param>
public sealed record SearchHit(Trajectory Trajectory, double? Similarity, int? VectorRank, int? TextRank);

/// <summary>Document frequencies of some buckets.</summary>
/// <param name="Documents">Number of documents.</param>
/// <param name="Frequencies">For each bucket in how many documents it occurs.</param>
public sealed record DocumentFrequencies(long Documents, IReadOnlyDictionary<int, long> Frequencies);

/// <summary>A curated example: one row of <c>few_shot_example</c>.</summary>
/// <param name="TrajectoryId">The run that it stands for.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="QualityScore">Its score.</param>
/// <param name="Pinned">Kept before others.</param>
/// <param name="Retired">Never used again.</param>
/// <param name="EditedJson">An edited example in place of the condensed one, or null.</param>
/// <param name="UsageCount">How often it was put into a task's prompt.</param>
/// <param name="LastUsedAt">When last.</param>
public sealed record FewShotExampleRow(
    string TrajectoryId,
    string TaskDescription,
    double? QualityScore,
    bool Pinned,
    bool Retired,
    string? EditedJson,
    long UsageCount,
    DateTimeOffset? LastUsedAt)
{
    /// <summary>How many tasks that used it somebody outside called a success.</summary>
    public long StatedSuccesses { get; init; }

    /// <summary>How many they called a failure.</summary>
    public long StatedFailures { get; init; }
}
