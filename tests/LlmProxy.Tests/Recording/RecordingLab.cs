using System.Diagnostics;
using System.Text;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sqlite;
using LlmProxy.Wire;
using LlmProxy.Wire.Scanning;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
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

    /// <summary>The step's number, where another process that took an earlier call has told it.</summary>
    public int? Step { get; init; }

    public string? Session { get; init; }

    public int Retry { get; init; }

    public string Path { get; init; } = "/v1/messages";

    public string? SentPrompt { get; init; }

    public ExchangeOutcome Outcome { get; init; } = ExchangeOutcome.Complete;

    public TimeSpan Took { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>A call on its way.</summary>
internal sealed record OpenCall(WireCall Wire, CallPlace Place, RequestReading Reading, SpooledExchange? Record, DateTimeOffset StartedAt);

/// <summary>
/// The recording core as the program puts it together, on a real SQLite store and a real spool in a folder of its own,
/// with the steps that the request path takes for each call.
/// </summary>
internal sealed class RecordingLab : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly LlmProxyOptions Shipped = OptionsReader.Read(new ConfigurationBuilder().Add(new BuiltInConfigurationSource()).Build(), new Dictionary<string, string?>(), ConnectionStrings.Read, []);

    private readonly string _folder = Path.Combine(Path.GetTempPath(), "llmproxy-recording-" + Guid.NewGuid().ToString("N"));
    private readonly ITrajectoryStore _sqlite;
    private readonly CorrelationSecret _secret = new();
    private PatientStore _recorderStore = null!;
    private NotRecordedCounts _notRecorded = null!;

    private RecordingLab(LlmProxyOptions options, RecordingLab? beside = null)
    {
        Options = options;
        Time = beside?.Time ?? new TestClock();
        _sqlite = new SqliteTrajectoryStore($"Data Source={beside?._folder ?? _folder}/store.db", Time);
        Faults = FaultyStore.Around(_sqlite);
        Catalog = new TaskRulesCatalog(options.Tasks);
        Open();
    }

    public TestClock Time { get; }

    public LlmProxyOptions Options { get; }

    public FaultyStore Faults { get; }

    public ITrajectoryStore Store => Faults.Store;

    public TaskRulesCatalog Catalog { get; }

    public Spool Spool { get; private set; } = null!;

    public Recorder Recorder { get; private set; } = null!;

    public string? StoreProblem => _recorderStore.Problem;

    public IReadOnlyDictionary<string, long> NotRecorded => _notRecorded.Snapshot();

    public TaskCorrelator Correlator { get; private set; } = null!;

    public StoreGate Gate { get; private set; } = null!;

    public TaskService Tasks { get; private set; } = null!;

    public TrajectoryReader Reader { get; private set; } = null!;

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
        var lab = new RecordingLab(Options, this);
        lab._secret.Value = _secret.Value;
        if (isShared)
        {
            lab.Faults.IsShared = true;
            lab.Correlator = new TaskCorrelator(lab.Store, lab.Gate, lab.Time);
        }

        await lab._sqlite.InitializeAsync(default);
        lab.StartRecorder();
        return lab;
    }

    public void StartRecorder() => Recorder.Start();

    /// <summary>The call's first half: its place, and its request in the spool.</summary>
    public async Task<OpenCall> BeginAsync(WireCall call)
    {
        var dialect = DialectCatalog.Get(call.Dialect);
        using var keys = new TurnKeys(_secret.Value);
        var body = Encoding.UTF8.GetBytes(call.Request);
        var reading = dialect.ReadRequest(body, call.Path, keys) ?? throw new InvalidOperationException("no request: " + call.Request);
        var place = await Correlator.PlaceAsync(
            new IncomingCall
            {
                Tenant = call.Tenant,
                Reading = reading,
                Rules = Catalog.Get(call.Preset),
                TaskId = call.Task,
                SessionId = call.Session,
                RetryCount = call.Retry,
                Description = reading.ReadFirstUserText,
                EndsInUserText = () => reading.Messages is [.., { IsAssistant: false } last]
                    && dialect.ReadMessage(body.AsMemory(last.Range.Start, last.Range.Length)) is { ToolResults.Count: 0, Text.Length: > 0 },
            },
            keys,
            default);
        place = place with { StepIndex = call.Step ?? place.StepIndex };
        SpooledExchange? record = null;
        if (place.Task is { } task)
        {
            record = Spool.Begin(
                ExchangeHead.Of(place, task, reading, call.Dialect, call.Provider, Time.GetUtcNow()) with
                {
                    Preset = call.Preset,
                    Path = call.Path,
                    KeepContent = Options.Recording.Providers.Contains(call.Provider),
                },
                body,
                call.SentPrompt);
            if (record is not null)
            {
                Recorder.Register(record);
            }
        }

        return new OpenCall(call, place, reading, record, Time.GetUtcNow());
    }

    /// <summary>The call's second half: the answer, its keys, the end.</summary>
    public CallPlace End(OpenCall open, bool handReply = true)
    {
        var call = open.Wire;
        Time.Advance(call.Took);
        AssembledReply? reply = null;
        if (call.Answer is not null)
        {
            reply = Answer(open);
        }

        if (open.Place.Task is { } task)
        {
            var answered = call.Outcome == ExchangeOutcome.Complete && call.Status is not (408 or 409 or 429 or >= 500) && reply is not { IsComplete: false };
            Correlator.End(task, open.Place.StepIndex, answered, reply is not null || call.Answer is null);
        }

        if (open.Record is { } record)
        {
            record.WriteTail(new ExchangeTail(call.Outcome, (Time.GetUtcNow() - open.StartedAt).TotalMilliseconds, record.IsTruncated));
            Recorder.Complete(record, handReply ? reply : null);
        }

        return open.Place;
    }

    /// <summary>Writes the answer as the tee does, and publishes its keys where it came whole.</summary>
    public AssembledReply Answer(OpenCall open)
    {
        var call = open.Wire;
        open.Record?.WriteAnswerHead(new AnswerHead(call.Status, call.ContentType, null, 100));
        var assembler = DialectCatalog.Get(call.Dialect).CreateAssembler(call.ContentType, open.Reading.Stream);
        var bytes = Encoding.UTF8.GetBytes(call.Answer!);
        foreach (var piece in bytes.Chunk(50))
        {
            open.Record?.WriteAnswer(piece);
            assembler.Append(piece);
        }

        var reply = assembler.ToReply();
        if (call.Outcome == ExchangeOutcome.Complete && open.Place.Task is { } task)
        {
            using var keys = new TurnKeys(_secret.Value);
            Correlator.Publish(task, open.Reading, reply, keys, open.Place.StepIndex);
        }

        return reply;
    }

    public async Task<CallPlace> SendAsync(WireCall call) => End(await BeginAsync(call));

    /// <summary>Waits until everything that is over is in the store.</summary>
    public Task SettleAsync() => UntilAsync(() => Spool.Pending == 0);

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
        await _sqlite.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private void Open()
    {
        Spool = new Spool(Options.Recording.Spool, SpoolFolder, Time, NullLogger<Spool>.Instance);
        Gate = new StoreGate(Time, NullLogger<StoreGate>.Instance);
        Correlator = new TaskCorrelator(Store, Gate, Time, new Redactor(Options.Recording.Redaction));
        Reader = new TrajectoryReader(Store);
        var judge = new OutcomeJudge(Options.Tasks, Options.Quality, Catalog);
        var policy = new ContentPolicy(Options.Recording);
        var redactor = new Redactor(Options.Recording.Redaction);
        var steps = new StepBuilder(judge, Catalog, redactor, Options.Prices, _secret, new KnownHistories());
        _recorderStore = new PatientStore(Store, Time, NullLogger<Recorder>.Instance);
        _notRecorded = new NotRecordedCounts();
        Recorder = new Recorder(Spool, _recorderStore, Reader, steps, judge, policy, _notRecorded, EmbedAsync, Time, NullLogger<Recorder>.Instance);
        Tasks = new TaskService(Store, Recorder, Correlator, judge, policy, redactor, Time);
    }

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
