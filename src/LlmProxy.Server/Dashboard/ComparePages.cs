using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Access;
using LlmProxy.Server.Api;
using Microsoft.AspNetCore.Mvc;

namespace LlmProxy.Server.Dashboard;

/// <summary>A step of each of two trajectories; one is missing where the other has more.</summary>
/// <param name="Left">Of the first one.</param>
/// <param name="Right">Of the second one.</param>
public sealed record ComparedSteps(StepView? Left, StepView? Right)
{
    /// <summary>Whether both called the same tools, in the same order.</summary>
    public bool CallsSameTools => Tools(Left).SequenceEqual(Tools(Right), StringComparer.Ordinal);

    /// <summary>Names of the tools that a step called.</summary>
    public static IEnumerable<string> Tools(StepView? step) => (step?.Reply?.ToolCalls ?? []).Select(call => call.Name);

    /// <summary>Pairs steps so that as many as possible call the same tools.</summary>
    public static IReadOnlyList<ComparedSteps> Align(IReadOnlyList<StepView> left, IReadOnlyList<StepView> right)
    {
        // Lengths of the longest common sequences from each pair of places on.
        var (leftTools, rightTools) = (left.Select(step => string.Join('\n', Tools(step))).ToList(), right.Select(step => string.Join('\n', Tools(step))).ToList());
        var lengths = new int[left.Count + 1, right.Count + 1];
        for (var i = left.Count - 1; i >= 0; i--)
        {
            for (var j = right.Count - 1; j >= 0; j--)
            {
                lengths[i, j] = leftTools[i] == rightTools[j] ? lengths[i + 1, j + 1] + 1 : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
            }
        }

        var pairs = new List<ComparedSteps>();
        var (a, b) = (0, 0);
        while (a < left.Count || b < right.Count)
        {
            if (a < left.Count && b < right.Count && leftTools[a] == rightTools[b])
            {
                pairs.Add(new(left[a++], right[b++]));
            }
            else if (b == right.Count || (a < left.Count && lengths[a + 1, b] >= lengths[a, b + 1]))
            {
                pairs.Add(new(left[a++], null));
            }
            else if (pairs is [.., { Left: not null, Right: null } last])
            {
                // What differs at one place stays in one row.
                pairs[^1] = last with { Right = right[b++] };
            }
            else
            {
                pairs.Add(new(null, right[b++]));
            }
        }

        return pairs;
    }
}

/// <summary>Two trajectories side by side.</summary>
internal static class ComparePages
{
    private const int MostSteps = 60;

    public static void MapComparison(this RouteGroupBuilder pages) => pages.MapGet("/compare", ReadAsync);

    /// <summary>Address of a comparison.</summary>
    public static string Address(string left, string right) => $"{DashboardEndpoints.Prefix}/compare{QueryString.Create("left", left).Add("right", right)}";

    private static async Task<IResult> ReadAsync(
        HttpContext context, [FromServices] PageFrames frames, [FromServices] TaskService tasks, [FromServices] TrajectoryReader reader, string? left, string? right, CancellationToken cancellationToken)
    {
        var (one, other) = (await FindAsync("left", left), await FindAsync("right", right));
        return await frames.PageAsync<ComparePage>(context, new()
        {
            ["LeftId"] = left ?? "",
            ["RightId"] = right ?? "",
            ["Left"] = one,
            ["Right"] = other,
            ["Steps"] = one is null || other is null ? [] : ComparedSteps.Align(
                await reader.ReadPageAsync(one.Id, 1, MostSteps, cancellationToken), await reader.ReadPageAsync(other.Id, 1, MostSteps, cancellationToken)),
            ["MostSteps"] = MostSteps,
        });

        async Task<Trajectory?> FindAsync(string field, string? id) => string.IsNullOrWhiteSpace(id) ? null
            : await tasks.FindAsync(context.GetTenant(), id, cancellationToken) ?? throw new ApiProblemException(404, "Not found", $"No trajectory has the id '{id}' of '{field}'.", field);
    }
}
