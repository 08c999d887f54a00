using System.Globalization;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <content>Redacting what is stored: run by run, then the other tables.</content>
public abstract partial class SqlTrajectoryStore : IRescanStore
{
    private const int RescanPage = 50;

    // A run that is recorded at the same time changes between reading and writing; after these attempts it is read with the lock held.
    private const int RescanAttempts = 3;

    private const string RunsPlace = "runs";
    private const string PinsPlace = "pins";
    private const string TasksPlace = "tasks";
    private const string AuditPlace = "audit";

    /// <inheritdoc />
    async Task<RescanPart> IRescanStore.RescanAsync(string tenant, string? cursor, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken)
    {
        var (place, after) = PlaceOf(cursor);
        var renamed = new List<string>();
        var next = place switch
        {
            RunsPlace => await RescanRunsAsync(tenant, after, cleaner, dryRun, renamed, cancellationToken) ?? PinsPlace + ":",
            PinsPlace => await RescanPinsAsync(tenant, after, cleaner, dryRun, cancellationToken) ?? TasksPlace + ":",
            TasksPlace => await RescanOpenTasksAsync(tenant, after, cleaner, dryRun, cancellationToken) ?? AuditPlace + ":",
            _ => await RescanAuditAsync(tenant, after, cleaner, dryRun, cancellationToken),
        };
        return new RescanPart(next, renamed);
    }

