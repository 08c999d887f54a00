using System.Text;
using LlmProxy.Core;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Import;

/// <summary>Where imported runs come from.</summary>
public enum ImportSource
{
    /// <summary>Transcripts of Claude Code: a file, or a folder with all below it.</summary>
    ClaudeCode,

    /// <summary>Files of the format <c>anthropic</c>.</summary>
    Anthropic,

    /// <summary>Rollouts of Codex.</summary>
    Codex,

    /// <summary>Chats of Gemini CLI.</summary>
    GeminiCli,

    /// <summary>Sessions of opencode: its database, its JSON files, or exports.</summary>
    OpenCode,
}

/// <summary>
/// Brings runs that were recorded elsewhere into the store: without secrets, once however often it is repeated, scored
/// by the same rules as recorded ones, and with a lexical vector, so that they are found. No text leaves the machine.
/// </summary>
public sealed class TrajectoryImporter(ITrajectoryStore store, LlmProxyOptions options, TaskRulesCatalog catalog)
{
    private readonly Redactor _redactor = new(options.Recording.Redaction);
    private readonly ProviderResolver _providers = new(options.Models);

    /// <summary>Reads SQLite files of other programs; without it none is read.</summary>
    public ReadTable? Tables { get; init; }

    /// <summary>Imports a file or a folder.</summary>
    /// <param name="path">A file, or a folder.</param>
    /// <param name="source">What it holds.</param>
    /// <param name="tenant">The tenant that owns the runs.</param>
    /// <param name="dryRun">Whether to count only.</param>
    /// <param name="progress">Receives the number of files done and of all.</param>
    /// <param name="cancellationToken">Cancels; what was added stays.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="StoreException">The store cannot be written.</exception>
    public Task<ImportReport> ImportAsync(string path, ImportSource source, string tenant, bool dryRun, Action<int, int>? progress, CancellationToken cancellationToken) =>
        ImportAsync(new ImportRequest { Source = source, Paths = [path], Tenant = tenant, DryRun = dryRun }, progress, cancellationToken);

    /// <summary>Imports what a request names.</summary>
    /// <param name="request">What to import.</param>
    /// <param name="progress">Receives the number of files done and of all.</param>
    /// <param name="cancellationToken">Cancels; what was added stays.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="StoreException">The store cannot be written.</exception>
    public async Task<ImportReport> ImportAsync(ImportRequest request, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var report = new ImportReport();
        var histories = HistoriesOf(request.Source, report);
        var files = FilesOf(histories, request.Paths);
        var taken = new Dictionary<string, TakenRun>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            progress?.Invoke(report.Files, files.Count);
            if (!await WantsAsync(histories, file, request, cancellationToken))
            {
                continue;
            }

            await foreach (var run in histories.ReadAsync(file, cancellationToken))
            {
                await TakeAsync(run, request, taken, report, cancellationToken);
            }

            report.Files++;
        }

