using LlmProxy.Core.Recording;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData.Export;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace LlmProxy.Tests.Sdk;

/// <summary>An application without a proxy: the SDK on a real store and a real spool, in a folder of its own.</summary>
internal sealed class SdkLab : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly string _folder = Directory.CreateTempSubdirectory("llmproxy-sdk-").FullName;

    public SdkLab(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(Settings(_folder, settings)).Build();
        _services = new ServiceCollection()
            .AddLogging(logging => logging.AddProvider(new FakeLoggerProvider(Log)))
            .AddLlmProxyCore(configuration, _folder)
            .AddLlmProxyStorage()
            .AddLlmProxyTrainingData()
            .AddSingleton(p => new StoreCircuitBreaker(p.GetRequiredService<TimeProvider>(), p.GetRequiredService<ILogger<StoreCircuitBreaker>>(), TimeSpan.FromSeconds(30)))
            .BuildServiceProvider();
    }

    public FakeLogCollector Log { get; } = new();

    public string Folder => _folder;

    public IServiceProvider Services => _services;

    public TrajectoryRecorder Recorder => _services.GetRequiredService<TrajectoryRecorder>();

    public TrajectorySearch Search => _services.GetRequiredService<TrajectorySearch>();

    public TrajectoryExporter Exporter => _services.GetRequiredService<TrajectoryExporter>();

    public SqlTrajectoryStore Store => _services.GetRequiredService<SqlTrajectoryStore>();

    /// <summary>Settings of a test: everything in a folder, no network, no least duration.</summary>
    public static Dictionary<string, string?> Settings(string folder, params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["LlmProxy:Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "llmproxy.db")}",
            ["LlmProxy:Recording:Spool:Directory"] = Path.Combine(folder, "spool"),
            ["LlmProxy:Recording:MinDuration"] = "00:00:00",
            ["LlmProxy:Embeddings:Provider"] = "lexical",
            ["LlmProxy:FewShot:Timeout"] = "00:00:30",
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        return all;
    }

    public LearningChatClient Around(IChatClient client) => new(client, _services);

    /// <summary>Waits until everything recorded is in the store.</summary>
    public async Task SettleAsync()
    {
        try
        {
            await _services.GetRequiredService<Spool>().WhenEmptyAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            Assert.Fail("The spool does not empty: " + Log.Text());
        }
    }

    public async Task<Trajectory> FindRunAsync(string taskId)
    {
        await SettleAsync();
        return await Store.FindTaskAsync("default", taskId, default) ?? throw new InvalidOperationException("The task is not in the store: " + Log.Text());
    }

    public Task<IReadOnlyList<StepView>> ReadStepsAsync(Trajectory run) => _services.GetRequiredService<TrajectoryReader>().ReadAsync(run.Id, default);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>A model that answers by a script, and keeps what it was asked.</summary>
internal sealed class ScriptedModel(string model, string provider, params Func<ChatResponse>[] answers) : IChatClient
{
    private int _next;

    public List<(IReadOnlyList<ChatMessage> Messages, ChatOptions? Options)> Calls { get; } = [];

    public (IReadOnlyList<ChatMessage> Messages, ChatOptions? Options) Last => Calls[^1];

    /// <summary>Breaks a stream off behind so many updates.</summary>
    public int? BreaksAfter { get; init; }

    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Calls.Add(([.. messages], options));
        return Task.FromResult(answers[Math.Min(_next++, answers.Length - 1)]());
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var sent = 0;
        foreach (var update in (await GetResponseAsync(messages, options, cancellationToken)).ToChatResponseUpdates())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (sent++ == BreaksAfter)
            {
                throw new IOException("The connection was reset.");
            }

            yield return update;
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata(provider, null, model) : serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose()
    {
    }
}

/// <summary>A short task at a weather desk: one call of a tool, then the answer.</summary>
internal static class WeatherTask
{
    public const string Question = "What should I wear in Bergen today?";

    public static ChatMessage Asked(string question = Question) => new(ChatRole.User, question);

    public static AITool Tool { get; } = AIFunctionFactory.CreateDeclaration("get_weather", "Tells the weather", System.Text.Json.JsonDocument.Parse("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""").RootElement);

    public static ChatResponse Calls(string id = "call_1") => new(new ChatMessage(ChatRole.Assistant, [new TextContent("I look it up."), new FunctionCallContent(id, "get_weather", new Dictionary<string, object?> { ["city"] = "Bergen" })]))
    {
        ResponseId = "answer-" + id,
        ModelId = "claude-sonnet-4-6",
        FinishReason = ChatFinishReason.ToolCalls,
        Usage = new UsageDetails { InputTokenCount = 100, CachedInputTokenCount = 40, OutputTokenCount = 20, ReasoningTokenCount = 5 },
    };

    public static ChatMessage Result(string id = "call_1") => new(ChatRole.Tool, [new FunctionResultContent(id, "Rain, 11 degrees")]);

    public static ChatResponse Answers() => new(new ChatMessage(ChatRole.Assistant, "A raincoat."))
    {
        ResponseId = "answer-2",
        ModelId = "claude-sonnet-4-6",
        FinishReason = ChatFinishReason.Stop,
        Usage = new UsageDetails { InputTokenCount = 150, OutputTokenCount = 10 },
    };

    /// <summary>The same answer of another model.</summary>
    public static ChatResponse AnswersAs(string model)
    {
        var answer = Answers();
        answer.ModelId = model;
        return answer;
    }

    /// <summary>Has Claude do the task and calls it a success, so that others can learn from it.</summary>
    public static async Task TeachAsync(SdkLab lab, string taskId = "taught")
    {
        await lab.Recorder.StartTrajectoryAsync(taskId, "anthropic", "claude-sonnet-4-6", Question);
        var (call, id) = (Calls("taught_" + taskId), "taught_" + taskId);
        await lab.Recorder.RecordIterationAsync(taskId, new IterationSnapshot { SystemPrompt = "You are a weather clerk.", Tools = [Tool], Messages = [Asked()], Response = call });
        await lab.Recorder.RecordIterationAsync(taskId, new IterationSnapshot { SystemPrompt = "You are a weather clerk.", Tools = [Tool], Messages = [Asked(), .. call.Messages, Result(id)], Response = Answers() });
        var done = await lab.Recorder.CompleteTrajectoryAsync(taskId, success: true);
        Assert.True(done!.Recorded, done.Reason?.ToWord());
    }
}
