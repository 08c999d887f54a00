using LlmProxy.Core.Configuration;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.Scanning;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Core.Sdk;

/// <summary>A call that an application is about to make, or has made.</summary>
/// <param name="Tenant">Whose.</param>
/// <param name="Request">The request in the form of Anthropic's Messages API.</param>
internal sealed record ModelCallStart(string Tenant, ReadOnlyMemory<byte> Request)
{
    /// <summary>The task that the application names; null: it is found by the history.</summary>
    public string? TaskId { get; init; }

    /// <summary>What the task is; null: its first user message says.</summary>
    public string? Description { get; init; }

    /// <summary>Whose model, where the model's name does not say.</summary>
    public string? Provider { get; init; }

    /// <summary>Value of the setting <c>LlmProxy-Few-Shot</c>.</summary>
    public string? FewShot { get; init; }

    /// <summary>Value of the setting <c>LlmProxy-Record</c>.</summary>
    public string? Record { get; init; }

    /// <summary>Whether the prompt may be rewritten: not where the call is over.</summary>
    public bool MayEnhance { get; init; } = true;

    /// <summary>When the call began; null for now.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How long it took; null where it goes on.</summary>
    public TimeSpan? Duration { get; init; }
}

/// <summary>
/// Calls that do not pass through the proxy take the same steps: read, placed among the tasks, enhanced, recorded. What
/// goes into the spool is the same, so the recorder makes the same trajectories of it.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class ModelCalls(
    LearningStart start,
    LlmProxyOptions options,
    ProviderResolver providers,
    TaskRulesCatalog catalog,
    TaskCorrelator correlator,
    TaskPrompts prompts,
    Spool spool,
    Recorder recorder,
    RecordingSwitch recording,
    CorrelationSecret secret,
    KnownHistories known,
    TimeProvider time,
    ILogger<ModelCall> logger)
{
    private const string MessagesPath = "/v1/messages";
    private static readonly IDialect Dialect = DialectCatalog.Get(DialectKind.AnthropicMessages);

    /// <summary>Reads, places, enhances and begins to record a call.</summary>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    /// <exception cref="ArgumentException">The request cannot be read.</exception>
    public async Task<ModelCall> BeginAsync(ModelCallStart call, CancellationToken cancellationToken)
    {
        await start.StartAsync(cancellationToken);
        var keys = new TurnKeys(secret.Value, known);
        CallPlace? place = null;
        try
        {
            // 1. What the request holds, and whose rules apply.
            var reading = Dialect.ReadRequest(call.Request, MessagesPath, keys) ?? throw new ArgumentException("The request is no conversation.", nameof(call));
            var prompt = new SystemPrompt(reading);
            var rules = catalog.Select(static _ => null, prompt);
            var provider = providers.Resolve(reading.Model, call.Provider);

            // 2. Its place among the tasks.
            place = await correlator.PlaceAsync(
                new IncomingCall
                {
                    Tenant = call.Tenant,
                    Reading = reading,
                    Rules = rules,
                    TaskId = call.TaskId,
                    Description = () => call.Description ?? TaskText.Describe(rules.IsTurnBoundary ? reading.ReadLastUserText() : reading.ReadFirstUserText(), rules.Boilerplate),
                    SystemPrompt = prompt,
                    EndsInUserText = () => reading.Messages is [.., { IsAssistant: false, AnswersCall: false }],
                },
                keys,
                cancellationToken);

            // 3. Examples and prompt; 4. its record.
            var enhanced = call.MayEnhance && place is { IsSideCall: false, Task: { } task }
                ? await prompts.EnhanceAsync(
                    new PromptRequest(call.Tenant, task.TaskId, task.TaskDescription, provider, reading.Model ?? "", reading) { IsFirstStep = place.StepIndex == 1, FewShot = call.FewShot },
                    cancellationToken)
                : PromptResult.Unchanged;
            var (record, reason) = Record(call, reading, place, rules, provider, enhanced);
            return new ModelCall(Dialect, reading, keys, place, enhanced, record, correlator, recorder, time, logger) { NotRecorded = reason, Duration = call.Duration };
        }
        catch
        {
            if (place?.Task is { } begun)
            {
                correlator.End(begun, place.StepIndex, answered: false, readable: true);
            }

            keys.Dispose();
            throw;
        }
    }

    private (SpooledExchange? Record, string? Reason) Record(ModelCallStart call, RequestReading reading, CallPlace place, TaskRules rules, string provider, PromptResult enhanced)
    {
        if (place.Task is not { } task)
        {
            return (null, "side-call");
        }

        if (recording.WhyNot(call.Record) is { } reason)
        {
            recorder.CountNotRecorded(reason);
            return (null, reason);
        }

        var now = time.GetUtcNow();
        var record = spool.Begin(
            ExchangeHead.Of(place, task, reading, Dialect.Kind, provider, now) with
            {
                Client = AppDomain.CurrentDomain.FriendlyName,
                Preset = rules.Name,
                Path = MessagesPath,
                ExampleIds = enhanced.Body is null ? [] : enhanced.ExampleIds,
                Arm = enhanced.Arm,
                TemplateSet = enhanced.TemplateSet,
                KeepContent = options.Recording.Providers.Contains(provider, StringComparer.OrdinalIgnoreCase),
                StartedAt = call.StartedAt ?? now,
            },
            // The application's own request is what is recorded: examples that were put in must never be learnt from.
            call.Request,
            enhanced.Body is null ? null : enhanced.SentPrompt);
        if (record is null)
        {
            recorder.CountNotRecorded("spool-full");
            return (null, "spool-full");
        }

        recorder.Register(record);
        return (record, null);
    }
}
