using System.Diagnostics;
using System.Text;
using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Statistics;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sqlite;
using LlmProxy.Wire;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Recording;

/// <summary>A call of a client, as it stands on the wire.</summary>
internal sealed record WireCall(string Request)
{
    public DialectKind Dialect { get; init; } = DialectKind.AnthropicMessages;

    public string? Answer { get; init; }

    public int Status { get; init; } = 200;

    public string ContentType { get; init; } = "application/json";

    public string Preset { get; init; } = "generic";

    public string Provider { get; init; } = "anthropic";

    public string Tenant { get; init; } = "default";

    public string? Task { get; init; }

    public string? Session { get; init; }

    public int Retry { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public string Path { get; init; } = "/v1/messages";

    /// <summary>Whether the prompt is rewritten, by <see cref="RecordingLab.Template"/>.</summary>
    public bool IsEnhanced { get; init; }

    public ExchangeOutcome Outcome { get; init; } = ExchangeOutcome.Complete;

    public TimeSpan Took { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>A call on its way.</summary>
internal sealed record OpenCall(WireCall Wire, CallSession Session)
{
    public TaskAssignment Place => Session.Place ?? throw new InvalidOperationException("The call was not assigned.");

    public SpooledExchange? Record => Session.Record;
}

/// <summary>
/// The recording core as the program puts it together, on a real SQLite store and a real spool in a folder of its own,
/// with the steps that the request path takes for each call.
/// </summary>
internal sealed class RecordingLab : IAsyncDisposable
{
    public const string Template = "Sent. {{ system.text }}";

    private static readonly TimeSpan FirstByte = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly LlmProxyOptions Shipped = OptionsReader.Read(new ConfigurationBuilder().Add(new BuiltInConfigurationSource()).Build(), new Dictionary<string, string?>(), ConnectionStrings.Read, []);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-recording-" + Guid.NewGuid().ToString("N"));
    private readonly SqliteTrajectoryStore _sqlite;
    private readonly CorrelationSecret _secret;
    private ServiceProvider? _services;

    private RecordingLab(LlmProxyOptions options, RecordingLab? beside = null, bool isShared = false)
    {
        Options = options;
        Time = beside?.Time ?? new TestClock();
        _secret = beside?._secret ?? new CorrelationSecret();
        _sqlite = new SqliteTrajectoryStore($"Data Source={beside?._folder ?? _folder}/store.db", Time);
        Faults = FaultyStore.Around(_sqlite, isShared);
        Directory.CreateDirectory(Path.Combine(_folder, "templates"));
        File.WriteAllText(Path.Combine(_folder, "templates", "anthropic.sbn"), Template);
        Open();
    }

    public TestClock Time { get; }

    public LlmProxyOptions Options { get; }

    public FaultyStore Faults { get; }

    public IStorePorts Store => Faults.Store;

    public TaskRulesCatalog Catalog => Get<TaskRulesCatalog>();

    public Spool Spool { get; private set; } = null!;

    public Recorder Recorder => Get<Recorder>();

    public CallPipeline Calls => Get<CallPipeline>();

    public string? StoreProblem => Get<RetryingStore>().Problem;

    public IReadOnlyDictionary<string, long> NotRecorded => Get<NotRecordedCounts>().Snapshot();

    public TaskCorrelator Correlator => Get<TaskCorrelator>();

    public StoreCircuitBreaker Gate => Get<StoreCircuitBreaker>();

    public TaskService Tasks => Get<TaskService>();

    public TrajectoryReader Reader => Get<TrajectoryReader>();

    public OutcomeWorker Outcomes => Get<OutcomeWorker>();

    public List<string> Embedded { get; } = [];

    public Exception? EmbeddingFault { get; set; }

    public string SpoolFolder => Path.Combine(_folder, "spool");

    public IReadOnlyList<string> Segments => [.. Directory.GetFiles(SpoolFolder, "*.spool").Where(f => new FileInfo(f).Length > SpoolFrame.SegmentHeaderLength)];

    public static async Task<RecordingLab> StartAsync(RecordingOptions? recording = null, TaskOptions? tasks = null, bool startRecorder = true)
    {
        var lab = new RecordingLab(new LlmProxyOptions
        {
            Recording = recording ?? new RecordingOptions(),
            Tasks = tasks is null ? Shipped.Tasks : new TaskOptions
            {
                Preset = tasks.Preset,
                Boundary = tasks.Boundary,
                EndOfTurnGrace = tasks.EndOfTurnGrace,
                IdleTimeout = tasks.IdleTimeout,
                IdleSuccess = tasks.IdleSuccess,
                Presets = tasks.Presets.Count > 0 ? tasks.Presets : Shipped.Tasks.Presets,
            },
            Prompts = new PromptOptions { RewriteClaude = true },
            Quality = Shipped.Quality,
            Prices = [new ModelPrice("claude-*", 3, 15, 0.3m, 3.75m)],
        });
        await lab._sqlite.InitializeAsync(default);
        lab._secret.Value = await lab._sqlite.ReadCorrelationSecretAsync(default);
        if (startRecorder)
        {
            lab.Recorder.Start();
        }

        return lab;
    }

    /// <summary>A second process on the same store, with a spool of its own. To be disposed first.</summary>
    /// <param name="isShared">Whether it knows that it is not alone, as every process on PostgreSQL does.</param>
    public async Task<RecordingLab> OpenBesideAsync(bool isShared = false)
    {
        var lab = new RecordingLab(Options, this, isShared);
        await lab._sqlite.InitializeAsync(default);
        lab.StartRecorder();
        return lab;
    }

    public void StartRecorder() => Recorder.Start();

    /// <summary>Takes changed templates up, which is done when they have stayed the same for a while.</summary>
    public void ReloadTemplates()
    {
        Get<TemplateDirectory>().Look();
        Time.Advance(TimeSpan.FromSeconds(2));
        Get<TemplateDirectory>().Look();
    }

    /// <summary>The call's first half: assigned to a task, its request in the spool.</summary>
    public async Task<OpenCall> BeginAsync(WireCall call)
    {
        var session = await Calls.BeginAsync(
            new CallStart(call.Tenant, DialectCatalog.Get(call.Dialect))
            {
                Body = Encoding.UTF8.GetBytes(call.Request),
                Path = call.Path,
                Provider = call.Provider,
                Rules = Catalog.Get(call.Preset),
                TaskId = call.Task,
                SessionId = call.Session,
                Header = name => call.Headers.GetValueOrDefault(name),
                RetryCount = call.Retry,
                MayEnhance = call.IsEnhanced,
                ArrivedTimestamp = Calls.Timestamp(),
            },
            default);
        return session.IsRead ? new OpenCall(call, session) : throw new InvalidOperationException("no request: " + call.Request);
    }

    /// <summary>The call's second half: the response, its keys, the end.</summary>
    public TaskAssignment End(OpenCall open)
    {
        var call = open.Wire;
        var firstByte = call.Took < FirstByte ? call.Took : FirstByte;
        Time.Advance(firstByte);
        open.Session.MarkFirstByte();
        Time.Advance(call.Took - firstByte);
        if (call.Answer is not null)
        {
            Answer(open);
        }

        open.Session.Complete(call.Outcome, call.Status);
        open.Session.Dispose();
        return open.Place;
    }

    /// <summary>Copies the response as the tee does, in pieces.</summary>
    public void Answer(OpenCall open)
    {
        var (call, copy) = (open.Wire, open.Session.Copy);
        copy.Begin(call.Status, call.ContentType, "", null);
        foreach (var piece in Encoding.UTF8.GetBytes(call.Answer!).Chunk(50))
        {
            copy.Append(piece);
        }
    }

    public async Task<TaskAssignment> SendAsync(WireCall call) => End(await BeginAsync(call));

    /// <summary>Waits until everything that is over is in the store.</summary>
    public Task SettleAsync() => Spool.WhenEmptyAsync().WaitAsync(Patience);

    public async Task UntilAsync(Func<bool> condition, TimeSpan? step = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < Patience, "it did not happen in time");
            if (step is { } by)
            {
                Time.Advance(by);
            }

            await Task.Delay(1);
        }
    }

    public async Task<Trajectory> RunAsync(string taskId, string tenant = "default") =>
        await _sqlite.FindTaskAsync(tenant, taskId, default) ?? throw new InvalidOperationException("no run of task " + taskId);

    public async Task<IReadOnlyList<StepView>> StepsAsync(string taskId) => await Reader.ReadAsync((await RunAsync(taskId)).Id, default);

    /// <summary>Whether a text stands anywhere in the store's files or in the spool's.</summary>
    public async Task<bool> HoldsAsync(string text)
    {
        var wanted = Encoding.UTF8.GetBytes(text);
        foreach (var file in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith("lock", StringComparison.Ordinal)))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy);
            if (copy.ToArray().AsSpan().IndexOf(wanted) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Ends the process as a kill does: nothing is released or said; what is in the files stays there.</summary>
    public async Task KillAsync()
    {
        var stopped = new TaskCompletionSource();
        Faults.Fault = (_, _) => stopped.Task.IsCompleted ? null : new StoreException("killed");
        await Recorder.StopAsync(TimeSpan.Zero);
        Spool.Dispose();
        stopped.SetResult();
        Faults.Fault = null;
    }

    /// <summary>The process again, on the same folder, with an empty memory.</summary>
    public async Task RestartAsync(bool kill = true)
    {
        if (kill)
        {
            await KillAsync();
        }
        else
        {
            await Recorder.StopAsync(TimeSpan.FromSeconds(20));
            Spool.Dispose();
        }

        Open();
        StartRecorder();
    }

    /// <summary>A new process whose recorder does not run yet.</summary>
    public Task OpenWithoutRecorderAsync()
    {
        Open();
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        Faults.Fault = null;
        Faults.Wait = null;
        await Recorder.StopAsync(TimeSpan.Zero);
        Spool.Dispose();
        StopWatchingTemplates();
        await _sqlite.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private void Open()
    {
        StopWatchingTemplates();
        Spool = new Spool(Options.Recording.Spool, SpoolFolder, Time, NullLogger<Spool>.Instance);
        _services = new ServiceCollection()
            .AddSingleton<TimeProvider>(Time)
            .AddSingleton<IStoreLifecycle>(Store)
            .AddSingleton<ITrajectoryStore>(Store)
            .AddSingleton<ICorrelationStore>(Store)
            .AddSingleton<IExampleStore>(Store)
            .AddSingleton<ISearchStore>(Store)
            .AddSingleton<IEmbeddingStore>(Store)
            .AddSingleton<IPromptPinStore>(Store)
            .AddSingleton<IStatisticsStore>(Store)
            .AddSingleton<IOutcomeStore>(Store)
            .AddSingleton(_secret)
            .AddSingleton(Spool)
            .AddSingleton<EmbedTrajectory>(EmbedAsync)
            .AddLlmProxyCore(Options, _folder)
            .BuildServiceProvider();
    }

    // The system has few watchers for all the labs of a run.
    private void StopWatchingTemplates() => _services?.GetRequiredService<TemplateDirectory>().Dispose();

    private T Get<T>()
        where T : notnull => _services!.GetRequiredService<T>();

    private Task<IReadOnlyList<TrajectoryEmbedding>> EmbedAsync(string text, CancellationToken cancellationToken)
    {
        if (EmbeddingFault is { } fault)
        {
            throw fault;
        }

        Embedded.Add(text);
        return Task.FromResult<IReadOnlyList<TrajectoryEmbedding>>([new TrajectoryEmbedding("lexical-1", "task", [1f, 0f], text)]);
    }
}
