using System.Text;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Recording;
using LlmProxy.Tests.Storage;
using LlmProxy.Wire;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Tests.Judging;

/// <summary>A store in a file with recorded runs, and processes that judge them.</summary>
internal sealed class JudgeLab : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-judge-").FullName;
    private readonly List<ServiceProvider> _processes = [];

    public TestClock Clock { get; } = new();

    public decimal MaxUsdPerDay { get; init; } = 10;

    public JudgeOptions Options { get; init; } = new() { Enabled = true, Model = "judge-1" };

    /// <summary>Starts a process on the store.</summary>
    public (TrajectoryJudge Judge, JudgeWorker Worker, Assistant Assistant, IServiceProvider Services) Start(IChatClient model)
    {
        var options = new LlmProxyOptions
        {
            Storage = new StorageOptions { ConnectionString = $"Data Source={Path.Combine(_folder, "store.db")}" },
            Recording = new RecordingOptions { MinDuration = TimeSpan.Zero, Spool = new SpoolOptions { Directory = $"spool-{_processes.Count}" } },
            Prices = [new ModelPrice("judge-1", 1, 5, 1, 1)],
        };
        var services = new ServiceCollection().AddSingleton<TimeProvider>(Clock).AddLlmProxyCore(options, _folder).AddLlmProxyStorage().BuildServiceProvider();
        _processes.Add(services);
        var assistant = new Assistant(
            model, "judge-1", new AssistantLimits("judge", MaxUsdPerDay, TimeSpan.FromMinutes(1), 2), services.GetRequiredService<IAssistanceStore>(),
            services.GetRequiredService<Redactor>(), options.Prices, Clock, NullLogger<Assistant>.Instance);
        var judge = new TrajectoryJudge(
            assistant, services.GetRequiredService<IJudgementStore>(), services.GetRequiredService<ITrajectoryStore>(), services.GetRequiredService<TrajectoryReader>(),
            services.GetRequiredService<TaskService>(), services.GetRequiredService<Redactor>(), Clock);
        services.GetRequiredService<Recorder>().Start();
        return (judge, new JudgeWorker(judge, services.GetRequiredService<IJudgementStore>(), Options, Clock, NullLogger<JudgeWorker>.Instance), assistant, services);
    }

    /// <summary>Records a finished run; with an outcome if one is stated.</summary>
    public async Task<Trajectory> AddAsync(string id, bool isGood, bool? stated = null, string? task = null, string text = "", Func<Trajectory, Trajectory>? change = null)
    {
        var services = _processes[0];
        await services.GetRequiredService<IStoreLifecycle>().InitializeAsync(default);
        var reply = Content.Of(Encoding.UTF8.GetBytes($$"""{"role":"assistant","content":[{"type":"text","text":"Run {{id}}. {{text}} {{(isGood ? "all tests pass" : "2 tests fail")}}"}]}"""));
        var run = SampleRuns.Run(id, task ?? $"Fix the parser, part {id}") with
        {
            IterationCount = 1,
            StartedAt = Clock.GetUtcNow().AddMinutes(-2),
            LastActivityAt = Clock.GetUtcNow().AddMinutes(-1),
            CompletedAt = Clock.GetUtcNow().AddMinutes(-1),
            Success = stated,
            OutcomeSource = stated is null ? OutcomeSource.Inferred : OutcomeSource.Human,
            QualityScore = null,
        };
        run = change?.Invoke(run) ?? run;
        await services.GetRequiredService<ITrajectoryStore>().SaveAsync(
            [
                new TrajectoryChange
                {
                    Trajectory = run,
                    Steps = [SampleRuns.Step(id, 1) with { Reply = reply.Hash, Dialect = DialectKind.AnthropicMessages }],
                    Contents = [reply],
                },
            ],
            default);
        return run;
    }

    public async Task<Trajectory> ReadAsync(string id, string tenant = "default") =>
        (await _processes[0].GetRequiredService<ITrajectoryStore>().FindTrajectoryAsync(tenant, id, default))!;

    public Task<IReadOnlyList<StoredJudgement>> JudgementsAsync(params string[] ids) => _processes[0].GetRequiredService<IJudgementStore>().ListJudgementsAsync("default", ids, default);

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes)
        {
            await process.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}
