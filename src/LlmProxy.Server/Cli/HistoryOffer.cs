using System.Globalization;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Cli.Verbs;
using LlmProxy.Server.Hosting;
using LlmProxy.Storage;
using LlmProxy.TrainingData.Import;

namespace LlmProxy.Server.Cli;

/// <summary>Offers to import what agents have kept on this machine, says what was learnt, and how each agent is connected.</summary>
internal static class HistoryOffer
{
    private const int ShownTasks = 5;
    private static readonly string[] Agents = ["claude-code", "codex", "gemini-cli", "opencode"];

    /// <summary>Asks for each agent that has a history; nothing happens if there is none.</summary>
    public static async Task OfferAsync(CliConsole console, AgentFolders folders, ProxyConfiguration configuration, string tenant, string address, CancellationToken cancellationToken)
    {
        await using var store = StoreFactory.Create(configuration.Options.Storage, configuration.BaseDirectory, TimeProvider.System);
        var importer = ImportVerb.ImporterOf(store, configuration);
        var (found, isOpen) = (new List<string>(), false);
        foreach (var agent in Agents)
        {
            var source = ImportVerb.Sources[agent];
            var paths = folders.Of(source);
            var projects = await importer.ListProjectsAsync(paths, source, cancellationToken);
            if (projects.Count == 0)
            {
                continue;
            }

            found.Add(agent);
            console.Line();
            if (!console.Confirm(string.Create(CultureInfo.InvariantCulture, $"Import the runs of {agent} ({Count(projects.Sum(p => p.Conversations), "conversation")} in {Count(projects.Count, "project")}) from {string.Join(", ", paths)}?")))
            {
                console.Line($"To import them later, or some projects: llmproxy import --from {agent}");
                continue;
            }

            if (!isOpen)
            {
                await store.InitializeAsync(cancellationToken);
                isOpen = true;
            }

            var request = new ImportRequest { Source = source, Paths = paths, Tenant = tenant, Batch = ImportVerb.NewBatch(agent) };
            var report = await console.ProgressAsync("Files", onProgress => importer.ImportAsync(request, (done, all) => onProgress(done, all), cancellationToken));
            ImportPrinter.Print(console, report, request.Batch, dryRun: false);
        }

        if (isOpen)
        {
            await ShowAsync(console, store, tenant, cancellationToken);
        }

        foreach (var agent in found)
        {
            console.Line();
            console.Lines(ConnectVerb.Text(agent, address, configuration.Options.Auth.Keys.Count > 0).TrimEnd());
        }
    }

    /// <summary>The latest tasks that examples can come from.</summary>
    private static async Task ShowAsync(CliConsole console, ITrajectoryStore store, string tenant, CancellationToken cancellationToken)
    {
        var tasks = (await store.ListAsync(new TrajectoryQuery(tenant), cancellationToken)).Items.Where(t => t is { HasUsableContent: true, TaskDescription.Length: > 0 }).Take(ShownTasks).ToList();
        if (tasks.Count == 0)
        {
            return;
        }

        console.Line();
        console.Line("The latest tasks that were learnt:");
        foreach (var task in tasks)
        {
            console.Line(string.Create(CultureInfo.InvariantCulture, $"  {TextFold.Short(task.TaskDescription, 70)} ({Count(task.IterationCount, "step")}, {Count(task.ToolCallsCount, "tool call")})"));
        }
    }

    private static string Count(int number, string what) => string.Create(CultureInfo.InvariantCulture, $"{number} {what}{(number == 1 ? "" : "s")}");
}
