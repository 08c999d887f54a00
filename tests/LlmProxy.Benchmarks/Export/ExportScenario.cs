using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Storage.Sql;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Export;

/// <summary>
/// An export of many runs into a file, checked: its time, and the most memory that the process held. The export has a
/// process of its own, so that making the runs is not counted.
/// </summary>
internal static class ExportScenario
{
    private const int RunsASave = 20;

    public static async Task<int> RunAsync(ExportBenchmarkOptions options, CancellationToken cancellationToken)
    {
        if (ExportFormats.Parse(options.Format) is null)
        {
            throw new UsageException($"--format must be one of {string.Join(", ", ExportFormats.Names)}.");
        }

        var folder = Directory.CreateTempSubdirectory("llmproxy-bench-").FullName;
        try
        {
            await FillAsync(folder, options, cancellationToken);
            using var child = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. SelfArguments(), "child", "export", folder, options.Format]) { RedirectStandardOutput = true, UseShellExecute = false })!;
            await using var kill = cancellationToken.Register(() => child.Kill());
            var result = JsonNode.Parse(await child.StandardOutput.ReadToEndAsync(cancellationToken))!.AsObject();
            await child.WaitForExitAsync(cancellationToken);
            Console.WriteLine(options.Json ? result.ToJsonString() : Text(options, result));
            return result["valid"]!.GetValue<bool>() ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The process that exports.</summary>
    public static async Task<int> ExportAsync(string folder, string format)
    {
        await using var store = Open(folder);
        await store.InitializeAsync(CancellationToken.None);
        var exporter = new TrajectoryExporter(store, store, store, new TrajectoryReader(store), new LlmProxyOptions(), TimeProvider.System);
        var request = new ExportRequest("default", ExportFormats.Parse(format)!.Value);
        var started = Stopwatch.GetTimestamp();
        var result = await new ExportFiles(request, Path.Combine(folder, "export.jsonl")).WriteAsync(exporter.ExportAsync(request, CancellationToken.None), _ => { }, CancellationToken.None);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        using var self = Process.GetCurrentProcess();
        Console.WriteLine(new JsonObject
        {
            ["lines"] = result.Added,
            ["bytes"] = result.Training.Report.Bytes,
            ["tokens"] = result.Training.Report.Tokens,
            ["valid"] = result.Training.Report.IsValid,
            ["seconds"] = Math.Round(seconds, 1),
            ["peakMegabytes"] = Math.Round(self.PeakWorkingSet64 / 1e6, 1),
        }.ToJsonString());
        return 0;
    }

    private static string Text(ExportBenchmarkOptions options, JsonObject result) => string.Create(
        CultureInfo.InvariantCulture,
        $"{options.Runs} runs of {options.Steps} steps as {options.Format}: {result["lines"]} lines, {result["bytes"]!.GetValue<long>() / 1e6:0.0} MB, written and checked in {result["seconds"]} s; peak memory {result["peakMegabytes"]} MB; {(result["valid"]!.GetValue<bool>() ? "valid" : "not valid")}");

    private static string[] SelfArguments()
    {
        var host = Path.GetFileNameWithoutExtension(Environment.ProcessPath!);
        return host.Equals("dotnet", StringComparison.OrdinalIgnoreCase) ? [typeof(ExportScenario).Assembly.Location] : [];
    }

    private static SqlTrajectoryStore Open(string folder) =>
        StoreFactory.Create(new StorageOptions { Provider = StoreProvider.Sqlite, ConnectionString = "Data Source=llmproxy.db" }, folder, TimeProvider.System);

    private static async Task FillAsync(string folder, ExportBenchmarkOptions options, CancellationToken cancellationToken)
    {
        await using var store = Open(folder);
        await store.InitializeAsync(cancellationToken);
        var changes = new List<TrajectoryChange>();
        for (var i = 0; i < options.Runs; i++)
        {
            changes.Add(MakeRun(i, options.Steps));
            if (changes.Count == RunsASave || i == options.Runs - 1)
            {
                await store.SaveAsync(changes, cancellationToken);
                changes.Clear();
            }
        }
    }

    /// <summary>A run whose every step calls a tool and gets 1 KB of text back.</summary>
    private static TrajectoryChange MakeRun(int number, int steps)
    {
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddMinutes(number);
        var id = $"run-{number:000000}";
        var task = string.Create(CultureInfo.InvariantCulture, $"Find invoice {number} and file it in the archive of its year");
        var contents = new List<Content>();
        var system = Keep("You are a clerk who files what people ask for. " + string.Concat(Enumerable.Repeat("Look before you act. ", 100)));
        var tools = Keep("""[{"name":"look","description":"Looks into a folder","input_schema":{"type":"object","properties":{"at":{"type":"string"}},"required":["at"]}}]""");
        var rows = new List<TrajectoryStep>();
        for (var i = 0; i < steps; i++)
        {
            var message = i == 0
                ? Json(new JsonObject { ["role"] = "user", ["content"] = task })
                : Json(new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "tool_result", ["tool_use_id"] = $"call_{number}_{i - 1}", ["content"] = Filler(number * 31 + i) }) });
            var reply = i == steps - 1
                ? new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = $"Invoice {number} is filed." }) }
                : new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = $"I look into folder {i} for invoice {number}." }, new JsonObject { ["type"] = "tool_use", ["id"] = $"call_{number}_{i}", ["name"] = "look", ["input"] = new JsonObject { ["at"] = $"folder {i}" } }) };
            rows.Add(new TrajectoryStep
            {
                TrajectoryId = id,
                Index = i + 1,
                ExchangeId = $"{id}-{i}",
                Dialect = DialectKind.AnthropicMessages,
                Model = "claude-sonnet-4-5",
                SystemPrompt = system,
                SentSystemPrompt = system,
                Tools = tools,
                HistoryKept = i * 2,
                Messages = [new StepMessage(Keep(message), "user", false)],
                Reply = Keep(Json(reply)),
                StartedAt = start.AddSeconds(i),
                HttpStatus = 200,
            });
        }

        return new TrajectoryChange { Trajectory = Row(id, task, start, steps), Steps = rows, Contents = contents };

        ContentHash Keep(string text)
        {
            var content = Content.Of(Encoding.UTF8.GetBytes(text));
            contents.Add(content);
            return content.Hash;
        }
    }

    private static Trajectory Row(string id, string task, DateTimeOffset start, int steps) => new()
    {
        Id = id,
        TaskId = "task-" + id,
        Tenant = "default",
        ConversationId = "task-" + id,
        Provider = "anthropic",
        Model = "claude-sonnet-4-5",
        TaskDescription = task,
        Status = TrajectoryStatus.Completed,
        Success = true,
        QualityScore = 0.9,
        IterationCount = steps,
        ToolCallsCount = steps - 1,
        StartedAt = start,
        LastActivityAt = start.AddSeconds(steps),
        CompletedAt = start.AddSeconds(steps),
        OutcomeSource = OutcomeSource.Api,
        HasContent = true,
    };

    private static string Json(JsonObject message) => message.ToJsonString(JsonSerializerOptions.Default);

    private static string Filler(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder(1024);
        while (text.Length < 1000)
        {
            text.Append("entry ").Append(random.Next(1_000_000)).Append(" of the ledger; ");
        }

        return text.ToString();
    }
}
