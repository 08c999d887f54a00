namespace LlmProxy.Core.Recording;

/// <summary>Turns batches of what waits for tasks into changes of their trajectories, and saves these together.</summary>
/// <remarks>Each lane of the recorder has its own batches; a task is in one batch at a time.</remarks>
internal sealed partial class RecorderBatches(
    RetryingStore store,
    TrajectoryUpdates changes,
    TrajectoryEmbedder embedder,
    TrajectoryCache runs,
    TaskQueues queues,
    NotRecordedCounts notRecorded,
    BufferBudget budget,
    ILogger logger,
    ExchangeFeed? feed,
    CancellationToken stopping)
{
    private const int MaxAttempts = 20;

    // What is made and not saved yet waits in memory.
    private const long MaxUnsavedBytes = 16L << 20;

    /// <summary>Records a batch. Failures are logged; what is not in the store stays in the spool.</summary>
    public async Task RecordAsync(IReadOnlyList<(TaskQueue Queue, WorkItem Item)> batch)
    {
        for (var done = 0; done < batch.Count;)
        {
            done += await TryRecordAsync(batch, done);
        }
    }

    /// <summary>Records as many items from a place on as may be made before they are saved; returns how many these were.</summary>
    private async Task<int> TryRecordAsync(IReadOnlyList<(TaskQueue Queue, WorkItem Item)> batch, int first)
    {
        var results = new List<TrajectoryUpdate>();
        var (count, bytes) = (0, 0L);
        try
        {
            // 1. Each item becomes a change of its trajectory.
            while (first + count < batch.Count && bytes < MaxUnsavedBytes)
            {
                var (queue, item) = batch[first + count++];
                if (await TryMakeAsync(queue, item) is { } result)
                {
                    results.Add(result);
                    var made = result.Change?.Contents.Sum(c => (long)c.Bytes.Length) ?? 0;
                    budget.Take(made);
                    bytes += made;
                }
            }

            await SaveAsync(results);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // After any failure the next batch is tried; what is not in the store is still in the spool.
            LogBatchFailed(count, error);
            foreach (var (queue, item) in batch.Skip(first).Take(count))
            {
                runs.Forget(queue.Tenant, queue.TaskId);
                item.Done.TrySetException(error);
            }
        }
        finally
        {
            budget.Return(bytes);
            foreach (var (_, item) in batch.Skip(first).Take(count))
            {
                queues.ReleaseReply(item);
            }
        }

        return count;
    }

    private async Task SaveAsync(List<TrajectoryUpdate> results)
    {
        // 2. All changes are one transaction. Where it fails, one change must not keep the others out: each is then
        //    tried on its own, and made anew if its trajectory was changed in the store.
        var made = results.Select(r => r.Change).OfType<TrajectoryChange>().ToList();
        if (made.Count > 0 && !await store.TrySaveAsync(made, stopping))
        {
            results = await SaveOneByOneAsync(results);
        }

        // 3. Content that is not kept goes, by what the run came to in the end; runs that are to be deleted go whole.
        foreach (var last in results.Where(r => r.Row is not null).GroupBy(r => r.Row!.Id, StringComparer.Ordinal).Select(g => g.Last()).ToList())
        {
            if (last.IsDeleted)
            {
                await DeleteNowAsync(last);
            }
            else if (last.Drop && !last.Row!.HasContent)
            {
                await DropContentAsync(last.Row);
            }
        }

        // 4. Only now the spool may forget them.
        foreach (var result in results)
        {
            Finish(result);
        }
    }

    /// <summary>Makes an item's change; null where that failed, which was logged and counted then.</summary>
    private async Task<TrajectoryUpdate?> TryMakeAsync(TaskQueue queue, WorkItem item)
    {
        budget.Take(item.Weight);
        try
        {
            return await changes.MakeAsync(queue, item);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A bug in reading one exchange must not stop the others; the exchange is counted, not silently lost.
            LogExchangeFailed(queue.TaskId, error);
            notRecorded.Count(queue.Tenant, NotRecordedReason.RecorderError);
            GiveUp(queue, item, error);
            return null;
        }
        finally
        {
            budget.Return(item.Weight);
        }
    }

    private async Task<List<TrajectoryUpdate>> SaveOneByOneAsync(List<TrajectoryUpdate> results)
    {
        var saved = new List<TrajectoryUpdate>();
        // The runs' states are ahead of the store by what was not saved.
        foreach (var result in results)
        {
            runs.Forget(result.Queue.Tenant, result.Queue.TaskId);
        }

        var anew = new HashSet<(string, string)>();
        foreach (var result in results)
        {
            var task = (result.Queue.Tenant, result.Queue.TaskId);
            if (await TrySaveOneAsync(result, anew, task) is { } one)
            {
                saved.Add(one);
            }
        }

        return saved;
    }

    private async Task<TrajectoryUpdate?> TrySaveOneAsync(TrajectoryUpdate? result, HashSet<(string, string)> anew, (string Tenant, string TaskId) task)
    {
        var (queue, item) = (result!.Queue, result.Item);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (anew.Contains(task))
                {
                    result = await TryMakeAsync(queue, item);
                }

                if (result?.Change is { } change)
                {
                    await store.SaveAsync(change, stopping);
                }

                return result;
            }
            catch (StoreException error) when (error.IsConflict && attempt < MaxAttempts)
            {
                // Everything that follows in this task builds on the trajectory as the store has it.
                anew.Add(task);
                runs.Forget(task.Tenant, task.TaskId);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                LogChangeRefused(task.TaskId, error);
                notRecorded.Count(task.Tenant, NotRecordedReason.StoreRefused);
                GiveUp(queue, item, error);
                return null;
            }
        }
    }

    private void GiveUp(TaskQueue queue, WorkItem item, Exception error)
    {
        runs.Forget(queue.Tenant, queue.TaskId);
        item.Exchange?.Release();
        item.Done.TrySetException(error);
    }

    private void Finish(TrajectoryUpdate result)
    {
        if (result.Item.Exchange is { } exchange)
        {
            if (result.Change is { } change && !exchange.Head.IsSideCall)
            {
                LogRecordedIteration(change.Steps.Count == 0 ? exchange.Head.StepIndex : change.Steps[0].Index, exchange.Head.TaskId!);
            }

            feed?.Publish(exchange.Head, result.Change);
            exchange.Release();
        }

        embedder.Follow(result);
        result.Item.Done.TrySetResult(result.Row);
    }

    private async Task DeleteNowAsync(TrajectoryUpdate last)
    {
        var row = last.Row!;
        runs.Forget(row.Tenant, row.TaskId);
        try
        {
            await store.AskAsync((s, ct) => s.DeleteAsync(row.Tenant, row.Id, ct), stopping);
        }
        catch (StoreException error)
        {
            // The caller gets the error. The other changes of the batch are saved and stay.
            last.Item.Done.TrySetException(error);
        }
    }

    private async Task DropContentAsync(Trajectory row)
    {
        try
        {
            await store.AskAsync(
                async (s, ct) =>
                {
                    await s.DropContentAsync(row.Tenant, row.Id, ct);
                    return true;
                },
                stopping);
        }
        catch (StoreException)
        {
            // It was logged; the row says that there is no content, and a cleanup takes what is left of it.
        }
    }

    [LoggerMessage(4002, LogLevel.Information, "Recorded iteration {Iteration} for task {TaskId}")]
    private partial void LogRecordedIteration(int iteration, string taskId);

    [LoggerMessage(4007, LogLevel.Error, "Converting an exchange of task {TaskId} to a step failed; the exchange was discarded")]
    private partial void LogExchangeFailed(string taskId, Exception error);

    [LoggerMessage(4008, LogLevel.Error, "Store rejected an update for task {TaskId}; the update was discarded")]
    private partial void LogChangeRefused(string taskId, Exception error);

    [LoggerMessage(4012, LogLevel.Error, "Recording {Count} exchanges failed; they stay in the spool until the next start")]
    private partial void LogBatchFailed(int count, Exception error);
}
