using System.Globalization;
using BitFaster.Caching.Lru;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// The prompt of each task: chosen on its first call, pinned, and rendered from the pin in every later call, so that
/// upstream prompt caches keep hitting. Only the agent's own prompt may differ from call to call.
/// </summary>
/// <remarks>Safe for concurrent use. A failure means the request goes as it is, one log line, and a count.</remarks>
public sealed partial class TaskPrompts(
    IPromptPinStore store,
    IExampleStore examples,
    StoreCircuitBreaker gate,
    FewShotService fewShot,
    TemplateDirectory templates,
    Redactor redactor,
    LlmProxyOptions options,
    TimeProvider time,
    ILogger<TaskPrompts> logger)
{
    // Each holds its examples and its latest prompt, some 15 KB; the others are in the store.
    private const int MaxTasksInMemory = 1_000;

    // One is left over from each edit of the templates that a task is still pinned to.
    private const int MaxTemplateSetsInMemory = 32;
    private static readonly TimeSpan ExamplesCheckedEvery = TimeSpan.FromSeconds(5);

    private readonly ConcurrentLru<(string Tenant, string ConversationId), PinnedPrompt> _pinned = new(MaxTasksInMemory);
    private readonly ConcurrentLru<string, TemplateSet> _sets = new(MaxTemplateSetsInMemory);
    private readonly TenantCounts<SkipReason> _skipped = new();
    private readonly Dictionary<string, RemovedText> _removed = new(StringComparer.Ordinal);
    private readonly IReadOnlyList<string> _exceptKeys = new TeachingKeys(options.Auth).Excluded;

    /// <summary>Number of parts that were taken out of a tenant's recorded texts on their way into prompts, by kind.</summary>
    public IReadOnlyDictionary<string, long> Removed(string tenant)
    {
        lock (_removed)
        {
            var removed = _removed.GetValueOrDefault(tenant) ?? new RemovedText();
            (string Kind, long Count)[] counts =
            [
                ("role-marks", removed.RoleMarks), ("fences", removed.Fences), ("headings", removed.Headings),
                ("injections", removed.Injections), ("instructions", removed.Instructions), ("secrets", removed.Secrets),
            ];
            return counts.Where(c => c.Count > 0).ToDictionary(c => c.Kind, c => c.Count, StringComparer.Ordinal);
        }
    }

    /// <summary>Why tasks of a tenant got no examples, counted.</summary>
    public IReadOnlyDictionary<string, long> Skipped(string tenant) =>
        _skipped.Of(tenant).ToDictionary(entry => entry.Key.ToWord(), entry => entry.Value, StringComparer.Ordinal);

    /// <summary>Rewrites a call's system prompt where settings, model and task say so.</summary>
    public async ValueTask<PromptResult> EnhanceAsync(PromptRequest request, CancellationToken cancellationToken)
    {
        // 1. Claude's requests are never changed: signed thinking blocks and prompt caches would break.
        if (!options.Prompts.Enabled || (request.Provider == "anthropic" && !options.Prompts.RewriteClaude))
        {
            return PromptResult.Unchanged;
        }

        // 2. The task's prompt: pinned before, or chosen now.
        if (await FindAsync(request, cancellationToken) is not { } pinned)
        {
            return PromptResult.Unchanged;
        }

        pinned = await WithoutPurgedAsync(request, pinned, cancellationToken);

        // 3. Rendered with the agent's own prompt of this call, and spliced into its bytes.
        var composition = PromptComposer.Compose(request.Reading, options.Prompts.InsertBefore, pinned.Prompt);
        if (composition.NewText is not { } text)
        {
            if (composition.Error is { } error)
            {
                _skipped.Count(request.Tenant, SkipReason.TemplateFailed);
                LogRenderingFailed(request.Provider, error);
                return new PromptResult(null, null, [], FewShotResult.None(SkipReason.TemplateFailed).ToString(), pinned.Arm);
            }

            return new PromptResult(null, null, [], pinned.Pin.ExampleIds.Count > 0 ? FewShotResult.None(composition.Reason!.Value).ToString() : pinned.ResultText, pinned.Arm);
        }

        var body = composition.Literal is { } literal
            ? PromptSplicer.Replace(request.Reading.Body, literal, text)
            : PromptSplicer.Insert(request.Reading.Body, composition.Insertion!, text);
        return new PromptResult(body, text, pinned.Pin.ExampleIds, pinned.ResultText, pinned.Arm) { TemplateSet = pinned.Pin.TemplateSet };
    }

    /// <summary>Forgets the pins in memory: they were changed in the store, and are read there again.</summary>
    internal void ForgetPins() => _pinned.Clear();

    private async ValueTask<PinnedPrompt?> FindAsync(PromptRequest request, CancellationToken cancellationToken)
    {
        var key = (request.Tenant, request.ConversationId);
        if (_pinned.TryGet(key, out var known))
        {
            return known;
        }

        if (!request.IsFirstStep)
        {
            // Pinned by another process or before a restart. What cannot be read leaves the request as it is: half of
            // a task with one prompt and half with another would be worse for the model and for its cache.
            var changes = store.ExampleChanges;
            var (stored, _) = await gate.AskAsync("prompt pin", ct => store.FindPinAsync(request.Tenant, request.ConversationId, ct), null, cancellationToken);
            return stored is null ? null : await KeepAsync(stored, changes, cancellationToken);
        }

        return Applies(request) ? await ChooseAsync(request, cancellationToken) : null;
    }

    private bool Applies(PromptRequest request) =>
        request.Reading.OffersTools || options.Prompts.ApplyTo == PromptScope.All;

    private async ValueTask<PinnedPrompt?> ChooseAsync(PromptRequest request, CancellationToken cancellationToken)
    {
        // What is removed from here on must not come back with what was read before.
        var changes = store.ExampleChanges;
        var set = templates.Current;
        var tools = request.Reading.ReadTools();
        var selection = await SelectAsync(request, tools, cancellationToken);
        if (selection.Removed.Total > 0)
        {
            lock (_removed)
            {
                (_removed.TryGetValue(request.Tenant, out var removed) ? removed : _removed[request.Tenant] = new RemovedText()).Add(selection.Removed);
            }
        }

        var values = new PromptValues(request.ConversationId, request.TaskDescription, request.Provider, request.Model, tools, selection.Examples);
        var pin = new PromptPin(request.Tenant, request.ConversationId, set.Hash, redactor.For(request.Tenant).RedactJson(values.ToJson()), selection.ExampleIds, selection.Outcome, time.GetUtcNow());

        // The first of several replicas (or of several first calls) decides for all of them.
        var (stored, answered) = await gate.AskAsync<PromptPin?>(
            "pin a prompt",
            async ct =>
            {
                if (!_sets.TryGet(set.Hash, out _))
                {
                    await store.SaveTemplateSetAsync(set.Hash, set.Files, ct);
                    _sets.AddOrUpdate(set.Hash, set);
                }

                return await store.PinAsync(pin, ct);
            },
            null,
            cancellationToken);
        if (!answered)
        {
            // No other process can read this pin, so it must hold nothing that another process would have to know.
            selection = selection with { Outcome = FewShotResult.None(selection.Reason ?? SkipReason.Store) };
            pin = pin with { ValuesJson = (values with { Examples = [] }).ToJson(), ExampleIds = [], Result = FewShotResult.None(SkipReason.Store) };
        }

        // One count for each task without examples, whatever else failed with it.
        if (selection.Reason is { } reason)
        {
            _skipped.Count(request.Tenant, reason);
        }

        var kept = await KeepAsync(stored ?? pin, changes, cancellationToken);
        if (kept is { Pin.ExampleIds.Count: > 0 })
        {
            LogInjecting(kept.Pin.ExampleIds.Count, request.Provider);
            _ = CountUsageAsync(kept.Pin);
        }

        return kept;
    }

    private async ValueTask<FewShotSelection> SelectAsync(PromptRequest request, IReadOnlyList<ToolOffer> tools, CancellationToken cancellationToken)
    {
        var count = options.FewShot.Count;
        if (request.FewShot is { } header)
        {
            if (string.Equals(header, "off", StringComparison.OrdinalIgnoreCase))
            {
                return None(SkipReason.Header);
            }

            count = int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var wanted) ? Math.Min(wanted, 10) : count;
        }

        if (ExperimentArm.Of(options.Experiments, request.ConversationId) == ExperimentArm.Holdout)
        {
            return None(SkipReason.Holdout);
        }

        if (request is { IsProjectScope: true, Project: null })
        {
            return None(SkipReason.UnknownProject);
        }

        // A skipped store is not searched either; the circuit breaker has logged it.
        if (gate.IsClosed)
        {
            return None(SkipReason.Store);
        }

        return await fewShot.SelectAsync(
            new ExampleQuery(request.Tenant, request.TaskDescription, count)
            {
                OfferedTools = [.. tools.Select(t => t.Name)],
                ExceptTaskId = request.ConversationId,
                Project = request.IsProjectScope ? request.Project : null,
                PromptLength = request.Reading.SystemTexts.Sum(t => t.Literal.Length),
            },
            cancellationToken);

        static FewShotSelection None(SkipReason reason) => new([], FewShotResult.None(reason), null, new RemovedText(), TimeSpan.Zero);
    }

    /// <summary>A run that was deleted or retired since leaves the prompts of tasks under way too, at the price of their caches.</summary>
    private async ValueTask<PinnedPrompt> WithoutPurgedAsync(PromptRequest request, PinnedPrompt pinned, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var changes = store.ExampleChanges;
        if (pinned.Pin.ExampleIds.Count == 0 || (now - pinned.ExamplesChecked < ExamplesCheckedEvery && changes == pinned.ChangesSeen))
        {
            return pinned;
        }

        var (usable, answered) = await gate.AskAsync<IReadOnlySet<string>>(
            "examples of a pin",
            ct => store.FindUsableExamplesAsync(request.Tenant, pinned.Pin.ExampleIds, _exceptKeys, ct),
            new HashSet<string>(StringComparer.Ordinal),
            cancellationToken);
        pinned.ExamplesChecked = now;
        pinned.ChangesSeen = answered ? changes : pinned.ChangesSeen;
        if (!answered || pinned.Pin.ExampleIds.All(usable.Contains))
        {
            return pinned;
        }

        var values = pinned.Values with { Examples = [.. pinned.Values.Examples.Where(e => usable.Contains(e.TrajectoryId))] };
        var left = values.Examples.Count;
        var pin = pinned.Pin with
        {
            ExampleIds = [.. values.Examples.Select(e => e.TrajectoryId)],
            Result = left > 0 ? new FewShotResult(left) : FewShotResult.None(SkipReason.Purged),
        };
        var changed = new PinnedPrompt(pin, values, PromptRenderer.Prepare(pinned.Set, values), pinned.Set, pinned.Arm) { ExamplesChecked = now, ChangesSeen = changes };
        _pinned.AddOrUpdate((request.Tenant, request.ConversationId), changed);
        return changed;
    }

    private async ValueTask<PinnedPrompt?> KeepAsync(PromptPin pin, long changes, CancellationToken cancellationToken)
    {
        if (PromptValues.FromJson(pin.ValuesJson) is not { } values || await FindSetAsync(pin.TemplateSet, cancellationToken) is not { } set)
        {
            _skipped.Count(pin.Tenant, SkipReason.UnreadablePin);
            LogPinUnreadable(pin.TaskId);
            return null;
        }

        var now = time.GetUtcNow();
        var arm = ExperimentArm.Of(options.Experiments, pin.TaskId);
        var fresh = new PinnedPrompt(pin with { ValuesJson = "" }, values, PromptRenderer.Prepare(set, values), set, arm) { ChangesSeen = changes };
        if (now - pin.At < ExamplesCheckedEvery)
        {
            fresh.ExamplesChecked = now;
        }

        return _pinned.GetOrAdd((pin.Tenant, pin.TaskId), static (_, kept) => kept, fresh);
    }

    private async ValueTask<TemplateSet?> FindSetAsync(string hash, CancellationToken cancellationToken)
    {
        if (templates.Current is var current && current.Hash == hash)
        {
            return current;
        }

        if (_sets.TryGet(hash, out var known))
        {
            return known;
        }

        var (files, _) = await gate.AskAsync("template set", ct => store.FindTemplateSetAsync(hash, ct), null, cancellationToken);
        return files is null ? null : _sets.GetOrAdd(hash, static (_, read) => TemplateSet.Parse(read), files);
    }

    private async Task CountUsageAsync(PromptPin pin)
    {
        try
        {
            await examples.RecordExampleUsageAsync(pin.Tenant, pin.ExampleIds, pin.At, CancellationToken.None);
        }
        catch (StoreException error)
        {
            LogUsageNotCounted(error);
        }
    }

    [LoggerMessage(2101, LogLevel.Information, "Injecting {Count} few-shot examples for {Provider}")]
    private partial void LogInjecting(int count, string provider);

    [LoggerMessage(2102, LogLevel.Warning, "Rendering the prompt for {Provider} failed; forwarding the request unmodified: {Error}")]
    private partial void LogRenderingFailed(string provider, string error);

    [LoggerMessage(2103, LogLevel.Warning, "Pinned prompt of task {TaskId} is unreadable; forwarding the request unmodified")]
    private partial void LogPinUnreadable(string taskId);

    [LoggerMessage(2104, LogLevel.Warning, "Recording the usage of examples failed")]
    private partial void LogUsageNotCounted(Exception error);

    /// <summary>A pin as it is kept here: read, so without its text.</summary>
    private sealed class PinnedPrompt(PromptPin pin, PromptValues values, PreparedPrompt prompt, TemplateSet set, string? arm)
    {
        public PromptPin Pin { get; } = pin;

        /// <summary>The pin's result as the header has it, written once for all calls of the task.</summary>
        public string ResultText { get; } = pin.Result.ToString();

        public PromptValues Values { get; } = values;

        public PreparedPrompt Prompt { get; } = prompt;

        public TemplateSet Set { get; } = set;

        public string? Arm { get; } = arm;

        public DateTimeOffset ExamplesChecked { get; set; }

        /// <summary><see cref="IPromptPinStore.ExampleChanges"/> when its examples were last looked at.</summary>
        public long ChangesSeen { get; set; }
    }
}
