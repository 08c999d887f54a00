using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Curation;

/// <summary>A task that is being curated.</summary>
/// <param name="run">Its trajectory.</param>
/// <param name="text">Vector of the description, of length 1 or zero.</param>
/// <param name="tools">Vector of the tools that decided it, of length 1, or empty if it called none.</param>
internal sealed class TypedTask(Trajectory run, float[] text, float[] tools)
{
    public Trajectory Run { get; } = run;

    public float[] Text { get; } = text;

    public float[] Tools { get; } = tools;

    /// <summary>The type that a person stated, or null.</summary>
    public string? StatedType => Run.IsTaskTypeStated ? Run.TaskType : null;

    /// <summary>The cluster that it belongs to; null for none.</summary>
    public TaskCluster? Cluster { get; set; }

    /// <summary>Names of the tools that changed something, or of all if none did, each in its plain form.</summary>
    public static IReadOnlyList<string> ToolsOf(Trajectory run, DecisiveTools decisive)
    {
        IReadOnlyCollection<string> changing = decisive.Of(run);
        return [.. (changing.Count > 0 ? changing : run.ToolsUsed).Select(ToolNames.Key).Distinct(StringComparer.Ordinal)];
    }
}
