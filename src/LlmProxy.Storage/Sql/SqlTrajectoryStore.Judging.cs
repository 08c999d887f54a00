using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core;
using LlmProxy.Core.Assistants;
using LlmProxy.Core.Judging;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <content>Judgements, and who judges which trajectory.</content>
public abstract partial class SqlTrajectoryStore
{
    private const string JudgementColumns =
        "j.judgement_key, t.id, j.kind, j.model, j.rubric_version, j.content_hash, j.success, j.score, j.answers, j.peers, j.quotes, j.critique, j.input_tokens, j.output_tokens, j.at";

    /// <inheritdoc />
    /// <remarks>Of two processes whose choice overlaps, the second finds the first one's claim when it writes its own.</remarks>
    Task<IReadOnlyList<Trajectory>> IJudgementStore.ClaimJudgingAsync(
        string owner, DateTimeOffset endedSince, IReadOnlyCollection<string> providers, TimeSpan lease, int limit, CancellationToken cancellationToken) =>
        WriteAsync<IReadOnlyList<Trajectory>>(
            "claim trajectories to judge",
            removes: false,
            async s =>
            {
                var now = Time.GetUtcNow();
                var due = new SqlStatement(
                    """
                    INSERT INTO judging (trajectory_row, owner, claimed_until)
                    SELECT due.row_id, @owner, @until FROM (
                        SELECT t.row_id FROM task_trajectory t
                        WHERE t.has_content AND NOT t.is_provisional AND t.completed_at IS NOT NULL AND t.completed_at >= @since AND t.status <> 'cancelled'
                        AND NOT EXISTS (SELECT 1 FROM judging j WHERE j.trajectory_row = t.row_id AND (j.claimed_until > @now OR j.judged_steps = t.iteration_count))
                    """).With("owner", owner).With("until", now + lease).With("since", endedSince).With("now", now).With("limit", limit);
                if (providers.Count > 0)
                {
                    due.Append(" AND t.provider " + s.Any("providers")).With("providers", providers);
                }

                var rows = await s.QueryAsync(
                    due.Append(
                        $"""
                         ORDER BY t.completed_at DESC, t.row_id LIMIT @limit{s.SkipLocked}) due WHERE TRUE
                        ON CONFLICT (trajectory_row) DO UPDATE SET owner = excluded.owner, claimed_until = excluded.claimed_until WHERE judging.claimed_until <= @now
                        RETURNING trajectory_row
                        """),
                    r => r.GetInt64(0),
                    cancellationToken);
                return rows.Count == 0
                    ? []
                    : await s.QueryAsync(new SqlStatement($"{SelectRuns}t.row_id {s.Any("rows")} ORDER BY t.completed_at DESC, t.row_id").With("rows", rows), r => TrajectoryRows.Read(s, r), cancellationToken);
            },
            cancellationToken);

