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
}

/// <summary>
/// Brings runs that were recorded elsewhere into the store: without secrets, once however often it is repeated, scored
/// by the same rules as recorded ones, and with a lexical vector, so that they are found. No text leaves the machine.
/// </summary>
public sealed class TrajectoryImporter(ITrajectoryStore store, LlmProxyOptions options, TaskRulesCatalog catalog)
{
    // Both sources hold messages of Anthropic's API.
    private static readonly IDialect Dialect = DialectCatalog.Get(DialectKind.AnthropicMessages);

    private readonly Redactor _redactor = new(options.Recording.Redaction);
    private readonly ProviderResolver _providers = new(options.Models);

    /// <summary>Imports a file or a folder.</summary>
    /// <param name="path">A file, or a folder.</param>
    /// <param name="source">What it holds.</param>
    /// <param name="tenant">The tenant that owns the runs.</param>
    /// <param name="dryRun">Whether to count only.</param>
    /// <param name="progress">Receives the number of files done and of all.</param>
    /// <param name="cancellationToken">Cancels; what was added stays.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="StoreException">The store cannot be written.</exception>
    public async Task<ImportReport> ImportAsync(string path, ImportSource source, string tenant, bool dryRun, Action<int, int>? progress, CancellationToken cancellationToken)
    {
        var report = new ImportReport();
        var files = FilesOf(path, source);
        var transcripts = new ClaudeCodeTranscripts(catalog.Get("claude-code"), report);
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            progress?.Invoke(report.Files, files.Count);
            if (source == ImportSource.ClaudeCode)
            {
                foreach (var run in await transcripts.ReadAsync(file, cancellationToken))
                {
                    run.Provider = ProviderOf(run);
                    if (IsCopy(run, seen, report))
                    {
                        continue;
                    }

                    await TakeAsync(run, tenant, dryRun, report, cancellationToken);
                }
            }
            else
            {
                await foreach (var run in new AnthropicExports(report).ReadAsync(file, cancellationToken))
                {
                    await TakeAsync(run, tenant, dryRun, report, cancellationToken);
                }
            }

            report.Files++;
        }

