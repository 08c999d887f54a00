using LlmProxy.Benchmarks.Parts;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using LlmProxy.Wire.Scanning;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Benchmarks.Record;

/// <summary>Spool, recorder and a SQLite store of their own, without the request path before them.</summary>
internal sealed class RecorderBench : IAsyncDisposable
{
    private readonly TemporaryStore _stored;
    private readonly Recorder _recorder;

    private RecorderBench(TemporaryStore stored)
    {
        _stored = stored;
        Spool = new Spool(new SpoolOptions { MaxBytes = 8L << 30 }, Path.Combine(stored.Folder, "spool"), TimeProvider.System, NullLogger<Spool>.Instance);
        _recorder = Create(Spool, stored.Store);
    }

    public Spool Spool { get; }

    public SqlTrajectoryStore Store => _stored.Store;

    public static async Task<RecorderBench> OpenAsync()
    {
        var bench = new RecorderBench(await TemporaryStore.OpenAsync());
        bench._recorder.Start();
        return bench;
    }

    /// <summary>A recorder with the default settings that makes no vectors.</summary>
    public static Recorder Create(Spool spool, SqlTrajectoryStore store)
    {
        var options = new LlmProxyOptions();
        var catalog = new TaskRulesCatalog(options.Tasks);
        var judge = new OutcomeJudge(options, catalog, new OutcomeModels(store, TimeProvider.System));
        return new Recorder(
            spool,
            new RetryingStore(store, store, TimeProvider.System, NullLogger<Recorder>.Instance),
            new TrajectoryReader(store),
            store,
            new StepBuilder(judge, catalog, new Redactor(options.Recording.Redaction), options.Prices, new Provenance(options.Models, options.Recording), new CorrelationSecret { Value = SampleCalls.Secret }, new HistoryPrefixCache()),
            judge,
            new ContentPolicy(options.Recording),
            new NotRecordedCounts(),
            static (_, _) => Task.FromResult<IReadOnlyList<TrajectoryEmbedding>>([]),
            new BufferBudget(options.Recording.MaxBufferedBytes),
            TimeProvider.System,
            NullLogger<Recorder>.Instance);
    }

    /// <summary>Adds an exchange in the Messages dialect, as the request path does.</summary>
    public void Add(string run, int step, byte[] body, byte[] answer)
    {
        var head = SpoolParts.Head(step) with
        {
            ExchangeId = $"exchange-{run}-{step}",
            TaskId = "task-" + run,
            TrajectoryId = "run-" + run,
            ConversationId = "task-" + run,
            StepIndex = step,
        };
        var exchange = Spool.Begin(head, body, null) ?? throw new InvalidOperationException("The spool is full.");
        _recorder.Register(exchange);
        exchange.WriteResponseHead(new ResponseHead(200, "application/json", null, 1));
        exchange.WriteResponse(answer);
        exchange.WriteTail(new ExchangeTail(ExchangeOutcome.Complete, 2, false));
        var assembler = DialectCatalog.Get(DialectKind.AnthropicMessages).CreateAssembler("application/json", streamRequested: false);
        assembler.Append(answer);
        _recorder.Complete(exchange, assembler.ToReply());
    }

    /// <summary>Waits until everything is in the store.</summary>
    public async Task SettleAsync(CancellationToken cancellationToken)
    {
        while (Spool.Pending > 0)
        {
            await Task.Delay(1, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _recorder.StopAsync(TimeSpan.FromSeconds(10));
        await _recorder.DisposeAsync();
        Spool.Dispose();
        await _stored.DisposeAsync();
    }
}
