using LlmProxy.Core.Prompting;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;

namespace LlmProxy.Storage;

/// <summary>How far a copy has come.</summary>
/// <param name="Done">Runs that were looked at.</param>
/// <param name="Total">Runs that the source holds.</param>
public readonly record struct CopyProgress(long Done, long Total);

/// <summary>What a copy did.</summary>
/// <param name="Copied">Runs that were put into the target.</param>
/// <param name="Unchanged">Runs that the target has already, just as they are.</param>
/// <param name="NewerThere">Runs that have continued in the target since; they stay as they are there.</param>
/// <param name="TakenTasks">Runs left out because the target has another run of the same task.</param>
/// <param name="Pins">Prompt pins that the source holds; those that the target has stay.</param>
public sealed record CopyResult(long Copied, long Unchanged, long NewerThere, long TakenTasks, long Pins);

/// <summary>
/// Copies all that one store holds into another: runs with their steps, content, exchanges, keys, vectors and examples,
/// prompt pins, template sets, the audit, and the secret that correlation keys are made with. It may be stopped at any time and
/// called again: nothing is doubled, and what has changed since is brought up to date.
/// </summary>
public static class StoreCopy
{
    private const int RunsAtOnce = 100;
    private const int PinsAtOnce = 500;

    // About the most that a transaction holds; a single run can be larger.
    private const long BytesAtOnce = 8 << 20;

    /// <summary>Copies everything.</summary>
    /// <param name="from">The store to read; it stays as it is.</param>
    /// <param name="to">The store to fill; its schema is made where it is missing.</param>
    /// <param name="progress">Receives how far it is, or null.</param>
    /// <param name="cancellationToken">Stops it between two transactions.</param>
    /// <exception cref="StoreException">A store fails, or the target holds runs of another store.</exception>
    public static async Task<CopyResult> RunAsync(SqlTrajectoryStore from, SqlTrajectoryStore to, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        // 1. The schema, and the settings before the first run: they decide whether the keys of the runs mean anything there.
        await to.InitializeAsync(cancellationToken);
        await to.SaveSettingsAsync(await from.ReadSettingsAsync(cancellationToken), cancellationToken);

        // 2. What pins refer to.
        foreach (var hash in await from.ReadTemplateSetsAsync(cancellationToken))
        {
            if (await from.FindTemplateSetAsync(hash, cancellationToken) is { } files)
            {
                await to.SaveTemplateSetAsync(hash, files, cancellationToken);
            }
        }

        // 3. Runs, oldest first.
        var result = await CopyRunsAsync(from, to, progress, cancellationToken);

        // 4. Pins, those of tasks without a run among them.
        result = result with { Pins = await CopyPinsAsync(from, to, cancellationToken) };

        // 5. The audit.
        var last = "";
        while (await from.ReadAuditAsync(last, PinsAtOnce, cancellationToken) is { Count: > 0 } entries)
        {
            foreach (var entry in entries)
            {
                await to.AddAuditAsync(entry, cancellationToken);
            }

            last = entries[^1].Id;
        }

        return result;
    }

    private static async Task<CopyResult> CopyRunsAsync(SqlTrajectoryStore source, SqlTrajectoryStore target, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        var result = new CopyResult(0, 0, 0, 0, 0);
        var done = 0L;
        var total = await source.CountRunsAsync(cancellationToken);
        progress?.Report(new CopyProgress(done, total));
        var batch = new List<TrajectoryCopy>();
        var bytes = 0L;
        var after = 0L;
        while (await source.ReadRunsAsync(after, RunsAtOnce, cancellationToken) is { Count: > 0 } page)
        {
            var there = await FindThereAsync(target, page, cancellationToken);
            foreach (var run in page)
            {
                switch (Compare(run.Run, there))
                {
                    case Standing.Unchanged:
                        result = result with { Unchanged = result.Unchanged + 1 };
                        break;
                    case Standing.NewerThere:
                        result = result with { NewerThere = result.NewerThere + 1 };
                        break;
                    case Standing.TaskTaken:
                        result = result with { TakenTasks = result.TakenTasks + 1 };
                        break;
                    default:
                        var copy = await source.ReadRunAsync(run, cancellationToken);
                        batch.Add(copy);
                        bytes += copy.ContentBytes;
                        result = result with { Copied = result.Copied + 1 };
                        break;
                }

                done++;
                if (bytes >= BytesAtOnce)
                {
                    await SaveAsync(target, batch, cancellationToken);
                    bytes = 0;
                    progress?.Report(new CopyProgress(done, total));
                }
            }

            await SaveAsync(target, batch, cancellationToken);
            bytes = 0;
            after = page[^1].Row;
            progress?.Report(new CopyProgress(done, Math.Max(done, total)));
        }

        return result;
    }

    private static async Task SaveAsync(SqlTrajectoryStore target, List<TrajectoryCopy> batch, CancellationToken cancellationToken)
    {
        await target.SaveAsync(batch.Select(copy => copy.Change).ToList(), cancellationToken);
        await target.SaveExamplesAsync(batch.Where(copy => copy.Example is not null).Select(copy => (copy.Change.Trajectory, copy.Example!)).ToList(), cancellationToken);
        batch.Clear();
    }

    private static async Task<long> CopyPinsAsync(SqlTrajectoryStore source, SqlTrajectoryStore target, CancellationToken cancellationToken)
    {
        var count = 0L;
        PromptPin? last = null;
        while (await source.ReadPinsAsync(last, PinsAtOnce, cancellationToken) is { Count: > 0 } pins)
        {
            foreach (var pin in pins)
            {
                await target.PinAsync(pin, cancellationToken);
            }

            count += pins.Count;
            last = pins[^1];
        }

        return count;
    }

    private static async Task<List<Trajectory>> FindThereAsync(SqlTrajectoryStore target, IReadOnlyList<TrajectoryRow> page, CancellationToken cancellationToken)
    {
        var there = new List<Trajectory>();
        foreach (var tenant in page.GroupBy(run => run.Run.Tenant, StringComparer.Ordinal))
        {
            there.AddRange(await target.FindRunsAsync(tenant.Key, tenant.Select(run => run.Run).ToList(), cancellationToken));
        }

        return there;
    }

    private static Standing Compare(Trajectory run, List<Trajectory> there)
    {
        if (there.Find(other => string.Equals(other.Id, run.Id, StringComparison.Ordinal)) is { } same)
        {
            return TrajectoryRows.AreEqual(run, same) ? Standing.Unchanged
                : LastChange(same) > LastChange(run) ? Standing.NewerThere
                : Standing.ToCopy;
        }

        return there.Exists(other => string.Equals(other.Tenant, run.Tenant, StringComparison.Ordinal) && string.Equals(other.TaskId, run.TaskId, StringComparison.Ordinal))
            ? Standing.TaskTaken
            : Standing.ToCopy;
    }

    private static DateTimeOffset LastChange(Trajectory run) => run.CompletedAt > run.LastActivityAt ? run.CompletedAt.Value : run.LastActivityAt;

    private enum Standing
    {
        ToCopy,
        Unchanged,
        NewerThere,
        TaskTaken,
    }
}
