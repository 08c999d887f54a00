using System.Globalization;
using System.Text;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage.Sql;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>The examples of a task's first call, chosen from a store of many runs by the built-in embedder.</summary>
internal static class ExampleParts
{
    private const string Name = "Examples chosen";
    private const int StepsOfRun = 10;
    private static readonly string[] Verbs = ["Download", "Compare", "Send", "Find", "Rename", "Archive", "Print", "Check", "Translate", "Summarise"];
    private static readonly string[] Things = ["the March invoice", "the supplier list", "all open orders", "the travel report", "the customer table", "the meeting notes", "the price sheet", "the yearly budget", "the photo album", "the release notes"];
    private static readonly string[] Places = ["from the vendor portal", "in the shared folder", "in the mail box", "on the company wiki", "in the ticket system", "on the web shop", "in the calendar", "on the desktop", "in the ledger", "at the bank's site"];

    public static async Task MeasureAsync(PartLoop loop, int count)
    {
        if (!loop.Wants(Name))
        {
            return;
        }

        await using var stored = await TemporaryStore.OpenAsync();
        using var embeddings = new EmbeddingService(new EmbeddingOptions { Provider = EmbeddingProvider.Lexical });
        foreach (var chunk in Enumerable.Range(0, count).Chunk(100))
        {
            var changes = new List<TrajectoryChange>();
            foreach (var number in chunk)
            {
                changes.Add(await RunAsync(number, embeddings));
            }

            await stored.Store.SaveAsync(changes, CancellationToken.None);
        }

        var options = new FewShotOptions { Timeout = TimeSpan.FromSeconds(30) };
        var reader = new TrajectoryReader(stored.Store);
        var service = new FewShotService(
            new ExampleSearch(stored.Store, stored.Store, embeddings, options, new QualityOptions(), NullLogger<ExampleSearch>.Instance),
            embeddings,
            options,
            (run, cancellationToken) => reader.ReadAsync(run.Id, cancellationToken),
            NullLogger<FewShotService>.Instance);
        await MeasureStagesAsync(loop, stored.Store, reader, embeddings, options, count);
        var turn = 0;
        var found = 0;
        await loop.MeasureAsync(Name, $"{count} runs of {StepsOfRun} steps, 3 wanted", async () =>
        {
            var query = new ExampleQuery("default", Query(turn++), 3) { PromptLength = 8000 };
            found += (await service.SelectAsync(query, CancellationToken.None)).Examples.Count;
        });
        if (found == 0)
        {
            throw new InvalidOperationException("No example was found, so nothing was measured.");
        }
    }

    /// <summary>The same by its stages, to see where the time goes.</summary>
    private static async Task MeasureStagesAsync(PartLoop loop, SqlTrajectoryStore store, TrajectoryReader reader, EmbeddingService embeddings, FewShotOptions options, int count)
    {
        var note = $"{count} runs of {StepsOfRun} steps";
        var turn = 0;
        await loop.MeasureAsync(Name + ": store searched", note, async () =>
        {
            var text = Query(turn++);
            var query = await embeddings.EmbedQueryAsync(text, TimeSpan.FromSeconds(1), (buckets, token) => store.ReadDocumentFrequenciesAsync("default", buckets, token), CancellationToken.None);
            await store.SearchAsync(new SearchQuery("default", query.Model, query.Vector, text, 30) { MinQuality = 0.7, Providers = ["anthropic"] }, CancellationToken.None);
        });
        var search = new ExampleSearch(store, store, embeddings, options, new QualityOptions(), NullLogger<ExampleSearch>.Instance);
        await loop.MeasureAsync(Name + ": found", note, async () => await search.FindAsync(new ExampleQuery("default", Query(turn++), 3), CancellationToken.None));
        await loop.MeasureAsync(Name + ": 3 runs read", note, async () =>
        {
            for (var i = 0; i < 3; i++)
            {
                await reader.ReadAsync($"run-{turn++ * 7 % count}", CancellationToken.None);
            }
        });
    }

    private static string Query(int turn) => Description(turn * 7) + " and tell me when it is done";

    private static string Description(int number) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Verbs[number % 10]} {Things[number / 10 % 10]} {Places[number / 100 % 10]} for client {number / 1000 % 50}");

    private static async Task<TrajectoryChange> RunAsync(int number, EmbeddingService embeddings)
    {
        var id = $"run-{number}";
        var text = Description(number);
        var started = TimeProvider.System.GetUtcNow();
        var row = new Trajectory
        {
            Id = id,
            TaskId = "task-" + id,
            Tenant = "default",
            ConversationId = "task-" + id,
            Provider = "anthropic",
            Model = "claude-sonnet-4-5",
            TaskDescription = text,
            Status = TrajectoryStatus.Completed,
            Success = true,
            QualityScore = 0.9,
            IterationCount = StepsOfRun,
            StartedAt = started,
            LastActivityAt = started,
            CompletedAt = started,
            OutcomeSource = OutcomeSource.Agent,
            HasContent = true,
            ToolsUsed = ["read_file"],
        };
        var contents = new List<Content>();
        var steps = Enumerable.Range(1, StepsOfRun).Select(index => new TrajectoryStep
        {
            TrajectoryId = id,
            Index = index,
            ExchangeId = $"{id}-{index}",
            Dialect = DialectKind.AnthropicMessages,
            StartedAt = started,
            Messages = [new StepMessage(Keep(Message(id, index)), "user", false)],
            Reply = Keep(Reply(id, index)),
        }).ToList();
        return new TrajectoryChange
        {
            Trajectory = row,
            Steps = steps,
            Contents = contents,
            Embeddings = (await embeddings.EmbedForStoreAsync(text, CancellationToken.None)).Embeddings,
        };

        ContentHash Keep(string json)
        {
            var content = Content.Of(Encoding.UTF8.GetBytes(json));
            contents.Add(content);
            return content.Hash;
        }
    }

    private static string Message(string run, int step) => System.Text.Json.JsonSerializer.Serialize(new
    {
        role = "user",
        content = new object[] { new { type = "tool_result", tool_use_id = $"call_{run}_{step - 1}", content = run + Filler.Text(step, 800) } },
    });

    private static string Reply(string run, int step) => System.Text.Json.JsonSerializer.Serialize(new
    {
        role = "assistant",
        content = new object[]
        {
            new { type = "text", text = $"I open part {step} of {run} and look whether its totals agree with the orders." },
            new { type = "tool_use", id = $"call_{run}_{step}", name = "read_file", input = new { path = $"{run}/part_{step}.cs" } },
        },
    });
}
