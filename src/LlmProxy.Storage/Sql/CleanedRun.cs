using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>A run without secrets, as it is to be saved in place of the stored one.</summary>
/// <param name="Row">Its row's number.</param>
/// <param name="Before">The run as stored.</param>
/// <param name="Change">The run, the steps that change, and their new content.</param>
/// <param name="Replaced">Content that no step of it refers to after the change.</param>
/// <param name="HasTexts">Whether a vector's text or its example changes, too.</param>
/// <param name="Counts">What was found.</param>
internal sealed record CleanedRun(long Row, Trajectory Before, TrajectoryChange Change, IReadOnlyList<ContentHash> Replaced, bool HasTexts, RescanCounts Counts)
{
    /// <summary>Whether there is something to save.</summary>
    public bool IsChanged => HasTexts || Change.Steps.Count > 0 || Replaced.Count > 0 || HasType || !TrajectoryRows.AreEqual(Before, Change.Trajectory);

    /// <summary>Whether the type of the task changes, which a save of the run leaves as it is.</summary>
    public bool HasType => !string.Equals(Before.TaskType, Change.Trajectory.TaskType, StringComparison.Ordinal);
}

/// <summary>Reads a run and redacts it, content in groups, so that a long one is not in memory as a whole.</summary>
internal sealed class RunCleaning(SqlSession session, StoredTextCleaner cleaner, TrajectoryRow stored, CancellationToken cancellationToken)
{
    private const int MostInGroup = 200;
    private const long MostBytesInGroup = 8L << 20;

    private readonly RescanCounts _counts = new();
    private readonly Dictionary<ContentHash, Content> _texts = [];
    private readonly Dictionary<ContentHash, Content> _json = [];
    private readonly HashSet<ContentHash> _unused = [];

    public static Task<CleanedRun> CleanAsync(SqlSession session, StoredTextCleaner cleaner, TrajectoryRow stored, CancellationToken cancellationToken) =>
        new RunCleaning(session, cleaner, stored, cancellationToken).CleanAsync();

    private async Task<CleanedRun> CleanAsync()
    {
        var run = Clean(stored.Run);
        if (!TrajectoryRows.AreEqual(run, stored.Run) || !string.Equals(run.TaskType, stored.Run.TaskType, StringComparison.Ordinal))
        {
            _counts.Row("task_trajectory");
        }

        var steps = await session.QueryAsync(
            new SqlStatement($"SELECT {StepRows.Columns} FROM trajectory_step s WHERE s.trajectory_row = @row ORDER BY s.idx").With("row", stored.Row),
            r => StepRows.Read(session, r, stored.Run.Id),
            cancellationToken);
        await CleanContentAsync(steps);
        var cleaned = steps.ConvertAll(Clean);
        var changed = cleaned.Where((step, i) => !StepRows.AreEqual(step, steps[i])).ToList();
        _counts.Row("trajectory_step", changed.Count);

        var used = cleaned.SelectMany(StepRows.References).ToHashSet();
        var texts = await new RunTexts(session, cleaner, stored.Row, cancellationToken).CleanAsync(_counts, dryRun: true);
        return new CleanedRun(
            stored.Row,
            stored.Run,
            new TrajectoryChange { Trajectory = run, Steps = changed, Contents = [.. _texts.Values.Concat(_json.Values).DistinctBy(c => c.Hash)] },
            [.. _texts.Keys.Concat(_json.Keys).Concat(_unused).Distinct().Where(hash => !used.Contains(hash))],
            texts,
            _counts);
    }

    // Names of keys, arms, presets and template sets come from the settings, and rules refer to them.
    private Trajectory Clean(Trajectory run) => run with
    {
        TaskId = cleaner.Text(run.TaskId, _counts),
        ConversationId = cleaner.Text(run.ConversationId, _counts),
        ParentId = cleaner.OptionalText(run.ParentId, _counts),
        SessionId = cleaner.OptionalText(run.SessionId, _counts),
        Provider = cleaner.Text(run.Provider, _counts),
        Model = cleaner.Text(run.Model, _counts),
        Client = cleaner.Text(run.Client, _counts),
        TaskDescription = cleaner.Text(run.TaskDescription, _counts),
        Project = cleaner.OptionalText(run.Project, _counts),
        TaskType = cleaner.OptionalText(run.TaskType, _counts),
        ToolsUsed = cleaner.Texts(run.ToolsUsed, _counts),
        ImportBatch = cleaner.OptionalText(run.ImportBatch, _counts),
        Comment = cleaner.OptionalText(run.Comment, _counts),
        StatedBy = cleaner.OptionalText(run.StatedBy, _counts),
        Evidence = Clean(run.Evidence),
    };

