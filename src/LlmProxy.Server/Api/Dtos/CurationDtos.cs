using LlmProxy.Core.Curation;

namespace LlmProxy.Server.Api.Dtos;

/// <summary>What a curation found and did.</summary>
/// <param name="DryRun">Whether nothing was changed.</param>
/// <param name="Tasks">Finished tasks that were looked at, the latest ones.</param>
/// <param name="Untyped">Those of them that are like too few others to have a type.</param>
/// <param name="Changed">Trajectories whose type changed, or would change.</param>
/// <param name="Types">The types, the largest first.</param>
/// <param name="Coverage">How many types and tasks have an example.</param>
/// <param name="Redundant">Examples that a better one of the same type makes superfluous.</param>
/// <param name="Harmful">Examples whose tasks succeed less often than those without examples.</param>
public sealed record CurationResponse(
    bool DryRun, int Tasks, int Untyped, int Changed, IReadOnlyList<TaskTypeDto> Types, CurationCoverage Coverage, IReadOnlyList<RedundantExample> Redundant, IReadOnlyList<HarmfulDto> Harmful)
{
    internal static CurationResponse Of(CurationReport report) => new(
        report.IsDryRun,
        report.Tasks,
        report.Untyped,
        report.Changed,
        [.. report.Types.Select(t => new TaskTypeDto(t.Name, t.IsStated, t.Tasks, t.Judged, t.Successes, t.Examples, t.GoodExamples, [.. t.Chosen.Select(Chosen)]))],
        report.Coverage,
        report.Redundant,
        [.. report.Harmful.Select(h => new HarmfulDto(h.TrajectoryId, h.TaskDescription, ExampleEndpoints.ToDto(h.Evidence, row: null), h.Fate.ToWord()))]);

    private static ChosenExampleDto Chosen(ChosenExample c) =>
        new(c.TrajectoryId, c.TaskDescription, c.QualityScore, c.IterationCount, c.IsPinned, c.IsVerified, ExampleEndpoints.ToDto(c.Evidence, row: null));
}

/// <summary>A type of tasks with its examples.</summary>
/// <param name="Name">The words that tell it from the others, or the name that was stated.</param>
/// <param name="Stated">Whether the name was stated for one of its tasks.</param>
/// <param name="Tasks">Number of its tasks.</param>
/// <param name="Judged">Those whose success is known.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Examples">Trajectories that may be examples.</param>
/// <param name="GoodExamples">Those that do not harm; without any, the type is not covered.</param>
/// <param name="Chosen">The best ones that differ, best first.</param>
public sealed record TaskTypeDto(string Name, bool Stated, int Tasks, int Judged, int Successes, int Examples, int GoodExamples, IReadOnlyList<ChosenExampleDto> Chosen);

/// <summary>An example that was chosen for its type.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="QualityScore">Its score.</param>
/// <param name="IterationCount">Its steps.</param>
/// <param name="Pinned">Whether it is pinned.</param>
/// <param name="Verified">Whether its outcome was stated or judged.</param>
/// <param name="Evidence">Evidence from the tasks that used it.</param>
public sealed record ChosenExampleDto(string TrajectoryId, string TaskDescription, double? QualityScore, int IterationCount, bool Pinned, bool Verified, ExampleEvidenceDto Evidence);

/// <summary>An example that harms.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="Evidence">Evidence from the tasks that used it.</param>
/// <param name="Fate"><c>retired</c> (in a dry run: would be), <c>pinned</c>: stays, or <c>kept</c>: <c>Experiments:RetireHarmful</c> is off.</param>
public sealed record HarmfulDto(string TrajectoryId, string TaskDescription, ExampleEvidenceDto Evidence, string Fate);
