using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Redaction;

namespace LlmProxy.Core.Recording;

/// <summary>Makes outlines of stored steps.</summary>
internal sealed class OutlineReader(TrajectoryReader reader, TaskRulesCatalog catalog, Redactor redactor)
{
    /// <summary>The outline of a trajectory; null if its content is not kept.</summary>
    public async Task<TrajectoryOutline?> ReadAsync(Trajectory trajectory, CancellationToken cancellationToken) =>
        trajectory.HasContent ? Of(await reader.ReadAsync(trajectory.Id, cancellationToken), catalog.Get(trajectory.Preset), redactor.For(trajectory.Tenant)) : null;

    /// <summary>The outline of some steps.</summary>
    public static TrajectoryOutline Of(IReadOnlyList<StepView> steps, TaskRules rules, Redactor redactor)
    {
        var outline = new OutlineBuilder();
        foreach (var step in steps)
        {
            outline.AddResults(step.Messages.Select(m => m.Message), rules, redactor);
            outline.AddReply(step.Step.Index, step.Reply, step.Step.StopReason, redactor);
        }

        return outline.Build();
    }
}