    private IReadOnlyList<OutcomeEvidence> Clean(IReadOnlyList<OutcomeEvidence> evidence)
    {
        var cleaned = evidence.Select(e => e with { Text = cleaner.Text(e.Text, _counts) }).ToList();
        return cleaned.SequenceEqual(evidence) ? evidence : cleaned;
    }

    private TrajectoryStep Clean(TrajectoryStep step) => step with
    {
        Model = cleaner.Text(step.Model, _counts),
        StopReason = cleaner.OptionalText(step.StopReason, _counts),
        ResponseId = cleaner.OptionalText(step.ResponseId, _counts),
        SystemPrompt = New(_texts, step.SystemPrompt),
        SentSystemPrompt = New(_texts, step.SentSystemPrompt),
        Tools = New(_json, step.Tools),
        Reply = New(_json, step.Reply),
        Messages = [.. step.Messages.Select(m => new StepMessage(New(_json, m.Content)!.Value, cleaner.Text(m.Role, _counts), m.IsForeign))],
    };

    private static ContentHash? New(Dictionary<ContentHash, Content> cleaned, ContentHash? hash) =>
        hash is { } old && cleaned.TryGetValue(old, out var content) ? content.Hash : hash;

    private async Task CleanContentAsync(List<TrajectoryStep> steps)
    {
        ContentHash?[] Prompts(TrajectoryStep step) => [step.SystemPrompt, step.SentSystemPrompt];
        ContentHash?[] Values(TrajectoryStep step) => [step.Tools, step.Reply, .. step.Messages.Select(m => (ContentHash?)m.Content)];
        var texts = steps.SelectMany(Prompts).OfType<ContentHash>().ToHashSet();
        var json = steps.SelectMany(Values).OfType<ContentHash>().ToHashSet();
        var linked = await session.QueryAsync(
            new SqlStatement("SELECT c.hash, c.original_length FROM trajectory_content u JOIN content c ON c.id = u.content_id WHERE u.trajectory_row = @row ORDER BY c.id").With("row", stored.Row),
            r => (Hash: StepRows.HashOf(r.GetFieldValue<byte[]>(0)), Length: r.GetInt32(1)),
            cancellationToken);
        var wanted = linked.Where(c => !(
            (!texts.Contains(c.Hash) || cleaner.IsKnownClean(c.Hash, isText: true))
            && ((texts.Contains(c.Hash) && !json.Contains(c.Hash)) || cleaner.IsKnownClean(c.Hash, isText: false)))).ToList();
        for (var from = 0; from < wanted.Count;)
        {
            var (count, bytes) = (0, 0L);
            while (from + count < wanted.Count && count < MostInGroup && (count == 0 || bytes + wanted[from + count].Length <= MostBytesInGroup))
            {
                bytes += wanted[from + count++].Length;
            }

            await CleanGroupAsync(wanted.GetRange(from, count).ConvertAll(c => c.Hash), texts, json);
            from += count;
        }
    }

    private async Task CleanGroupAsync(List<ContentHash> hashes, HashSet<ContentHash> texts, HashSet<ContentHash> json)
    {
        var found = new Dictionary<ContentHash, ReadOnlyMemory<byte>>();
        await ContentRows.ReadAsync(
            session,
            new SqlStatement($"SELECT {ContentRows.Columns} FROM content c WHERE c.hash " + session.AnyBytes("hashes")).With("hashes", hashes.ConvertAll(StepRows.Bytes)),
            found,
            skipsDamaged: true,
            cancellationToken);
        _counts.Unreadable += hashes.Count - found.Count;
        foreach (var (hash, bytes) in found)
        {
            var content = new Content(hash, bytes);
            if (texts.Contains(hash) && cleaner.Content(content, isText: true, _counts) is { } text)
            {
                _texts[hash] = text;
            }

            if (json.Contains(hash) && cleaner.Content(content, isText: false, _counts) is { } value)
            {
                _json[hash] = value;
            }

            // Of a step that was replaced: no one reads it, so it is not replaced but goes.
            if (!texts.Contains(hash) && !json.Contains(hash) && cleaner.Content(content, isText: false, _counts) is not null)
            {
                _unused.Add(hash);
            }
        }
    }
}
