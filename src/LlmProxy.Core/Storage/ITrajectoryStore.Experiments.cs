using LlmProxy.Core.Experiments;

namespace LlmProxy.Core.Storage;

/// <content>Examples and what became of the tasks that used them.</content>
public partial interface ITrajectoryStore
{
    /// <summary>
    /// Counts, for this process alone, what may take an example out of prompts (runs deleted or emptied, examples
    /// retired), so that whoever remembers prompts knows at once when to look again.
    /// </summary>
    long ExampleChanges => 0;

    /// <summary>The examples that stand for some runs; runs without a row are left out.</summary>
    Task<IReadOnlyList<FewShotExampleRow>> FindExamplesAsync(string tenant, IReadOnlyCollection<string> trajectoryIds, CancellationToken cancellationToken);

    /// <summary>Counts how a task that used an example ended, as somebody outside said it; the row is made where it is missing. False where the run is not there.</summary>
    Task<bool> RecordExampleOutcomeAsync(string tenant, string trajectoryId, bool success, CancellationToken cancellationToken);

    /// <summary>Ended tasks whose success is known and that used examples or took part in an experiment, in groups.</summary>
    Task<IReadOnlyList<ExampleOutcome>> ReadExampleOutcomesAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Ended tasks that took part in an experiment, by model and arm. A task belongs to the time in which it started.</summary>
    Task<IReadOnlyList<ArmStatistics>> ReadArmsAsync(string tenant, DateTimeOffset? since, DateTimeOffset? until, string? model, CancellationToken cancellationToken);
}
