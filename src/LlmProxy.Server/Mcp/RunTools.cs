using System.ComponentModel;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Sdk;
using LlmProxy.Core.Stores;
using ModelContextProtocol;
using ModelContextProtocol.Server;
using static System.FormattableString;

namespace LlmProxy.Server.Mcp;

/// <summary>Tools by which an agent looks up what earlier runs of its tenant did.</summary>
internal sealed class RunTools(McpCaller caller, TrajectorySearch search, TaskService tasks, RunText text)
{
    private const int MostRuns = 5;
    private const int MaxTask = 4_000;

    [McpServerTool(Name = "find_similar_runs", Title = "Find similar runs", ReadOnly = true, OpenWorld = false)]
    [Description("Finds recorded runs of agents that did a similar task, with the steps that mattered. Use it before you start a task.")]
    public async Task<string> FindSimilarRunsAsync(
        [Description("The task at hand in a sentence or two.")] string task,
        [Description("Maximum number of runs, 1 to 5.")] int count = 3,
        CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrWhiteSpace(task) || task.Length > MaxTask)
        {
            throw new McpException(Invariant($"task must be a text of 1 to {MaxTask} characters."));
        }

        if (count is < 1 or > MostRuns)
        {
            throw new McpException(Invariant($"count must be from 1 to {MostRuns}, not {count}."));
        }

        var found = await Ask(() => search.FindSimilarAsync(new ExampleQuery(caller.Tenant, task, count), cancellationToken));
        if (found.Search is not { } result)
        {
            throw new McpException("The search failed. The proxy's log contains the cause.");
        }

        var section = search.FormatAsFewShot(found, task);
        return section.Length == 0
            ? "No similar run is recorded."
            : $"Runs (get_run shows one by its id):\n{RunText.List(result.Chosen.Select(c => (c.Trajectory, (double?)c.Similarity)))}\n{section}";
    }

    [McpServerTool(Name = "get_run", Title = "Show a run", ReadOnly = true, OpenWorld = false)]
    [Description("Shows one recorded run: how it ended, the evidence for that, and its steps, condensed.")]
    public async Task<string> GetRunAsync(
        [Description("Id of the run, or of its task.")] string id,
        CancellationToken cancellationToken = default) =>
        string.IsNullOrWhiteSpace(id) || await Ask(() => tasks.FindAsync(caller.Tenant, id, cancellationToken)) is not { } run
            ? throw new McpException("No run with this id. find_similar_runs lists ids.")
            : await Ask(() => text.WriteAsync(run, cancellationToken));

    [McpServerTool(Name = "get_lessons", Title = "Show lessons", ReadOnly = true, OpenWorld = false)]
    [Description("Lists lessons that were learned from recorded runs.")]
    public static string GetLessons() => "Lessons: none. This version of the proxy keeps no lessons; find_similar_runs shows what earlier runs did.";

    /// <summary>Asks the store; a failure is a tool error that names it.</summary>
    internal static async Task<T> Ask<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (StoreException error)
        {
            throw new McpException(error.Message, error);
        }
    }
}
