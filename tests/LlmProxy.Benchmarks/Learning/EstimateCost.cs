using System.Diagnostics;
using System.Globalization;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;

namespace LlmProxy.Benchmarks.Learning;

/// <summary>What an estimate costs in the background: near trajectories, evidence and saving, in a SQLite store of many.</summary>
internal static class EstimateCost
{
    private const int Warm = 100;
    private const int Measured = 500;
    private static readonly string[] Verbs = ["Book", "Rename", "Download", "Compare", "Archive", "Translate", "Refund", "Sort"];
    private static readonly string[] Things = ["invoice", "report", "flight", "photo", "order", "letter", "ledger", "calendar", "contract", "ticket"];
    private static readonly string[] Places = ["portal", "archive", "shop", "folder", "office", "warehouse"];

    /// <summary>Mean milliseconds of an estimate, half of the trajectories being stated.</summary>
    public static async Task<double> MeasureAsync(int count, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            await using var store = StoreFactory.Create(new StorageOptions { ConnectionString = "Data Source=llmproxy.db" }, folder, TimeProvider.System);
            await store.InitializeAsync(cancellationToken);
            foreach (var part in Enumerable.Range(0, count).Chunk(500))
            {
                await store.SaveAsync([.. part.Select(ChangeOf)], cancellationToken);
            }

            var near = new NearTrajectories(store, store, new TeachingKeys(new AuthOptions()));
            var spent = TimeSpan.Zero;
            for (var done = 0; done < Warm + Measured;)
            {
                var before = Stopwatch.GetTimestamp();
                var due = await store.ClaimDueOutcomesAsync(TimeSpan.FromHours(1), 50, cancellationToken);
                foreach (var trajectory in due)
                {
                    await EstimateAsync(store, near, trajectory, cancellationToken);
                }

                done += due.Count;
                spent += done > Warm ? Stopwatch.GetElapsedTime(before) : TimeSpan.Zero;
            }

            return spent.TotalMilliseconds / Measured;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The steps of the worker.
    private static async Task EstimateAsync(IOutcomeStore store, NearTrajectories near, Trajectory trajectory, CancellationToken cancellationToken)
    {
        var outline = (await store.ReadOutlinesAsync(trajectory.Tenant, [trajectory.Id], cancellationToken))[trajectory.Id];
        var facts = new OutcomeFacts
        {
            Outline = outline,
            Task = trajectory.TaskDescription,
            NextUserText = await store.FindNextTurnAsync(trajectory.Tenant, trajectory.ConversationId, trajectory.StartedAt, cancellationToken),
            Near = await near.FindKnownAsync(trajectory, cancellationToken),
        };
        var estimate = OutcomeEstimator.Estimate(facts, OutcomeModel.Shipped);
        await store.SaveEstimateAsync(trajectory with { SuccessProbability = estimate.Probability, Evidence = estimate.Evidence }, null, [.. facts.Near.Select(n => n.Id)], cancellationToken);
    }

    private static TrajectoryChange ChangeOf(int number)
    {
        var random = new Random(number);
        var task = string.Create(CultureInfo.InvariantCulture, $"{Verbs[random.Next(Verbs.Length)]} the {Things[random.Next(Things.Length)]} {number} for the {Places[random.Next(Places.Length)]} and put it next to the {Things[random.Next(Things.Length)]} of last year");
        var id = string.Create(CultureInfo.InvariantCulture, $"run-{number:000000}");
        var isStated = number % 2 == 0;
        var start = DateTimeOffset.UnixEpoch.AddDays(20_000).AddSeconds(number);
        string[] tools = ["look", Verbs[random.Next(Verbs.Length)].ToLowerInvariant()];
        return new TrajectoryChange
        {
            Trajectory = new Trajectory
            {
                Id = id,
                TaskId = id,
                Tenant = "default",
                ConversationId = id,
                Provider = "anthropic",
                TaskDescription = task,
                Status = TrajectoryStatus.Completed,
                Success = isStated ? random.Next(3) > 0 : null,
                OutcomeSource = isStated ? OutcomeSource.Human : OutcomeSource.Inferred,
                SuccessProbability = isStated ? null : 0.65,
                QualityScore = 1,
                ToolsUsed = tools,
                HasContent = true,
                StartedAt = start,
                LastActivityAt = start.AddSeconds(30),
                CompletedAt = start.AddSeconds(30),
            },
            Embeddings = [new TrajectoryEmbedding(LexicalEmbedder.ModelName, EmbeddingService.TaskKind, LexicalEmbedder.Embed(task), task)],
            Outline = new TrajectoryOutline { End = ReplyKind.Text, TextLength = 300, Calls = [.. tools.Select((tool, i) => new CallOutline(i + 1, tool, "", i, CallResult.Ok))] },
        };
    }
}