        progress?.Invoke(report.Files, files.Count);
        return report;
    }

    /// <summary>The projects of an agent's files, the latest first.</summary>
    /// <param name="paths">Files, or folders with all below them.</param>
    /// <param name="source">What they hold.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public async Task<IReadOnlyList<ImportedProject>> ListProjectsAsync(IReadOnlyList<string> paths, ImportSource source, CancellationToken cancellationToken)
    {
        var histories = HistoriesOf(source, new ImportReport());
        var projects = new Dictionary<string, ImportedProject>(StringComparer.Ordinal);
        foreach (var file in FilesOf(histories, paths))
        {
            await foreach (var (project, at) in histories.ListAsync(file, cancellationToken))
            {
                var name = project ?? ImportedProject.Unknown;
                var known = projects.GetValueOrDefault(name) ?? new ImportedProject(name, 0, at);
                projects[name] = known with { Conversations = known.Conversations + 1, LastAt = at > known.LastAt ? at : known.LastAt };
            }
        }

        return [.. projects.Values.OrderByDescending(p => p.LastAt).ThenBy(p => p.Name, StringComparer.Ordinal)];
    }

    private IAgentHistories HistoriesOf(ImportSource source, ImportReport report) => source switch
    {
        ImportSource.ClaudeCode => new ClaudeCodeTranscripts(catalog.Get("claude-code"), report),
        ImportSource.Codex => new CodexRollouts(catalog.Get("codex"), report),
        ImportSource.GeminiCli => new GeminiChats(catalog.Get("gemini-cli"), report),
        ImportSource.OpenCode => new OpenCodeSessions(catalog.Get("opencode"), report, Tables),
        _ => new AnthropicExports(report),
    };

    /// <summary>Whether a file holds a conversation that is wanted; one that does not say its project is read.</summary>
    private static async Task<bool> WantsAsync(IAgentHistories histories, string file, ImportRequest request, CancellationToken cancellationToken)
    {
        if (request.Reads?.Invoke(file) == false)
        {
            return false;
        }

        if (request.Since is { } since && File.GetLastWriteTimeUtc(file) < since.UtcDateTime)
        {
            return false;
        }

        if (request.Projects.Count == 0 && request.Excluded.Count == 0)
        {
            return true;
        }

        await foreach (var conversation in histories.ListAsync(file, cancellationToken))
        {
            if (request.Wants(conversation.Project))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Another maker's model behind Claude Code is not Claude: one reply of it decides.</summary>
    private string ProviderOf(ImportedTrajectory run) => run.Steps
        .Select(s => _providers.Resolve(s.Model, s.Model.Length == 0 || s.Model.StartsWith("claude", StringComparison.OrdinalIgnoreCase) ? "anthropic" : null))
        .FirstOrDefault(p => p != "anthropic") ?? "anthropic";

    private static List<string> FilesOf(IAgentHistories histories, IReadOnlyList<string> paths) =>
    [
        .. paths.SelectMany(path => Directory.Exists(path) ? histories.FilesOf(path) : File.Exists(path) ? [path] : throw new FileNotFoundException($"There is no file or folder {path}.", path))
            .Distinct(StringComparer.Ordinal),
    ];

    /// <summary>Takes a run; of copies in several files of the import the longest one.</summary>
    private async Task TakeAsync(ImportedTrajectory run, ImportRequest request, Dictionary<string, TakenRun> taken, ImportReport report, CancellationToken cancellationToken)
    {
        if (run.Steps.Count == 0)
        {
            return;
        }

        var earlier = request.Source == ImportSource.Anthropic ? null : taken.GetValueOrDefault(run.Id);
        if (earlier is not null)
        {
            report.LeftOut[ImportReport.Copied] = report.LeftOut.GetValueOrDefault(ImportReport.Copied) + Math.Min(earlier.Steps, run.Steps.Count);
            if (earlier.Steps >= run.Steps.Count)
            {
                return;
            }

            report.Add(earlier, -1);
        }

        var effect = await StoreAsync(run, request, cancellationToken);
        taken[run.Id] = effect with { Effect = earlier?.Effect == RunEffect.Added ? RunEffect.Added : effect.Effect };
        report.Add(taken[run.Id], 1);
    }

    private async Task<TakenRun> StoreAsync(ImportedTrajectory run, ImportRequest request, CancellationToken cancellationToken)
    {
        if (!request.Wants(run.Project ?? run.ProjectName) || run.Steps[0].StartedAt < request.Since)
        {
            return new TakenRun(run.Steps.Count, RunEffect.NotWanted, IsMetrics: false);
        }

        // 1. Whose models responded, and what the store has already, from an earlier import or because the proxy recorded it.
        var keeps = Place(run, request.Source);
        var (tenant, known) = (request.Tenant, await FindAsync(run, request.Tenant, cancellationToken));
        if (known is not null && !IsMore(run, known, keeps))
        {
            return new TakenRun(run.Steps.Count, RunEffect.Known, IsMetrics: false);
        }

        run.ParentId ??= run.ParentSessionId is { } parent ? (await store.FindLatestAsync(tenant, parent, cancellationToken))?.Id : null;

        // 2. The run as the recorder would have left it.
        var change = ChangeOf(run, tenant, keeps);
        if (!request.DryRun)
        {
            await store.SaveAsync([change with { Trajectory = known is null ? change.Trajectory with { ImportBatch = request.Batch } : WithStated(change.Trajectory, known) }], cancellationToken);
        }

        return new TakenRun(run.Steps.Count, known is null ? RunEffect.Added : RunEffect.Updated, IsMetrics: !keeps);
    }

    /// <summary>A longer run with what was stated of it since it was imported.</summary>
    private Trajectory WithStated(Trajectory row, Trajectory known)
    {
        row = row with { ImportBatch = known.ImportBatch, Comment = known.Comment };
        if (!known.IsVerified)
        {
            return row;
        }

        row = row with { Status = known.Status, Success = known.Success, OutcomeSource = known.OutcomeSource, StatedBy = known.StatedBy, SuccessProbability = null, Evidence = [] };
        return row with { QualityScore = QualityScore.Compute(row, options.Quality, catalog.Get(row.Preset).FreeIterations, options.GetEffectiveOutcome()).Score };
    }

    /// <summary>Determines the provider of a run.</summary>
    /// <returns>Whether its content is kept.</returns>
    private bool Place(ImportedTrajectory run, ImportSource source)
    {
        if (!run.IsByProviders)
        {
            run.Provider = source == ImportSource.ClaudeCode ? ProviderOf(run) : run.Provider;
            return true;
        }

        foreach (var step in run.Steps)
        {
            run.AnsweredBy = RespondingModels.With(run.AnsweredBy, new RespondingModel(_providers.Resolve(step.Model, run.Provider), _redactor.Redact(step.Model), 1));
        }

        run.Provider = RespondingModels.ProviderOf(run.AnsweredBy) ?? run.Provider;
        return run.AnsweredBy.All(m => options.Recording.Providers.Contains(m.Provider, StringComparer.OrdinalIgnoreCase));
    }

    private async Task<Trajectory?> FindAsync(ImportedTrajectory run, string tenant, CancellationToken cancellationToken)
    {
        var known = await store.FindTrajectoryAsync(tenant, run.Id, cancellationToken) ?? await store.FindTaskAsync(tenant, run.TaskId, cancellationToken);
        return known ?? (run.SessionId is { } session && await store.FindLatestAsync(tenant, session, cancellationToken) is { } live && !live.Client.EndsWith(ClaudeCodeTranscripts.ClientMark, StringComparison.Ordinal)
            ? live
            : null);
    }

    /// <summary>Whether a file holds more of a run than the store: further steps, or content that is kept now.</summary>
    private static bool IsMore(ImportedTrajectory run, Trajectory known, bool keeps) =>
        known.Id == run.Id
        && (known.HasContent ? known.IterationCount < run.Steps.Count || (known.IterationCount == run.Steps.Count && IsLater(run, known))
            : known.WhyNoContent == NotRecordedReason.ProviderNotRecorded && (keeps || known.IterationCount < run.Steps.Count));

    /// <summary>Whether the last reply has continued: an agent writes it part by part.</summary>
    private static bool IsLater(ImportedTrajectory run, Trajectory known) =>
        run.Origin is null && run.Steps[^1].EndedAt - known.LastActivityAt >= TimeSpan.FromMilliseconds(1);

    private TrajectoryChange ChangeOf(ImportedTrajectory run, string tenant, bool keeps)
    {
        var contents = new List<Content>();
        var steps = keeps ? run.Steps.Select(step => StepOf(run, step, contents)).ToList() : [];
        var outline = OutlineOf(run, catalog.Get(run.Preset));
        var row = Count(run, tenant, catalog.Get(run.Preset), outline);
        var text = row.TaskDescription;
        if (!keeps)
        {
            // Metrics alone, as of a recorded run of such a model.
            return new TrajectoryChange { Trajectory = row with { HasContent = false, WhyNoContent = NotRecordedReason.ProviderNotRecorded }, Exchanges = [] };
        }

        return new TrajectoryChange
        {
            Trajectory = row,
            Steps = steps,
            Contents = contents,
            Outline = outline,
            Embeddings = text.Length == 0 ? [] : [new TrajectoryEmbedding(LexicalEmbedder.ModelName, EmbeddingService.TaskKind, LexicalEmbedder.Embed(text), text)],
        };
    }

    private TrajectoryStep StepOf(ImportedTrajectory run, ImportedStep step, List<Content> contents)
    {
        var dialect = DialectCatalog.Get(run.Dialect);
        return new TrajectoryStep
        {
            TrajectoryId = run.Id,
            Index = step.Index,
            ExchangeId = FormattableString.Invariant($"{run.Id}-{step.Index}"),
            Dialect = dialect.Kind,
            Model = _redactor.Redact(step.Model),
            SystemPrompt = step.System is { } system ? Keep(Encoding.UTF8.GetBytes(_redactor.Redact(system))) : null,
            SentSystemPrompt = step.System is { } sent ? Keep(Encoding.UTF8.GetBytes(_redactor.Redact(sent))) : null,
            Tools = step.Tools is { } tools ? Keep(_redactor.RedactJson(tools)) : null,
            HistoryKept = step.HistoryKept,
            Messages = [.. step.Messages.Select(m => new StepMessage(Keep(_redactor.RedactJson(m.Json)), dialect.ReadMessage(m.Json).Role, m.IsForeign))],
            Reply = Keep(_redactor.RedactJson(step.Reply)),
            StopReason = _redactor.RedactId(step.StopReason),
            ResponseId = _redactor.RedactId(step.ResponseId),
            TokenUsage = step.Usage,
            StartedAt = step.StartedAt,
            DurationMs = Math.Max(0, (step.EndedAt - step.StartedAt).TotalMilliseconds),
            HttpStatus = 200,
        };

        ContentHash Keep(ReadOnlyMemory<byte> bytes)
        {
            var content = Content.Of(bytes);
            contents.Add(content);
            return content.Hash;
        }
    }

    private TrajectoryOutline OutlineOf(ImportedTrajectory run, TaskRules rules)
    {
        var (outline, dialect) = (new OutlineBuilder(), DialectCatalog.Get(run.Dialect));
        IReadOnlyList<ToolCall> open = [];
        foreach (var step in run.Steps)
        {
            AddResults(step.Condensed.Concat(step.Messages));
            var reply = dialect.ReadMessage(step.Reply);
            outline.AddReply(step.Index, reply, step.StopReason, _redactor);
            open = reply.ToolCalls;
        }

        AddResults(run.Trailing);
        if (run is { IsInterrupted: true, IsByProviders: true })
        {
            outline.Report(new ReportedEvidence(null, IsInterrupted: true), _redactor);
        }

        return outline.Build();

        // Some dialects name the function in a result, and not the call.
        void AddResults(IEnumerable<ImportedMessage> imported)
        {
            var messages = imported.Select(m => dialect.ReadMessage(m.Json)).ToList();
            outline.AddResults(messages, rules, _redactor);
            if (run.Dialect == DialectKind.Gemini && ToolResultJoin.Of(open, messages) is { Count: > 0 } joined)
            {
                outline.AddResults([new ConversationMessage { Role = "tool", Json = default, ToolResults = joined }], rules, _redactor);
            }
        }
    }

    /// <summary>The run's row: counted from its steps; an outcome that a file states takes precedence.</summary>
    private Trajectory Count(ImportedTrajectory run, string tenant, TaskRules rules, TrajectoryOutline outline)
    {
        var (calls, failed, interventions) = (0, 0, 0);
        var dialect = DialectCatalog.Get(run.Dialect);
        var tools = new List<string>();
        TokenUsage? usage = TokenUsage.None;
        decimal? cost = 0;
        foreach (var step in run.Steps)
        {
            // A run's first step resends the whole conversation: only what belongs to this run counts.
            CountMessages(step.Condensed.Concat(step.Messages.Skip(Math.Max(step.Resent, step.Messages.ToList().FindLastIndex(m => m.IsForeign) + 1))));

            var reply = dialect.ReadMessage(step.Reply);
            calls += reply.ToolCalls.Count;
            tools.AddRange(reply.ToolCalls.Select(c => c.Name));
            usage = step.Usage is null ? null : usage?.Add(step.Usage);
            cost += step.Usage is null ? null : ModelCost.Of(options.Prices, step.Model, step.Usage);
        }

        CountMessages(run.Trailing);
        var stated = run.Steps.Select(s => rules.ReadOutcome(dialect.ReadMessage(s.Reply).ToolCalls)).LastOrDefault(o => o is not null);
        var origin = run.Origin;
        var start = origin?.StartedAt ?? run.Steps[0].StartedAt;
        var end = origin?.CompletedAt ?? run.Steps[^1].EndedAt;
        bool? success = origin is not null ? origin.Success : stated is not null ? stated.Status == TrajectoryStatus.Completed : null;
        // What a file only claims, or does not say, does not become a statement by being exported and imported.
        var source = origin is { Success: not null } ? EnumWords.ParseSnake<OutcomeSource>(origin.OutcomeSource ?? "") ?? OutcomeSource.Agent : stated is not null ? OutcomeSource.Agent : OutcomeSource.Inferred;
        var estimate = OutcomeEstimator.Estimate(
            new OutcomeFacts { Outline = outline, Task = run.TaskDescription, NextUserText = run is { IsInterrupted: true, IsByProviders: false } ? NextTurnSignal.Interrupted : null },
            OutcomeModel.Shipped);
        var row = new Trajectory
        {
            Id = run.Id,
            TaskId = run.TaskId,
            Tenant = tenant,
            ConversationId = run.ConversationId,
            ParentId = run.ParentId,
            SessionId = run.SessionId,
            Provider = run.Provider,
            AnsweredBy = run.AnsweredBy,
            Model = _redactor.Redact(run.Steps[0].Model),
            Client = _redactor.Redact(run.Client),
            Preset = run.Preset,
            TaskDescription = _redactor.Redact(run.TaskDescription),
            Project = run.Project is { } project ? _redactor.Redact(project) : null,
            Status = success == false ? TrajectoryStatus.Failed : TrajectoryStatus.Completed,
            Success = success,
            IterationCount = run.Steps.Count,
            ToolCallsCount = calls,
            FailedToolResults = failed,
            UserInterventions = interventions,
            TokenUsage = usage,
            CostUsd = cost,
            StartedAt = start,
            LastActivityAt = end,
            CompletedAt = end,
            OutcomeSource = source,
            StatedBy = origin is not null && source is OutcomeSource.Human or OutcomeSource.Ci or OutcomeSource.Api ? "import" : null,
            SuccessProbability = source == OutcomeSource.Inferred ? estimate.Probability : null,
            Evidence = source == OutcomeSource.Inferred ? estimate.Evidence : [],
            HasContent = true,
            ToolsUsed = [.. tools.Distinct(StringComparer.Ordinal).Select(t => _redactor.Redact(t))],
        };
        return row with { QualityScore = origin?.QualityScore ?? QualityScore.Compute(row, options.Quality, rules.FreeIterations, options.GetEffectiveOutcome()).Score };

        void CountMessages(IEnumerable<ImportedMessage> messages)
        {
            foreach (var (imported, message) in messages.Select(m => (m, dialect.ReadMessage(m.Json))))
            {
                foreach (var result in message.ToolResults)
                {
                    failed += rules.IsFailure(result) ? 1 : 0;
                }

                interventions += imported.IsIntervention || (message is { IsAssistant: false, ToolResults.Count: 0 } && rules.IsIntervention(message.Text)) ? 1 : 0;
            }
        }
    }
}
