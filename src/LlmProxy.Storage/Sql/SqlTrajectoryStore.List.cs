using LlmProxy.Core;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <content>Listing runs, by their rows and by the texts that they hold.</content>
public abstract partial class SqlTrajectoryStore
{
    /// <inheritdoc />
    /// <remarks>Steps from one tenant to the next in the index, however many runs each has.</remarks>
    public Task<IReadOnlyList<string>> ListTenantsAsync(CancellationToken cancellationToken) =>
        QueryAsync(
            "list tenants",
            _ => new SqlStatement(
                """
                WITH RECURSIVE known (tenant) AS (
                    SELECT min(tenant) FROM task_trajectory
                    UNION ALL SELECT (SELECT min(t.tenant) FROM task_trajectory t WHERE t.tenant > known.tenant) FROM known WHERE known.tenant IS NOT NULL)
                SELECT tenant FROM known WHERE tenant IS NOT NULL
                """),
            (_, r) => r.GetString(0),
            cancellationToken);

    // Runs whose texts are read for one page, and bytes of them. A search that needs more continues with the next page.
    private const int MaxSearchedRuns = 2_000;
    private const long MaxSearchedBytes = 256L << 20;
    private const int RunsAtOnce = 50;

    /// <inheritdoc />
    public Task<TrajectoryPage> ListAsync(TrajectoryQuery query, CancellationToken cancellationToken)
    {
        var limit = Math.Clamp(query.Limit, 1, 500);
        ListCursor? cursor = string.IsNullOrEmpty(query.Cursor) ? null : ListCursor.Parse(query.Cursor);
        return string.IsNullOrEmpty(query.Contains)
            ? ReadAsync(
                "list runs",
                async s =>
                {
                    var runs = await ReadPageAsync(s, query, cursor, limit + 1, cancellationToken, isMinted: IsMinted(query.IdPrefix));
                    if (runs.Count == 0 && IsMinted(query.IdPrefix))
                    {
                        // A client's own ids may lie outside the range: "deadbeef" begins "deadbeef-zoo" too.
                        runs = await ReadPageAsync(s, query, cursor, limit + 1, cancellationToken);
                    }

                    return runs.Count <= limit
                        ? new TrajectoryPage([.. runs.Select(r => r.Run)], null)
                        : new TrajectoryPage([.. runs.Take(limit).Select(r => r.Run)], CursorOf(runs[limit - 1].Run));
                },
                cancellationToken)
            : SearchTextsAsync(query, query.Contains, cursor, limit, cancellationToken);
    }

    private async Task<TrajectoryPage> SearchTextsAsync(TrajectoryQuery query, string text, ListCursor? cursor, int limit, CancellationToken cancellationToken)
    {
        var search = new TextSearch(text);
        var found = new List<Trajectory>();
        var searched = 0;
        while (true)
        {
            // A session for each portion, so that a long search holds none.
            var (runs, matching) = await ReadAsync(
                "search texts",
                async s =>
                {
                    var portion = await ReadPageAsync(s, query, cursor, RunsAtOnce, cancellationToken);
                    return (portion, await search.FindAsync(s, portion, cancellationToken));
                },
                cancellationToken);
            foreach (var run in runs)
            {
                searched++;
                if (matching.Contains(run.Row))
                {
                    found.Add(run.Run);
                }

                cursor = new ListCursor(run.Run.StartedAt, run.Run.Id);
                if (found.Count == limit)
                {
                    return new TrajectoryPage(found, CursorOf(run.Run));
                }
            }

            if (runs.Count < RunsAtOnce)
            {
                return new TrajectoryPage(found, null);
            }

            if (searched >= MaxSearchedRuns || search.Bytes >= MaxSearchedBytes)
            {
                return new TrajectoryPage(found, CursorOf(runs[^1].Run), IsIncomplete: true);
            }
        }
    }

    private static string CursorOf(Trajectory run) => new ListCursor(run.StartedAt, run.Id).ToString();

    // Ids of the proxy begin with their time, of which 8 digits are a minute. A client's own id hardly begins with one.
    private static bool IsMinted(string? prefix) => prefix?.Length >= 8 && prefix.All(char.IsAsciiHexDigitLower);

    /// <param name="session">The connection.</param>
    /// <param name="query">Which runs.</param>
    /// <param name="cursor">Where to continue.</param>
    /// <param name="limit">The largest number of runs.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="isMinted">
    /// Whether to look only among ids of hexadecimal digits. They sort alike in every collation (digits before letters), so an
    /// index finds their range; for other ids each row of the tenant is compared.
    /// </param>
    private static Task<List<TrajectoryRow>> ReadPageAsync(SqlSession session, TrajectoryQuery query, ListCursor? cursor, int limit, CancellationToken cancellationToken, bool isMinted = false)
    {
        var words = SearchText.Words(query.Search ?? "").Distinct(StringComparer.Ordinal).Take(SearchText.MaxQueryWords).ToList();
        var statement = new SqlStatement($"SELECT {TrajectoryRows.Columns}, t.row_id FROM task_trajectory t WHERE t.tenant = @tenant").With("tenant", query.Tenant)
            .AppendIf(query.Provider, " AND t.provider = @provider", "provider")
            .AppendIf(query.Model, " AND t.model = @model", "model")
            .AppendIf(query.Status is { } status ? EnumWords.Snake(status) : null, " AND t.status = @status", "status")
            .AppendIf(query.Success, " AND t.success = @success", "success")
            .AppendIf(query.MinQuality, " AND t.quality_score >= @quality", "quality")
            .AppendIf(query.Since, " AND t.started_at >= @since", "since")
            .AppendIf(query.Key, $" AND EXISTS (SELECT 1 FROM {session.ElementsOf("t.key_names")} WHERE value = @key)", "key");
        if (isMinted)
        {
            statement.Append(
                """
                 AND t.row_id IN (SELECT row_id FROM task_trajectory WHERE tenant = @tenant AND task_id >= @prefix AND task_id <= @last
                    UNION ALL SELECT row_id FROM task_trajectory WHERE tenant = @tenant AND id >= @prefix AND id <= @last)
                """).With("last", query.IdPrefix + new string('f', 32));
        }

        if (!string.IsNullOrEmpty(query.IdPrefix))
        {
            statement.Append(" AND (substr(t.task_id, 1, @length) = @prefix OR substr(t.id, 1, @length) = @prefix)").With("prefix", query.IdPrefix).With("length", query.IdPrefix.EnumerateRunes().Count());
        }

        if (words.Count > 0)
        {
            statement.Append(" AND ").Append(session.WordsCondition).With("words", session.AllWords(words));
        }

        if (cursor is { } at)
        {
            statement.Append(" AND (t.started_at < @start OR (t.started_at = @start AND t.id < @id))").With("start", at.StartedAt).With("id", at.Id);
        }

        statement.Append(" ORDER BY t.started_at DESC, t.id DESC LIMIT @limit").With("limit", limit);
        return session.QueryAsync(statement, r => new TrajectoryRow(r.GetInt64(r.FieldCount - 1), TrajectoryRows.Read(session, r)), cancellationToken);
    }
}
