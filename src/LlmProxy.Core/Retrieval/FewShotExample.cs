namespace LlmProxy.Core.Retrieval;

/// <summary>A run, condensed to what another model can learn from. Templates read it as an element of <c>examples</c>.</summary>
/// <param name="TrajectoryId">The run.</param>
/// <param name="Task">What it was asked.</param>
/// <param name="Outcome">How it ended, in words.</param>
/// <param name="Similarity">Cosine to the task at hand, 0 to 1.</param>
/// <param name="Quality">Its score, 0 to 1.</param>
/// <param name="Iterations">Its number of steps.</param>
/// <param name="ToolsUsed">Names of its tools in the order of first use.</param>
/// <param name="Steps">The steps that mattered.</param>
public sealed record FewShotExample(
    string TrajectoryId,
    string Task,
    string Outcome,
    double Similarity,
    double Quality,
    int Iterations,
    IReadOnlyList<string> ToolsUsed,
    IReadOnlyList<FewShotStep> Steps);

/// <summary>One step of an example. Texts are cleaned and shortened; empty if there is none.</summary>
/// <param name="Reasoning">Why, in the model's own words (its text, never hidden reasoning).</param>
/// <param name="Tool">The tool called.</param>
/// <param name="Arguments">With what.</param>
/// <param name="Result">What came back.</param>
public sealed record FewShotStep(string Reasoning, string Tool, string Arguments, string Result);

/// <summary>What examples are looked for.</summary>
/// <param name="Tenant">The tenant that owns the runs.</param>
/// <param name="TaskDescription">The task at hand, without boilerplate.</param>
/// <param name="Count">How many at most.</param>
public sealed record ExampleQuery(string Tenant, string TaskDescription, int Count)
{
    /// <summary>Least cosine similarity; null for the embedder's own default or the setting.</summary>
    public double? MinSimilarity { get; init; }

    /// <summary>Source providers; empty for all.</summary>
    public IReadOnlyList<string> Providers { get; init; } = [];

    /// <summary>Only successful runs.</summary>
    public bool SuccessOnly { get; init; } = true;

    /// <summary>Least score; null for the setting.</summary>
    public double? MinQuality { get; init; }

    /// <summary>Tools that the request offers; empty where unknown.</summary>
    public IReadOnlyList<string> OfferedTools { get; init; } = [];

    /// <summary>Only runs of this project (<see cref="Trajectory.Project"/>); null for all of the tenant.</summary>
    public string? Project { get; init; }

    /// <summary>A run to leave out: the task's own.</summary>
    public string? ExceptTaskId { get; init; }

    /// <summary>Length of the agent's own prompt in characters, for the section's size; 0 where unknown.</summary>
    public int PromptLength { get; init; }
}

/// <summary>A run that was chosen.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Similarity">Cosine.</param>
/// <param name="EditedJson">What a person made of it, or null.</param>
public sealed record ChosenTrajectory(Trajectory Trajectory, double Similarity, string? EditedJson = null)
{
    /// <summary>Why it ranks lower than its task alone would place it; empty if nothing speaks against it.</summary>
    public IReadOnlyList<ExampleAgeing> Ageing { get; init; } = [];
}

/// <summary>Why an example ranks lower with time.</summary>
public enum ExampleAgeing
{
    /// <summary>The request does not offer all of the tools by which it changed something.</summary>
    ToolsNotOffered,
    /// <summary>Many later trajectories of its project used none of the tools by which it changed something.</summary>
    ProjectMovedOn,
}

/// <summary>A run that was left out.</summary>
/// <param name="Trajectory">The run.</param>
/// <param name="Similarity">Cosine, or null where it has no vector of the model.</param>
/// <param name="Reason">Why.</param>
public sealed record TrajectoryLeftOut(Trajectory Trajectory, double? Similarity, SkipReason Reason);

/// <summary>What a search found.</summary>
/// <param name="Chosen">Chosen runs, best first.</param>
/// <param name="LeftOut">Runs that were found and left out, with the reason.</param>
/// <param name="Threshold">The similarity threshold that was used.</param>
/// <param name="Best">The best similarity of all runs seen, or null.</param>
/// <param name="Embedder">The model that embedded the query.</param>
public sealed record ExampleSearchResult(
    IReadOnlyList<ChosenTrajectory> Chosen,
    IReadOnlyList<TrajectoryLeftOut> LeftOut,
    double Threshold,
    double? Best,
    string Embedder);
