namespace LlmProxy.Core.Retrieval;

/// <summary>What the projects of candidates did later: whether they still use the tools of an older trajectory.</summary>
internal sealed class ProjectHistory
{
    // With this many later trajectories that use none of the tools, chance is no explanation.
    private const int ManyLater = 20;

    // Enough to judge the candidates of a search, read from an index.
    private const int MostRead = 200;

    private readonly ILookup<string, ProjectTools> _latest;

    private ProjectHistory(IReadOnlyList<ProjectTools> latest) => _latest = latest.ToLookup(t => t.Project, StringComparer.Ordinal);

    /// <summary>Reads what the projects of some trajectories did last.</summary>
    public static async Task<ProjectHistory> ReadAsync(ISearchStore store, string tenant, IEnumerable<Trajectory> trajectories, CancellationToken cancellationToken)
    {
        var projects = trajectories.Select(t => t.Project).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        return new ProjectHistory(projects.Count == 0 ? [] : await store.ReadProjectToolsAsync(tenant, projects, MostRead, cancellationToken));
    }

    /// <summary>Whether many later trajectories of the same project used none of the tools by which a trajectory changed something.</summary>
    public bool HasMovedOn(Trajectory trajectory, DecisiveTools tools)
    {
        if (trajectory.Project is not { } project || tools.Of(trajectory) is not { Count: > 0 } decisive)
        {
            return false;
        }

        var later = 0;
        foreach (var other in _latest[project])
        {
            if (other.StartedAt > trajectory.StartedAt)
            {
                if (other.Tools.Any(decisive.Contains))
                {
                    return false;
                }

                later++;
            }
        }

        return later >= ManyLater;
    }
}
