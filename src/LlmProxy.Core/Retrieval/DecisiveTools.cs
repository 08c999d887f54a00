using LlmProxy.Core.Trajectories;

namespace LlmProxy.Core.Retrieval;

/// <summary>The tools by which runs changed something, by their names. Lives for one search and remembers each name.</summary>
internal sealed class DecisiveTools
{
    private readonly Dictionary<string, bool> _observes = new(StringComparer.Ordinal);

    /// <summary>The different tools of a run that do more than look.</summary>
    public IReadOnlyCollection<string> Of(Trajectory run)
    {
        var tools = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tool in run.ToolsUsed)
        {
            if (!_observes.TryGetValue(tool, out var observes))
            {
                _observes.Add(tool, observes = ToolNames.IsObservation(tool));
            }

            if (!observes)
            {
                tools.Add(tool);
            }
        }

        return tools;
    }

    /// <summary>Share of the tools of either set that both hold (Jaccard); 1 where neither changed anything.</summary>
    public static double Overlap(IReadOnlyCollection<string> a, IReadOnlyCollection<string> b)
    {
        var both = a.Count(b.Contains);
        var either = a.Count + b.Count - both;
        return either == 0 ? 1 : (double)both / either;
    }
}