    /// <inheritdoc />
    Task IJudgementStore.EndJudgingAsync(string owner, Trajectory trajectory, bool isDone, CancellationToken cancellationToken) =>
        ChangeAsync(
            "end a judging",
            s => s.ExecuteAsync(
                new SqlStatement(
                    $"""
                    UPDATE judging SET claimed_until = @now{(isDone ? ", judged_steps = @steps" : "")}
                    WHERE owner = @owner AND trajectory_row IN (SELECT row_id FROM task_trajectory WHERE id = @id AND tenant = @tenant)
                    """)
                    .With("now", Time.GetUtcNow()).With("steps", trajectory.IterationCount).With("owner", owner).With("id", trajectory.Id).With("tenant", trajectory.Tenant),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    Task<int> IJudgementStore.SaveJudgementsAsync(string tenant, IReadOnlyList<StoredJudgement> judgements, CancellationToken cancellationToken) =>
        WriteAsync(
            "save judgements",
            removes: false,
            async s =>
            {
                var saved = 0;
                foreach (var judgement in judgements.OrderBy(j => j.Key, StringComparer.Ordinal))
                {
                    if (await RowsOfAsync(s, tenant, judgement.TrajectoryId, cancellationToken) is [var row] && await s.ReturnsRowAsync(Insert(judgement, row), cancellationToken))
                    {
                        saved++;
                    }
                }

                return saved;
            },
            cancellationToken);

    /// <inheritdoc />
    Task<StoredJudgement?> IJudgementStore.FindJudgementAsync(string tenant, string key, CancellationToken cancellationToken) =>
        ReadAsync(
            "look up a judgement",
            s => s.QueryFirstAsync(
                new SqlStatement($"SELECT {JudgementColumns} FROM judgement j JOIN task_trajectory t ON t.row_id = j.trajectory_row WHERE j.judgement_key = @key AND t.tenant = @tenant")
                    .With("key", key).With("tenant", tenant),
                r => (StoredJudgement?)ReadJudgement(s, r),
                cancellationToken),
            cancellationToken);

    /// <inheritdoc />
    Task<IReadOnlyList<StoredJudgement>> IJudgementStore.ListJudgementsAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken) =>
        QueryAsync(
            "list judgements",
            s => new SqlStatement(
                $"SELECT {JudgementColumns} FROM judgement j JOIN task_trajectory t ON t.row_id = j.trajectory_row WHERE t.id {s.Any("ids")} AND {s.IsTenant("t.tenant")} ORDER BY j.at, j.judgement_key")
                .With("ids", trajectoryIds).With("tenant", tenant),
            ReadJudgement,
            cancellationToken);

    /// <inheritdoc />
    async Task<IReadOnlyList<StatedVerdict>> IJudgementStore.ListStatedVerdictsAsync(string tenant, string model, int rubricVersion, CancellationToken cancellationToken)
    {
        var rows = await QueryAsync(
            "list verdicts on stated outcomes",
            _ => new SqlStatement(
                """
                SELECT t.id, j.success, t.success, t.task_description FROM judgement j JOIN task_trajectory t ON t.row_id = j.trajectory_row
                WHERE t.tenant = @tenant AND t.outcome_source IN ('human', 'ci', 'api') AND t.success IS NOT NULL
                    AND j.kind = 'rubric' AND j.model = @model AND j.rubric_version = @version ORDER BY j.at DESC, j.judgement_key
                """).With("tenant", tenant).With("model", model).With("version", rubricVersion),
            (_, r) => (Id: r.GetString(0), Verdict: new StatedVerdict(r.IsDBNull(1) ? null : r.GetBoolean(1), r.GetBoolean(2), r.GetString(3))),
            cancellationToken);
        return [.. rows.DistinctBy(r => r.Id, StringComparer.Ordinal).Select(r => r.Verdict)];
    }

    private static SqlStatement Insert(StoredJudgement judgement, long row) =>
        new SqlStatement(
            """
            INSERT INTO judgement (judgement_key, trajectory_row, kind, model, rubric_version, content_hash, success, score, answers, peers, quotes, critique, input_tokens, output_tokens, at)
            VALUES (@key, @row, @kind, @model, @version, @hash, @success, @score, @answers, @peers, @quotes, @critique, @input, @output, @at)
            ON CONFLICT DO NOTHING RETURNING trajectory_row
            """)
            .With("key", judgement.Key).With("row", row).With("kind", EnumWords.Snake(judgement.Kind)).With("model", judgement.Model).With("version", judgement.RubricVersion)
            .With("hash", judgement.ContentHash).With("success", judgement.Success).With("score", judgement.Score)
            .With("answers", JsonSerializer.Serialize(judgement.Answers, JudgementJson.Default.IReadOnlyListStoredAnswer))
            .With("peers", JsonSerializer.Serialize(judgement.Peers, JudgementJson.Default.IReadOnlyListComparedPeer))
            .With("quotes", JsonSerializer.Serialize(judgement.Quotes, JudgementJson.Default.IReadOnlyDictionaryStringString))
            .With("critique", judgement.Critique).With("input", judgement.InputTokens).With("output", judgement.OutputTokens).With("at", judgement.At);

    private static StoredJudgement ReadJudgement(SqlSession session, DbDataReader r) => new()
    {
        Key = r.GetString(0),
        TrajectoryId = r.GetString(1),
        Kind = StoredWord.Parse<AssistanceKind>(r.GetString(2)),
        Model = r.GetString(3),
        RubricVersion = r.GetInt32(4),
        ContentHash = r.GetString(5),
        Success = r.IsDBNull(6) ? null : r.GetBoolean(6),
        Score = r.Real(7),
        Answers = JsonSerializer.Deserialize(r.GetString(8), JudgementJson.Default.IReadOnlyListStoredAnswer) ?? [],
        Peers = JsonSerializer.Deserialize(r.GetString(9), JudgementJson.Default.IReadOnlyListComparedPeer) ?? [],
        Quotes = r.Text(10) is { } quotes ? JsonSerializer.Deserialize(quotes, JudgementJson.Default.IReadOnlyDictionaryStringString)! : new Dictionary<string, string>(StringComparer.Ordinal),
        Critique = r.Text(11),
        InputTokens = Long(r, 12),
        OutputTokens = Long(r, 13),
        At = session.ReadTime(r, 14),
    };
}
