using LlmProxy.Core.Calls;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Server.Hosting;

/// <summary>
/// Takes an artificial call through a <see cref="CallPipeline"/> and renders examples once before the first request, so
/// that the code is compiled when the first task needs it. The pipeline has its own memory and spool and only reads
/// from the store, so no pin, no task, no record and no count of the call remains. No text is sent anywhere.
/// </summary>
internal sealed partial class WarmUp(IServiceProvider services, IPromptPinStore pins, TemplateDirectory templates, LlmProxyOptions options, BaseDirectory directory, TimeProvider time, ILogger<WarmUp> log)
{
    private const string NoTenant = "(warm-up)";
    private const string Description = "Look up the opening hours of the library and write them into the calendar";
    private const string Path = "/v1/chat/completions";

    // The store may be slow on its first queries; no request waits for them.
    private static readonly TimeSpan StoreTimeout = TimeSpan.FromSeconds(5);

    /// <summary>What the warm-up's pipeline shares with that of the proxy.</summary>
    private static readonly Type[] Shared = [typeof(IStoreLifecycle), typeof(ITrajectoryStore), typeof(ICorrelationStore), typeof(IExampleStore), typeof(ISearchStore), typeof(IOutcomeStore), typeof(TemplateDirectory), typeof(CorrelationSecret), typeof(TaskRulesCatalog)];

    // A history that no task has: it is looked for in the store, and opens a task.
    private static readonly byte[] Request = """{"model":"m","messages":[{"role":"system","content":"You help."},{"role":"user","content":"Look it up"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look_up","arguments":"{\"what\":\"hours\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"9 to 17"}],"tools":[{"type":"function","function":{"name":"look_up","description":"Looks up"}}]}"""u8.ToArray();
    private static readonly byte[] Response = """{"id":"chatcmpl-1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"9 to 17"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"""u8.ToArray();

    /// <summary>Runs the warm-up; a failure is logged and does not prevent the start.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CallAsync(cancellationToken);

            // Queries of later calls, of a task that another process began.
            await pins.FindPinAsync(NoTenant, "", cancellationToken);
            await pins.FindUsableExamplesAsync(NoTenant, ["none"], [], cancellationToken);
            RenderExamples();
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            LogFailed(error);
        }
    }

    /// <summary>Takes one call through all stages of the pipeline: whether each of them did its work.</summary>
    internal async Task<bool> CallAsync(CancellationToken cancellationToken)
    {
        var spool = Directory.CreateTempSubdirectory("llmproxy-warm-up-");
        try
        {
            await using var own = Build(spool.FullName);
            var pipeline = own.GetRequiredService<CallPipeline>();
            using var call = await pipeline.BeginAsync(
                new CallStart(NoTenant, DialectCatalog.Get(DialectKind.OpenAiChat))
                {
                    Body = Request,
                    Path = Path,
                    Provider = "openai",
                    Description = Description,
                    ArrivedTimestamp = pipeline.Timestamp(),
                },
                cancellationToken);
            call.Complete(ExchangeOutcome.Complete, StatusCodes.Status200OK, Response);
            return call is { Place.Task: not null, Record: not null, Reply: not null };
        }
        finally
        {
            spool.Delete(recursive: true);
        }
    }

    private ServiceProvider Build(string spool)
    {
        var own = new ServiceCollection();
        foreach (var shared in Shared)
        {
            own.AddSingleton(shared, services.GetRequiredService(shared));
        }

        return own
            .AddSingleton(time)
            .AddSingleton<IPromptPinStore>(new NoPins(pins))
            .AddSingleton(new StoreCircuitBreaker(time, NullLogger<StoreCircuitBreaker>.Instance, StoreTimeout))
            .AddSingleton(_ => new Spool(new SpoolOptions(), spool, time, NullLogger<Spool>.Instance))
            .AddSingleton(_ => new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical }))
            .AddLlmProxyCore(options, directory.Path)
            .BuildServiceProvider();
    }

    private void RenderExamples()
    {
        using var keys = new TurnKeys(System.Text.Encoding.UTF8.GetBytes(NoTenant));
        var dialect = DialectCatalog.Get(DialectKind.OpenAiChat);
        var content = dialect.ReadContent(Request)!;
        var reading = dialect.ReadRequest(Request, Path, keys)!;
        var steps = new[]
        {
            new StepView
            {
                Step = new TrajectoryStep { TrajectoryId = "", Index = 1, ExchangeId = "", Dialect = DialectKind.OpenAiChat, StartedAt = time.GetUtcNow() },
                Reply = content.Messages.First(m => m.IsAssistant),
                ToolResults = [.. content.Messages.SelectMany(m => m.ToolResults)],
            },
        };
        var trajectory = new Trajectory
        {
            Id = "",
            TaskId = "",
            Tenant = NoTenant,
            ConversationId = "",
            Provider = "anthropic",
            TaskDescription = Description,
            Success = true,
            QualityScore = 1,
            StartedAt = time.GetUtcNow(),
            LastActivityAt = time.GetUtcNow(),
        };
        var examples = new TrajectoryCondenser().CondenseMany([new TrajectoryToCondense(trajectory, PreparedTrajectory.Of(steps), 1)], options.FewShot.MaxTokens);
        foreach (var provider in ProviderResolver.Names)
        {
            var values = new PromptValues("", Description, provider, "m", reading.ReadTools(), examples);
            var prompt = PromptRenderer.Prepare(templates.Current, PromptValues.FromJson(values.ToJson()) ?? values);
            PromptComposer.Compose(reading, options.Prompts.InsertBefore, prompt);
        }
    }

    [LoggerMessage(1201, LogLevel.Warning, "Warm-up failed; the first calls may be slower and get no examples")]
    private partial void LogFailed(Exception error);

    /// <summary>The store without pins: what the warm-up pins is kept nowhere. Its template set is that of the first task, too.</summary>
    private sealed class NoPins(IPromptPinStore store) : IPromptPinStore
    {
        public long ExampleChanges => store.ExampleChanges;

        public Task<PromptPin> PinAsync(PromptPin pin, CancellationToken cancellationToken) => Task.FromResult(pin);

        public Task<PromptPin?> FindPinAsync(string tenant, string taskId, CancellationToken cancellationToken) => Task.FromResult<PromptPin?>(null);

        public Task SaveTemplateSetAsync(string hash, IReadOnlyDictionary<string, string> files, CancellationToken cancellationToken) => store.SaveTemplateSetAsync(hash, files, cancellationToken);

        public Task<IReadOnlyDictionary<string, string>?> FindTemplateSetAsync(string hash, CancellationToken cancellationToken) => store.FindTemplateSetAsync(hash, cancellationToken);

        public Task<IReadOnlySet<string>> FindUsableExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, IReadOnlyCollection<string> exceptKeys, CancellationToken cancellationToken) =>
            store.FindUsableExamplesAsync(tenant, trajectoryIds, exceptKeys, cancellationToken);
    }
}
