using LlmProxy.Core.Experiments;

namespace LlmProxy.Core.Curation;

/// <summary>What a curation found and did.</summary>
/// <param name="IsDryRun">Whether nothing was changed.</param>
/// <param name="Tasks">Finished tasks that were looked at, the latest ones.</param>
/// <param name="Untyped">Those of them that are like too few others to have a type.</param>
/// <param name="Changed">Trajectories whose type changed, or would change.</param>
/// <param name="Types">The types, the largest first.</param>
/// <param name="Coverage">How many types and tasks have an example.</param>
/// <param name="Redundant">Examples that a better one of the same type makes superfluous.</param>
/// <param name="Harmful">Examples whose tasks succeed less often than those without examples.</param>
public sealed record CurationReport(
    bool IsDryRun,
    int Tasks,
    int Untyped,
    int Changed,
    IReadOnlyList<TaskType> Types,
    CurationCoverage Coverage,
    IReadOnlyList<RedundantExample> Redundant,
    IReadOnlyList<HarmfulExample> Harmful);

/// <summary>A type of tasks with its examples.</summary>
/// <param name="Name">The words that tell it from the others, or the name that was stated.</param>
/// <param name="IsStated">Whether the name was stated for one of its tasks.</param>
/// <param name="Tasks">Number of its tasks.</param>
/// <param name="Judged">Those whose success is known.</param>
/// <param name="Successes">Those that succeeded.</param>
/// <param name="Examples">Trajectories that may be examples.</param>
/// <param name="GoodExamples">Those that do not harm; without any, the type is not covered.</param>
/// <param name="Chosen">The best ones that differ, best first.</param>
public sealed record TaskType(string Name, bool IsStated, int Tasks, int Judged, int Successes, int Examples, int GoodExamples, IReadOnlyList<ChosenExample> Chosen);

/// <summary>An example that was chosen for its type.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="QualityScore">Its score.</param>
/// <param name="IterationCount">Its steps.</param>
/// <param name="IsPinned">Whether it is pinned: it stays whatever else is known.</param>
/// <param name="IsVerified">Whether its outcome was stated or judged.</param>
/// <param name="Evidence">What is known of it as an example; null if no task with a known outcome used it.</param>
public sealed record ChosenExample(string TrajectoryId, string TaskDescription, double? QualityScore, int IterationCount, bool IsPinned, bool IsVerified, ExampleEvidence? Evidence);

/// <summary>How much of the work has an example.</summary>
/// <param name="Types">Number of types.</param>
/// <param name="WithExample">Types with an example.</param>
/// <param name="WithGoodExample">Types with an example that does not harm.</param>
/// <param name="Tasks">Tasks that have a type.</param>
/// <param name="TasksWithExample">Tasks of the types with an example.</param>
/// <param name="TasksWithGoodExample">Tasks of the types with an example that does not harm.</param>
public sealed record CurationCoverage(int Types, int WithExample, int WithGoodExample, int Tasks, int TasksWithExample, int TasksWithGoodExample);

/// <summary>An example with nothing that a better one does not show.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="BetterId">The better example: nearly the same task, done with the same tools.</param>
public sealed record RedundantExample(string TrajectoryId, string TaskDescription, string BetterId);

/// <summary>An example that harms.</summary>
/// <param name="TrajectoryId">The trajectory.</param>
/// <param name="TaskDescription">Its task.</param>
/// <param name="Evidence">What is known of it.</param>
/// <param name="Fate">What becomes of it.</param>
public sealed record HarmfulExample(string TrajectoryId, string TaskDescription, ExampleEvidence Evidence, HarmfulFate Fate);

/// <summary>What becomes of a harmful example.</summary>
public enum HarmfulFate
{
    /// <summary>It stays in use: <c>Experiments:RetireHarmful</c> is off.</summary>
    Kept,

    /// <summary>It stays in use: a person pinned it.</summary>
    Pinned,

    /// <summary>It is retired, or would be in a dry run.</summary>
    Retired,
}

/// <summary>Spells <see cref="HarmfulFate"/>.</summary>
public static class HarmfulFates
{
    /// <summary><c>kept</c>, <c>pinned</c> or <c>retired</c>.</summary>
    public static string ToWord(this HarmfulFate fate) => EnumWords.Kebab(fate);
}