        progress?.Invoke(report.Files, files.Count);
        return report;
    }

    /// <summary>Another maker's model behind Claude Code is not Claude: one reply of it decides.</summary>
    private string ProviderOf(ImportedTrajectory run) => run.Steps
        .Select(s => _providers.Resolve(s.Model, s.Model.Length == 0 || s.Model.StartsWith("claude", StringComparison.OrdinalIgnoreCase) ? "anthropic" : null))
        .FirstOrDefault(p => p != "anthropic") ?? "anthropic";

    /// <summary>Whether an earlier file of the import held the run, at least as long.</summary>
    private static bool IsCopy(ImportedTrajectory run, Dictionary<string, int> seen, ImportReport report)
    {
        var known = seen.GetValueOrDefault(run.Id);
        seen[run.Id] = Math.Max(known, run.Steps.Count);
        if (known == 0)
        {
            return false;
        }

        report.LeftOut[ImportReport.Copied] = report.LeftOut.GetValueOrDefault(ImportReport.Copied) + Math.Min(known, run.Steps.Count);
        if (known >= run.Steps.Count)
        {
            return true;
        }

        report.Runs--;
        return false;
    }

    private static List<string> FilesOf(string path, ImportSource source) => Directory.Exists(path)
        ? [.. ClaudeCodeTranscripts.InOrder(Directory.EnumerateFiles(path, "*.jsonl", SearchOption.AllDirectories).Where(f => source != ImportSource.Anthropic || !f.EndsWith(".origins.jsonl", StringComparison.Ordinal)))]
        : File.Exists(path) ? [path] : throw new FileNotFoundException($"There is no file or folder {path}.", path);

    private async Task TakeAsync(ImportedTrajectory run, string tenant, bool dryRun, ImportReport report, CancellationToken cancellationToken)
    {
        if (run.Steps.Count == 0)
        {
            return;
        }

        // 1. What the store has already, from an earlier import or because the proxy recorded it.
        report.Runs++;
        var known = await store.FindTrajectoryAsync(tenant, run.Id, cancellationToken) ?? await store.FindTaskAsync(tenant, run.TaskId, cancellationToken);
        if (known is null && run.SessionId is { } session && await store.FindLatestAsync(tenant, session, cancellationToken) is { } live && !live.Client.EndsWith(ClaudeCodeTranscripts.ClientMark, StringComparison.Ordinal))
        {
            known = live;
        }

        if (known is not null && (known.Id != run.Id || !known.HasContent || known.IterationCount >= run.Steps.Count))
        {
            report.Known++;
            return;
        }

        // 2. The run as the recorder would have left it.
        var change = ChangeOf(run, tenant);
        if (!dryRun)
        {
            await store.SaveAsync([change], cancellationToken);
        }

        report.Added += known is null ? 1 : 0;
        report.Updated += known is null ? 0 : 1;
        report.Steps += run.Steps.Count;
    }

    private TrajectoryChange ChangeOf(ImportedTrajectory run, string tenant)
    {
        var contents = new List<Content>();
        var steps = run.Steps.Select(step => StepOf(run, step, contents)).ToList();
        var outline = OutlineOf(run, catalog.Get(run.Preset));
        var row = Count(run, tenant, catalog.Get(run.Preset), outline);
        var text = row.TaskDescription;
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
        return new TrajectoryStep
        {
            TrajectoryId = run.Id,
            Index = step.Index,
            ExchangeId = FormattableString.Invariant($"{run.Id}-{step.Index}"),
            Dialect = Dialect.Kind,
            Model = step.Model,
            SystemPrompt = step.System is { } system ? Keep(Encoding.UTF8.GetBytes(_redactor.Redact(system))) : null,
            SentSystemPrompt = step.System is { } sent ? Keep(Encoding.UTF8.GetBytes(_redactor.Redact(sent))) : null,
            Tools = step.Tools is { } tools ? Keep(_redactor.RedactJson(tools)) : null,
            HistoryKept = step.HistoryKept,
            Messages = [.. step.Messages.Select(m => new StepMessage(Keep(_redactor.RedactJson(m.Json)), Dialect.ReadMessage(m.Json).Role, m.IsForeign))],
            Reply = Keep(_redactor.RedactJson(step.Reply)),
            StopReason = step.StopReason,
            ResponseId = step.ResponseId,
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
        var outline = new OutlineBuilder();
        foreach (var step in run.Steps)
        {
            outline.AddResults(step.Condensed.Concat(step.Messages).Select(m => Dialect.ReadMessage(m.Json)), rules, _redactor);
            outline.AddReply(step.Index, Dialect.ReadMessage(step.Reply), step.StopReason, _redactor);
        }

        outline.AddResults(run.Trailing.Select(m => Dialect.ReadMessage(m.Json)), rules, _redactor);
        return outline.Build();
    }

    /// <summary>The run's row: counted from its steps; an outcome that a file states takes precedence.</summary>
    private Trajectory Count(ImportedTrajectory run, string tenant, TaskRules rules, TrajectoryOutline outline)
    {
        var (calls, failed, interventions) = (0, 0, 0);
        var tools = new List<string>();
        TokenUsage? usage = TokenUsage.None;
        decimal? cost = 0;
        foreach (var step in run.Steps)
        {
            // A run's first step resends the whole conversation: only what belongs to this run counts.
            CountMessages(step.Condensed.Concat(step.Messages.Skip(Math.Max(step.Resent, step.Messages.ToList().FindLastIndex(m => m.IsForeign) + 1))));

            var reply = Dialect.ReadMessage(step.Reply);
            calls += reply.ToolCalls.Count;
            tools.AddRange(reply.ToolCalls.Select(c => c.Name));
            usage = step.Usage is null ? null : usage?.Add(step.Usage);
            cost += step.Usage is null ? null : ModelCost.Of(options.Prices, step.Model, step.Usage);
        }

        CountMessages(run.Trailing);
        var stated = run.Steps.Select(s => rules.ReadOutcome(Dialect.ReadMessage(s.Reply).ToolCalls)).LastOrDefault(o => o is not null);
        var origin = run.Origin;
        var start = origin?.StartedAt ?? run.Steps[0].StartedAt;
        var end = origin?.CompletedAt ?? run.Steps[^1].EndedAt;
        bool? success = origin is not null ? origin.Success : stated is not null ? stated.Status == TrajectoryStatus.Completed : null;
        // What a file only claims, or does not say, does not become a statement by being exported and imported.
        var source = origin is { Success: not null } ? EnumWords.ParseSnake<OutcomeSource>(origin.OutcomeSource ?? "") ?? OutcomeSource.Agent : stated is not null ? OutcomeSource.Agent : OutcomeSource.Inferred;
        var estimate = OutcomeEstimator.Estimate(
            new OutcomeFacts { Outline = outline, Task = run.TaskDescription, NextUserText = run.IsInterrupted ? NextTurnSignal.Interrupted : null },
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
            Model = run.Steps[0].Model,
            Client = run.Client,
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
            ToolsUsed = [.. tools.Distinct(StringComparer.Ordinal)],
        };
        return row with { QualityScore = origin?.QualityScore ?? QualityScore.Compute(row, options.Quality, rules.FreeIterations, options.GetEffectiveOutcome()).Score };

        void CountMessages(IEnumerable<ImportedMessage> messages)
        {
            foreach (var (imported, message) in messages.Select(m => (m, Dialect.ReadMessage(m.Json))))
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
