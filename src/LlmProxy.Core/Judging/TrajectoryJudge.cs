using System.Globalization;
using System.Text;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Judging;

/// <summary>Why a trajectory was not judged.</summary>
internal enum NotJudgedReason
{
    /// <summary>Its outcome is stated, or a verification passed after its last change.</summary>
    Known,
    /// <summary>Its content was not recorded or is erased.</summary>
    NoContent,
    /// <summary>It is not over.</summary>
    Active,
}

/// <summary>What came of judging a trajectory.</summary>
/// <param name="Judgement">The judgement, new or stored; null if it was not judged.</param>
/// <param name="Reason">Why it was not judged, or null.</param>
/// <param name="IsNew">Whether a model was asked now.</param>
/// <param name="SetsOutcome">Whether the judgement became the trajectory's outcome.</param>
internal sealed record JudgeResult(StoredJudgement? Judgement, NotJudgedReason? Reason, bool IsNew, bool SetsOutcome);

/// <summary>
/// Judges recorded trajectories. Facts come first: what is known is not asked. A judgement becomes the outcome only if the
/// judge agrees with stated outcomes, and never replaces a stated one.
/// </summary>
internal sealed class TrajectoryJudge(
    Assistant assistant, IJudgementStore store, ITrajectoryStore trajectories, TrajectoryReader reader, TaskService tasks, Redactor redactor, TimeProvider time)
{
    /// <summary>Most trajectories that one of a comparison is chosen from.</summary>
    private const int PeersLookedAt = 50;

    /// <summary>The model that judges.</summary>
    public string Model => assistant.Model;

    /// <summary>How far the judge agrees with the tenant's stated outcomes.</summary>
    public async Task<JudgeCalibration> CalibrateAsync(string tenant, CancellationToken cancellationToken) =>
        JudgeCalibration.Of([.. (await store.ListStatedVerdictsAsync(tenant, Model, JudgeRubric.Version, cancellationToken)).Select(v => (v.Judged, v.Stated, v.Task))]);

    /// <summary>Why a trajectory is not judged; null if it may be.</summary>
    public static NotJudgedReason? ReasonAgainst(Trajectory trajectory) =>
        trajectory is { CompletedAt: null } or { IsProvisional: true } or { Status: TrajectoryStatus.Cancelled } ? NotJudgedReason.Active
        : !trajectory.HasContent ? NotJudgedReason.NoContent
        : trajectory.IsStated || trajectory.Evidence.Any(e => e is { Signal: "verification", Weight: > 0 }) ? NotJudgedReason.Known
        : null;

    /// <summary>Judges a trajectory, unless its outcome is known.</summary>
    /// <param name="trajectory">The trajectory.</param>
    /// <param name="calibrates">Judges it although its outcome is stated, to compare the two.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="AssistantException">The model gave no answer.</exception>
    public async Task<JudgeResult> JudgeAsync(Trajectory trajectory, bool calibrates, CancellationToken cancellationToken)
    {
        if (ReasonAgainst(trajectory) is { } reason && !(calibrates && reason == NotJudgedReason.Known))
        {
            return new JudgeResult(null, reason, IsNew: false, SetsOutcome: false);
        }

        var run = await ReadAsync(trajectory, cancellationToken);
        if (run.Steps.Count == 0)
        {
            return new JudgeResult(null, NotJudgedReason.NoContent, IsNew: false, SetsOutcome: false);
        }

        var key = KeyOf(AssistanceKind.Rubric, [trajectory.Id], HashOf(run));
        var judgement = await store.FindJudgementAsync(trajectory.Tenant, key.Key, cancellationToken);
        var isNew = judgement is null;
        judgement ??= await AskAsync(trajectory, run, key, cancellationToken);
        return new JudgeResult(judgement, null, isNew, await SetOutcomeAsync(trajectory, judgement, cancellationToken));
    }

    /// <summary>
    /// Compares a judged trajectory with others of its task, if they differ in outcome: the pairs of training data need it.
    /// Returns how many judgements are new.
    /// </summary>
    /// <exception cref="AssistantException">The model gave no answer.</exception>
    public async Task<int> CompareAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        var group = await GroupAsync(trajectory, cancellationToken);
        if (group.Count < 2)
        {
            return 0;
        }

        var runs = new List<JudgedRun>(group.Count);
        foreach (var member in group)
        {
            runs.Add(await ReadAsync(member, cancellationToken));
        }

        var (key, hash) = KeyOf(AssistanceKind.Comparison, [.. group.Select(g => g.Id)], HashOf([.. runs]));
        if (await store.FindJudgementAsync(trajectory.Tenant, $"{key}/{group[0].Id}", cancellationToken) is not null)
        {
            return 0;
        }

        // The seed is of the content, so that a second try asks in the same order, and its answers fit.
        var seed = int.Parse(hash.AsSpan(0, 7), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var client = assistant.For(new AssistanceSubject(trajectory.Tenant, trajectory.Id, AssistanceKind.Comparison, key));
        var comparison = await new ComparisonJudge(client).CompareAsync(runs, seed, cancellationToken);
        return await store.SaveJudgementsAsync(
            trajectory.Tenant,
            [
                .. group.Select((member, i) => new StoredJudgement
                {
                    Key = $"{key}/{member.Id}",
                    TrajectoryId = member.Id,
                    Kind = AssistanceKind.Comparison,
                    Model = Model,
                    RubricVersion = JudgeRubric.Version,
                    ContentHash = hash,
                    Score = comparison.ScoreOf(i),
                    Peers = [.. group.Index().Where(p => p.Index != i).Select(p => new ComparedPeer(p.Item.Id, comparison.Prefers(i, p.Index)))],
                    InputTokens = comparison.Usage?.InputTokenCount,
                    OutputTokens = comparison.Usage?.OutputTokenCount,
                    At = time.GetUtcNow(),
                }),
            ],
            cancellationToken);
    }

    private async Task<StoredJudgement> AskAsync(Trajectory trajectory, JudgedRun run, (string Key, string Hash) key, CancellationToken cancellationToken)
    {
        var client = assistant.For(new AssistanceSubject(trajectory.Tenant, trajectory.Id, AssistanceKind.Rubric, key.Key));
        var found = await new RubricJudge(client).JudgeAsync(run, cancellationToken);
        var clean = redactor.For(trajectory.Tenant);
        var judgement = new StoredJudgement
        {
            Key = key.Key,
            TrajectoryId = trajectory.Id,
            Kind = AssistanceKind.Rubric,
            Model = Model,
            RubricVersion = JudgeRubric.Version,
            ContentHash = key.Hash,
            Success = found.Success,
            Score = found.Score,
            Answers = [.. found.Items.Select(i => new StoredAnswer(i.Item.Id, i.Answer, i.Step))],
            Quotes = found.Items.Where(i => i.Answer == RubricAnswer.Yes && i.Quote is not null).ToDictionary(i => i.Item.Id, i => clean.Redact(i.Quote!), StringComparer.Ordinal),
            Critique = found.Critique is null ? null : clean.Redact(found.Critique),
            InputTokens = found.Usage?.InputTokenCount,
            OutputTokens = found.Usage?.OutputTokenCount,
            At = time.GetUtcNow(),
        };
        await store.SaveJudgementsAsync(trajectory.Tenant, [judgement], cancellationToken);
        return judgement;
    }

    private async Task<bool> SetOutcomeAsync(Trajectory trajectory, StoredJudgement judgement, CancellationToken cancellationToken) =>
        judgement.Success is { } success && ReasonAgainst(trajectory) is null
        && (await CalibrateAsync(trajectory.Tenant, cancellationToken)).MaySetOutcomes
        && await tasks.CompleteAsync(trajectory.Tenant, trajectory.TaskId, new StatedResult(success, OutcomeSource.Judge, Model), null, null, cancellationToken)
            is { Trajectory: { OutcomeSource: OutcomeSource.Judge } set } && set.Success == success;

    /// <summary>Up to four trajectories of the task, of which one at least succeeded and one did not, by fact or by the rubric.</summary>
    private async Task<IReadOnlyList<Trajectory>> GroupAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        var page = await trajectories.ListAsync(new TrajectoryQuery(trajectory.Tenant) { Search = trajectory.TaskDescription, Limit = PeersLookedAt }, cancellationToken);
        var same = page.Items
            .Where(t => t.HasContent && t is { CompletedAt: not null, IsProvisional: false } && t.Status != TrajectoryStatus.Cancelled
                && t.Id != trajectory.Id && string.Equals(t.TaskDescription, trajectory.TaskDescription, StringComparison.Ordinal))
            .ToList();
        if (same.Count == 0)
        {
            return [];
        }

        var verdicts = (await store.ListJudgementsAsync(trajectory.Tenant, [trajectory.Id, .. same.Select(t => t.Id)], cancellationToken))
            .Where(j => j.Kind == AssistanceKind.Rubric && j.Model == Model && j.RubricVersion == JudgeRubric.Version)
            .GroupBy(j => j.TrajectoryId, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Last().Success, StringComparer.Ordinal);
        if (Outcome(trajectory) is not { } own)
        {
            return [];
        }

        var others = same.Where(t => Outcome(t) is { } other && other != own).OrderBy(t => t.Id, StringComparer.Ordinal).Take(ComparisonJudge.MaxRuns - 1);
        return [.. others.Append(trajectory).OrderBy(t => t.Id, StringComparer.Ordinal)];

        bool? Outcome(Trajectory t) => (t.IsVerified ? t.Success : null) ?? verdicts.GetValueOrDefault(t.Id);
    }

    private async Task<JudgedRun> ReadAsync(Trajectory trajectory, CancellationToken cancellationToken) =>
        JudgedRun.FromSteps(trajectory.TaskDescription, await reader.ReadAsync(trajectory.Id, cancellationToken));

    private (string Key, string Hash) KeyOf(AssistanceKind kind, string[] ids, string hash) =>
        (ContentHash.Of(Encoding.UTF8.GetBytes(string.Join('\n', [EnumWords.Snake(kind), JudgeRubric.Version.ToString(CultureInfo.InvariantCulture), Model, hash, .. ids]))).Value, hash);

    private static string HashOf(params JudgedRun[] runs) =>
        ContentHash.Of(Encoding.UTF8.GetBytes(string.Join('\0', runs.SelectMany(r => r.Steps.Prepend(r.Task))))).Value;
}
