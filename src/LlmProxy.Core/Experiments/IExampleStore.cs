namespace LlmProxy.Core.Experiments;

/// <summary>Keeps curated examples, their use, and the results of the tasks that used them.</summary>
/// <remarks>Safe for concurrent use. Failures are exceptions of the driver wrapped in <see cref="StoreException"/>.</remarks>
public interface IExampleStore
{
    /// <summary>The examples of some runs; runs without a row are omitted.</summary>
    Task<IReadOnlyList<FewShotExampleRow>> FindExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>Examples, pinned first, then by uses.</summary>
    Task<IReadOnlyList<FewShotExampleRow>> ListExamplesAsync(string tenant, int limit, CancellationToken cancellationToken);

    /// <summary>Pins, retires or edits an example. False if the run does not exist.</summary>
    Task<bool> UpdateExampleAsync(string tenant, FewShotExampleRow example, CancellationToken cancellationToken);

    /// <summary>Counts one use of each example (a run that was put into a prompt); missing rows are inserted.</summary>
    Task RecordExampleUsageAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, DateTimeOffset at, CancellationToken cancellationToken);

    /// <summary>Counts how a task that used an example ended, as stated from outside; a missing row is inserted. False if the run does not exist.</summary>
    Task<bool> RecordExampleOutcomeAsync(string tenant, string trajectoryId, bool success, CancellationToken cancellationToken);

    /// <summary>Ended tasks whose success is known and that used examples or took part in an experiment, in groups.</summary>
    Task<IReadOnlyList<ExampleOutcome>> ReadExampleOutcomesAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Ended tasks that took part in an experiment, by model and arm. A task belongs to the time in which it started.</summary>
    Task<IReadOnlyList<ArmStatistics>> ReadArmsAsync(string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken);
}