    private static (string Place, string After) PlaceOf(string? cursor)
    {
        if (cursor is null)
        {
            return (RunsPlace, "0");
        }

        var end = cursor.IndexOf(':', StringComparison.Ordinal);
        var (place, after) = end < 0 ? ("", "") : (cursor[..end], cursor[(end + 1)..]);
        return place is PinsPlace or TasksPlace or AuditPlace || (place == RunsPlace && long.TryParse(after, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            ? (place, after)
            : throw new ArgumentException($"'{cursor}' is no cursor of a rescan.", nameof(cursor));
    }

    private async Task<string?> RescanRunsAsync(string tenant, string after, StoredTextCleaner cleaner, bool dryRun, List<string> renamed, CancellationToken cancellationToken)
    {
        var rows = await ReadAsync(
            "read runs to redact",
            s => s.QueryAsync(
                new SqlStatement("SELECT row_id FROM task_trajectory WHERE row_id > @after AND " + s.IsTenant("tenant") + " ORDER BY row_id LIMIT @limit")
                    .With("after", long.Parse(after, CultureInfo.InvariantCulture)).With("tenant", tenant).With("limit", RescanPage),
                r => r.GetInt64(0),
                cancellationToken),
            cancellationToken);
        foreach (var row in rows)
        {
            if (await RescanRunAsync(row, cleaner, dryRun, cancellationToken) is { } cleaned)
            {
                cleaner.Counts.Add(cleaned.Counts);
                if (!string.Equals(cleaned.Before.TaskId, cleaned.Change.Trajectory.TaskId, StringComparison.Ordinal) && !dryRun)
                {
                    renamed.Add(cleaned.Before.TaskId);
                }
            }
        }

        return rows.Count < RescanPage ? null : string.Create(CultureInfo.InvariantCulture, $"{RunsPlace}:{rows[^1]}");
    }

    /// <summary>Redacts a run; null where it is gone.</summary>
    private async Task<CleanedRun?> RescanRunAsync(long row, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken)
    {
        for (var attempt = 1; attempt <= RescanAttempts; attempt++)
        {
            // Searching and compressing are nearly all of the work: done before the writer's turn comes.
            var cleaned = await ReadAsync("read a run to redact", s => CleanRunAsync(s, row, cleaner, cancellationToken), cancellationToken);
            if (cleaned is not { IsChanged: true } || dryRun)
            {
                return cleaned;
            }

            var save = new TrajectorySave([cleaned.Change], Time.GetUtcNow());
            var encoded = save.Encode(await ReadAsync("look up content", s => save.FindStoredAsync(s, cancellationToken), cancellationToken));
            try
            {
                return await RemoveAsync("redact a run", s => SaveCleanedAsync(s, cleaned, cleaner, encoded, cancellationToken), cancellationToken);
            }
            catch (StoreException error) when (error.IsConflict && attempt < RescanAttempts)
            {
                // It was changed in between, and is read again.
            }
            catch (StoreException error) when (error.IsConflict)
            {
                break;
            }
        }

        return await RemoveAsync(
            "redact a run",
            async s =>
            {
                // The lock first: from here on the run is as it is read.
                await s.ExecuteAsync(new SqlStatement("UPDATE task_trajectory SET has_content = has_content WHERE row_id = @row").With("row", row), cancellationToken);
                return await CleanRunAsync(s, row, cleaner, cancellationToken) is { IsChanged: true } cleaned
                    ? await SaveCleanedAsync(s, cleaned, cleaner, new Dictionary<string, StoredContent>(StringComparer.Ordinal), cancellationToken)
                    : null;
            },
            cancellationToken);
    }

    private static async Task<CleanedRun?> CleanRunAsync(SqlSession session, long row, StoredTextCleaner cleaner, CancellationToken cancellationToken)
    {
        var run = await session.QueryFirstAsync(
            new SqlStatement(SelectRuns + "t.row_id = @row").With("row", row), r => TrajectoryRows.Read(session, r), cancellationToken);
        return run is null ? null : await RunCleaning.CleanAsync(session, cleaner, new TrajectoryRow(row, run), cancellationToken);
    }

    private static async Task<CleanedRun> SaveCleanedAsync(
        SqlSession session, CleanedRun cleaned, StoredTextCleaner cleaner, IReadOnlyDictionary<string, StoredContent> encoded, CancellationToken cancellationToken)
    {
        var run = cleaned.Change.Trajectory;
        if (!string.Equals(run.TaskId, cleaned.Before.TaskId, StringComparison.Ordinal))
        {
            run = run with { TaskId = await FreeTaskIdAsync(session, run, cancellationToken) };
        }

        var change = cleaned.Change with { Trajectory = run };
        await new TrajectorySave([change], DateTimeOffset.UnixEpoch).RunAsync(session, encoded, cancellationToken);
        if (cleaned.HasType)
        {
            await session.ExecuteAsync(new SqlStatement("UPDATE task_trajectory SET task_type = @type WHERE row_id = @row").With("type", run.TaskType).With("row", cleaned.Row), cancellationToken);
        }

        await new RunTexts(session, cleaner, cleaned.Row, cancellationToken).CleanAsync(new RescanCounts(), dryRun: false);
        // Whatever of its words changed: description, names of tools, texts of vectors.
        await TrajectorySave.SaveVectorsAsync(session, [], [cleaned.Row], cancellationToken);
        if (cleaned.Replaced.Count > 0)
        {
            var replaced = await session.QueryAsync(
                new SqlStatement($"SELECT id FROM content WHERE hash {session.AnyBytes("hashes")}").With("hashes", cleaned.Replaced.Select(StepRows.Bytes).ToList()),
                r => r.GetInt64(0),
                cancellationToken);
            await session.ExecuteAsync(
                new SqlStatement($"DELETE FROM trajectory_content WHERE trajectory_row = @row AND content_id {session.Any("ids")}").With("row", cleaned.Row).With("ids", replaced), cancellationToken);
            await TrajectoryRemoval.DeleteUnusedAsync(session, replaced, cancellationToken);
        }

        return cleaned with { Change = change };
    }

    /// <summary>The redacted id, with the run's own added where a later run has the redacted one already.</summary>
    private static async Task<string> FreeTaskIdAsync(SqlSession session, Trajectory run, CancellationToken cancellationToken)
    {
        var isTaken = await session.QueryFirstAsync(
            new SqlStatement("SELECT count(*) FROM task_trajectory WHERE tenant = @tenant AND task_id = @task AND id <> @id").With("tenant", run.Tenant).With("task", run.TaskId).With("id", run.Id),
            r => r.GetInt64(0) > 0,
            cancellationToken);
        return isTaken ? $"{run.TaskId}-{run.Id}" : run.TaskId;
    }

    private async Task<string?> RescanPinsAsync(string tenant, string after, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken)
    {
        static SqlStatement Select(string condition, string tenant) =>
            new SqlStatement("SELECT task_id, values_json FROM prompt_pin WHERE tenant = @tenant AND " + condition).With("tenant", tenant);

        Task<List<(string Task, string Values)>> PinsAsync(SqlSession s, SqlStatement statement) => s.QueryAsync(statement, r => (Task: r.GetString(0), Values: r.GetString(1)), cancellationToken);

        var page = await ReadAsync(
            "read pins to redact",
            s => PinsAsync(s, Select("task_id > @after ORDER BY task_id LIMIT @limit", tenant).With("after", after).With("limit", RescanPage)),
            cancellationToken);
        var counts = new RescanCounts();
        var changed = Changed(page, counts).ConvertAll(c => c.Old.Task);
        if (changed.Count > 0 && !dryRun)
        {
            counts = await RemoveAsync(
                "redact pins",
                async s =>
                {
                    // As they are now: a purge may have taken examples out of them.
                    var committed = new RescanCounts();
                    var current = await PinsAsync(s, Select($"task_id {s.Any("tasks")} ORDER BY task_id", tenant).With("tasks", changed));
                    await s.ExecuteAsync(Changed(current, committed).SelectMany(c => Replace(tenant, c.Old.Task, c.New)).ToList(), cancellationToken);
                    return committed;
                },
                cancellationToken);
        }

        cleaner.Counts.Add(counts);
        return page.Count < RescanPage ? null : $"{PinsPlace}:{page[^1].Task}";

        List<((string Task, string Values) Old, (string Task, string Values) New)> Changed(List<(string Task, string Values)> pins, RescanCounts found)
        {
            var all = pins.ConvertAll(pin => (Old: pin, New: (Task: cleaner.Text(pin.Task, found), Values: cleaner.Json(pin.Values, found)))).FindAll(c => c.Old != c.New);
            found.Row("prompt_pin", all.Count);
            return all;
        }
    }

    /// <summary>Puts a pin in the place of another. One that has the redacted id already was pinned later, and stays.</summary>
    private static IEnumerable<SqlStatement> Replace(string tenant, string task, (string Task, string Values) pin) =>
    [
        new SqlStatement(
            """
            UPDATE prompt_pin SET task_id = @new, values_json = @values WHERE tenant = @tenant AND task_id = @task
            AND (@new = @task OR NOT EXISTS (SELECT 1 FROM prompt_pin o WHERE o.tenant = @tenant AND o.task_id = @new))
            """).With("new", pin.Task).With("values", pin.Values).With("tenant", tenant).With("task", task),
        new SqlStatement("DELETE FROM prompt_pin WHERE tenant = @tenant AND task_id = @task AND @new <> @task").With("tenant", tenant).With("task", task).With("new", pin.Task),
    ];

    private async Task<string?> RescanAuditAsync(string tenant, string after, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken)
    {
        var page = await ReadAsync(
            "read audit entries to redact",
            s => s.QueryAsync(
                new SqlStatement("SELECT id, subject FROM audit WHERE tenant = @tenant AND id > @after ORDER BY id LIMIT @limit").With("tenant", tenant).With("after", after).With("limit", RescanPage),
                r => (Id: r.GetString(0), Subject: r.GetString(1)),
                cancellationToken),
            cancellationToken);
        var counts = new RescanCounts();
        var changed = page.ConvertAll(entry => (entry.Id, Old: entry.Subject, New: cleaner.Text(entry.Subject, counts))).FindAll(c => !string.Equals(c.Old, c.New, StringComparison.Ordinal));
        counts.Row("audit", changed.Count);
        if (changed.Count > 0 && !dryRun)
        {
            await ChangeAsync(
                "redact audit entries",
                s => s.ExecuteAsync(changed.ConvertAll(c => new SqlStatement("UPDATE audit SET subject = @subject WHERE id = @id").With("subject", c.New).With("id", c.Id)), cancellationToken),
                cancellationToken);
        }

        cleaner.Counts.Add(counts);
        return page.Count < RescanPage ? null : $"{AuditPlace}:{page[^1].Id}";
    }

    /// <summary>Redacts what was announced to other processes about open tasks.</summary>
    private protected virtual Task<string?> RescanOpenTasksAsync(string tenant, string after, StoredTextCleaner cleaner, bool dryRun, CancellationToken cancellationToken) => Task.FromResult<string?>(null);

    private protected static string TasksCursor(string after) => $"{TasksPlace}:{after}";
}
