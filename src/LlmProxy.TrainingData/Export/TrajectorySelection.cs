using LlmProxy.Core.Configuration;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Pairs;

namespace LlmProxy.TrainingData.Export;

/// <summary>
/// Which runs are exported. One pass over the rows counts them, says why the others are not, groups them for the split
/// and finds conversations of several runs; the rows themselves are read again when they are due, so that only some
/// bytes a run are held.
/// </summary>
internal sealed class TrajectorySelection(ITrajectoryStore store, ExportRequest request, LlmProxyOptions options, DateTimeOffset now)
{
    /// <summary>Reason: the run is in an evaluation set.</summary>
    public const string Excluded = "in the excluded set";

    private const int PageSize = 500;

    private readonly IReadOnlyList<string> _allowed = options.Export.AllowProviders;
    private readonly DateTimeOffset _graceOver = now - options.Tasks.EndOfTurnGrace;
    private readonly Dictionary<ulong, List<string>> _conversations = [];
    private readonly SplitPlan _split = new();

    /// <summary>Number of selected runs.</summary>
    public int Count { get; private set; }

    /// <summary>Selected runs by provider.</summary>
    public SortedDictionary<string, int> Providers { get; } = new(StringComparer.Ordinal);

    /// <summary>Runs that were left out, by reason.</summary>
    public SortedDictionary<string, int> LeftOut { get; } = new(StringComparer.Ordinal);

    /// <summary>Selected runs for pairing; empty for other formats.</summary>
    public List<TrajectoryCandidate> Candidates { get; } = [];

    /// <summary>Where a later export continues without losing a run: after the last that ended, and not after one that is still open.</summary>
    public DateTimeOffset NextSince { get; private set; }

    public static async Task<TrajectorySelection> MakeAsync(ITrajectoryStore store, ExportRequest request, LlmProxyOptions options, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var selection = new TrajectorySelection(store, request, options, now);
        await selection.CountAsync(cancellationToken);
        return selection;
    }

    /// <summary>The selected runs, the newest first.</summary>
    public async IAsyncEnumerable<Trajectory> ReadAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var count = 0;
        await foreach (var run in PagesAsync(cancellationToken))
        {
            if (count < Count && ReasonAgainst(run) is null)
            {
                count++;
                yield return run;
            }
        }
    }

    /// <summary>Whether a run belongs to the validation file.</summary>
    public bool IsValidation(Trajectory run) => _split.IsValidation(run);

    /// <summary>The other runs of a run's conversation.</summary>
    public IReadOnlyList<string> OthersOfConversation(Trajectory run) =>
        _conversations.TryGetValue(TaskKeys.Conversation(run), out var ids) && ids.Count > 1 ? ids : [];

    private async Task CountAsync(CancellationToken cancellationToken)
    {
        DateTimeOffset? lastEnd = null;
        DateTimeOffset? firstOpen = null;
        await foreach (var run in PagesAsync(cancellationToken))
        {
            if (run.Status == TrajectoryStatus.Active || IsFresh(run))
            {
                firstOpen = firstOpen < run.LastActivityAt ? firstOpen : run.LastActivityAt;
            }
            else if (run.CompletedAt is { } end)
            {
                lastEnd = lastEnd > end ? lastEnd : end;
            }

            var reason = ReasonAgainst(run);
            var isSelected = reason is null && (request.Format.IsPreference() || Count < (request.Limit ?? int.MaxValue));
            if (isSelected)
            {
                Count++;
                Providers[run.Provider] = Providers.GetValueOrDefault(run.Provider) + 1;
                if (request.Format.IsPreference())
                {
                    Candidates.Add(new TrajectoryCandidate(run.Id, TaskKeys.Task(run), Count, run.Success == true, run.Success == false, run.QualityScore ?? 0, CanBeBetter(run)));
                }
            }
            else if (reason is { Length: > 0 })
            {
                LeftOut[reason] = LeftOut.GetValueOrDefault(reason) + 1;
            }

            if (request.Split > 0)
            {
                _split.Add(run, isSelected);
            }

            // The first run of a conversation carries its own id; it matters only if others follow.
            var key = TaskKeys.Conversation(run);
            if (run.HasUsableContent && (_conversations.ContainsKey(key) || run.ConversationId != run.TaskId))
            {
                (_conversations.TryGetValue(key, out var ids) ? ids : _conversations[key] = []).Add(run.Id);
            }
        }

        _split.Decide(request.Split);
        var next = lastEnd?.AddTicks(1) ?? request.Since ?? now;
        NextSince = firstOpen < next ? firstOpen.Value : next;
    }

    /// <summary>Why a run is not exported: null where it is, empty where that was asked for.</summary>
    private string? ReasonAgainst(Trajectory run)
    {
        var isPreference = request.Format.IsPreference();
        return
            run.Status == TrajectoryStatus.Active ? "still under way"
            : run.Status == TrajectoryStatus.Cancelled ? "cancelled"
            : IsFresh(run) ? "ended a moment ago and may continue (Tasks:EndOfTurnGrace)"
            : request.ModelProvider is { } provider && !string.Equals(provider, run.Provider, StringComparison.OrdinalIgnoreCase) ? ""
            : request.Since is { } since && run.CompletedAt < since ? ""
            // Turns of a model that is not recorded are missing, and whose a turn is cannot be told in a line.
            : run.Provider == RespondingModels.Mixed ? "models of several providers responded"
            : _allowed.Count > 0 && !_allowed.Contains(run.Provider, StringComparer.OrdinalIgnoreCase) ? $"provider {run.Provider} is not in Export:AllowProviders"
            : request.Exclude.Contains(run.Id) ? Excluded
            : !(isPreference ? MayBeWorse(run) : run.HasUsableContent) ? "content not kept"
            : isPreference ? run.Success is null ? "outcome unknown" : null
            : request.Outcomes.Count > 0 && run.OutcomeSource is { } source && source != OutcomeSource.Inferred && !request.Outcomes.Contains(source) ? "outcome of another source (--outcome)"
            : request.SuccessOnly && run.Success is null && !(request.IncludeInferred && run.QualityScore is not null) ? "success is inferred or unknown (--include-inferred)"
            : request.SuccessOnly && run.Success == false ? "did not succeed"
            : run.QualityScore < request.MinQuality ? FormattableString.Invariant($"scores below {request.MinQuality:0.##}")
            : null;
    }

    /// <summary>Until a failure's content is erased (<c>Recording:Grace</c>) a pair may show what the better run avoids.</summary>
    private static bool MayBeWorse(Trajectory run) => run is { HasContent: true, WhyNoContent: null or NotRecordedReason.Failed };

    private bool CanBeBetter(Trajectory run) => run.HasUsableContent && run.Success == true && run.QualityScore >= request.MinQuality;

    private bool IsFresh(Trajectory run) => run.IsProvisional && run.LastActivityAt > _graceOver;

    private async IAsyncEnumerable<Trajectory> PagesAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = new TrajectoryQuery(request.Tenant) { Limit = PageSize };
        do
        {
            var page = await store.ListAsync(query, cancellationToken);
            foreach (var run in page.Items)
            {
                yield return run;
            }

            query = query with { Cursor = page.NextCursor };
        }
        while (query.Cursor is not null);
    }
}
