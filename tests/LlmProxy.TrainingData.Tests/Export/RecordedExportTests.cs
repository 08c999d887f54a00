using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Wire;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Conversations;
using LlmProxy.TrainingData.Export;
using LlmProxy.TrainingData.Import;
using LlmProxy.Wire;
using Microsoft.Extensions.DependencyInjection;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Export;

/// <summary>Hundreds of real runs, recorded through the proxy, exported in every format, and brought back.</summary>
public sealed class RecordedExportTests(RecordedRunsFixture recorded, ITestOutputHelper output) : IClassFixture<RecordedRunsFixture>
{
    [SharedDataFact]
    public async Task Every_recorded_run_is_exported_in_every_format_and_its_consumer_would_take_it()
    {
        using var folder = new TestFolder();
        output.WriteLine(recorded.Counts);
        foreach (var name in ExportFormats.Names)
        {
            var format = ExportFormats.Parse(name)!.Value;
            var result = await ExportAsync(new ExportRequest("default", format) { ImageUri = "gs://bucket/images", MaxImages = format == ExportFormat.Trl ? 5 : null }, folder[name + ".jsonl"]);

            var selected = result.Summary.Runs + result.Summary.LeftOut.Values.Sum();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {result.Summary.Runs} of {selected} runs in {result.Added} lines, about {result.Training.Report.Tokens} tokens, {result.Images} image files, {result.Training.Report.ProblemCount} problems"));
            foreach (var (what, count) in result.Summary.LeftOut.Concat(result.Summary.Notes))
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {count} {what}"));
            }

            Assert.True(result.Training.Report.IsValid, string.Join('\n', result.Training.Report.Problems.Take(10)));
            Assert.DoesNotContain(result.Summary.Notes.Keys, note => note.Contains("the format's rule", StringComparison.Ordinal));
            if (format.IsPreference())
            {
                Assert.True(result.Added >= 10, "the trials of one task, some good and some bad, give pairs");
            }
            else
            {
                Assert.All(result.Summary.LeftOut.Keys, reason => Assert.True(reason.StartsWith("nothing to learn from: ", StringComparison.Ordinal) || reason == "models of several providers responded", reason));
                Assert.True(result.Summary.Runs >= selected * 97 / 100);
            }
        }
    }

    [SharedDataFact]
    public async Task Runs_that_give_no_line_hold_nothing_that_could_be_one()
    {
        using var folder = new TestFolder();
        var path = folder["runs.jsonl"];
        var result = await ExportAsync(new ExportRequest("default", ExportFormat.OpenAi), path);
        var exported = File.ReadLines(ExportFiles.OriginsOf(path)).Select(l => JsonSerializer.Deserialize(l, ExportJson.Default.ExportOrigin)!.TrajectoryId).ToHashSet(StringComparer.Ordinal);
        var reader = recorded.Proxy.Services.GetRequiredService<TrajectoryReader>();
        var (left, silent) = (new List<string>(), 0);
        await foreach (var run in RunsAsync())
        {
            if (!run.HasContent || run.Status == TrajectoryStatus.Active || run.Provider == RespondingModels.Mixed || exported.Contains(run.Id))
            {
                continue;
            }

            // Either no reply says or calls anything, or its first question is empty.
            var steps = await reader.ReadAsync(run.Id, CancellationToken.None);
            var isSilent = Told(steps).Count == 0;
            silent += isSilent ? 1 : 0;
            left.Add(string.Create(CultureInfo.InvariantCulture, $"{run.Model}, {run.IterationCount} steps, \"{Start(run.TaskDescription)}\": {(isSilent ? $"thinking alone ({string.Join(", ", steps.Select(s => s.Step.StopReason))})" : "the first message is empty: " + System.Text.Encoding.UTF8.GetString(steps[0].Messages[0].Message.Json.Span))}"));
            Assert.True(isSilent || steps[0].Messages.All(m => string.IsNullOrWhiteSpace(m.Message.Text) && m.Message.ToolResults.Count == 0), left[^1]);
        }

        left.Order(StringComparer.Ordinal).ToList().ForEach(output.WriteLine);
        Assert.Equal(silent, result.Summary.LeftOut.GetValueOrDefault(ConversationShaper.NoReply));
        Assert.Equal(left.Count - silent, result.Summary.LeftOut.GetValueOrDefault(ConversationShaper.NoQuestion));
    }

    private async IAsyncEnumerable<Trajectory> RunsAsync()
    {
        var query = new TrajectoryQuery("default") { Limit = 500 };
        do
        {
            var page = await recorded.Proxy.Store.ListAsync(query, CancellationToken.None);
            foreach (var run in page.Items)
            {
                yield return run;
            }

            query = query with { Cursor = page.NextCursor };
        }
        while (query.Cursor is not null);
    }

    [SharedDataFact]
    public async Task An_anthropic_export_that_is_imported_or_played_and_recorded_again_gives_the_same_steps()
    {
        using var folder = new TestFolder();
        var path = folder["runs.jsonl"];
        await ExportAsync(new ExportRequest("default", ExportFormat.Anthropic), path);
        var origins = File.ReadLines(ExportFiles.OriginsOf(path)).Select(l => JsonSerializer.Deserialize(l, ExportJson.Default.ExportOrigin)!).ToList();
        var lines = File.ReadLines(path).Select(l => JsonNode.Parse(l)!.AsObject()).ToList();

        // Imported into an empty store: every reply of every run is a step again.
        await using var store = StoreFactory.Create(new StorageOptions { ConnectionString = $"Data Source={folder["imported.db"]}" }, folder.Path, TimeProvider.System);
        await store.InitializeAsync(CancellationToken.None);
        var options = recorded.Proxy.Services.GetRequiredService<LlmProxyOptions>();
        var importer = new TrajectoryImporter(store, options, new TaskRulesCatalog(options.Tasks));
        var first = await importer.ImportAsync(path, ImportSource.Anthropic, "default", dryRun: false, null, CancellationToken.None);
        var again = await importer.ImportAsync(path, ImportSource.Anthropic, "default", dryRun: false, null, CancellationToken.None);
        output.WriteLine($"{lines.Count} lines: {first.Added} runs with {first.Steps} steps imported; again: {again.Added} added, {again.Known} known");
        Assert.Equal((0, first.Runs), (again.Added + again.Updated, again.Known));
        var reader = new TrajectoryReader(store);
        var (same, steps) = (0, 0);
        foreach (var run in origins.Select(o => o.TrajectoryId).Distinct(StringComparer.Ordinal))
        {
            var before = Told(await recorded.Proxy.Services.GetRequiredService<TrajectoryReader>().ReadAsync(run, CancellationToken.None));
            var after = Told(await reader.ReadAsync(run, CancellationToken.None));
            foreach (var (index, reply) in after)
            {
                Assert.Equal(before[index], reply);
            }

            steps += after.Count;
            same += before.Count == after.Count ? 1 : 0;
        }

        output.WriteLine($"{steps} replies are the same; {same} of {first.Runs} runs have all of theirs (the others hold replies of thinking alone)");
        Assert.InRange(same, first.Runs * 98 / 100, first.Runs);

        // Played through the proxy: each reply to the messages before it.
        var (played, replies) = await PlayAsync(lines, origins);
        output.WriteLine($"{played} lines played and recorded again, {replies} steps, each with the same reply");
        Assert.True(played > lines.Count / 2);
    }

    private static string Start(string text) => new([.. text.ReplaceLineEndings(" ").Take(90)]);

    /// <summary>What each step's reply says and calls, by the step's number.</summary>
    private static Dictionary<int, string> Told(IReadOnlyList<StepView> steps) => steps
        .Where(s => s.Reply is not null && (s.Reply.Text.Trim().Length > 0 || s.Reply.ToolCalls.Any(c => !c.IsHosted)))
        .ToDictionary(s => s.Step.Index, s => Told(s.Reply!));

    private static string Told(ConversationMessage reply) =>
        string.Concat(reply.Text.Where(c => !char.IsWhiteSpace(c))) + string.Concat(reply.ToolCalls.Where(c => !c.IsHosted).Select(c => $" {c.Name}({Arguments(c.Arguments)})"));

    private static string Arguments(string text)
    {
        try
        {
            return JsonNode.Parse(text is "" or "null" ? "{}" : text) is JsonObject o ? string.Join(',', o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value?.ToJsonString()}")) : "input=" + JsonValue.Create(text).ToJsonString();
        }
        catch (JsonException)
        {
            return "input=" + JsonValue.Create(text).ToJsonString();
        }
    }

    private static async Task<(int Lines, int Steps)> PlayAsync(List<JsonObject> lines, List<ExportOrigin> origins)
    {
        await using var proxy = await RecordedRuns.StartProxyAsync();
        var answers = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        proxy.Upstream.Answer = (context, received) => ScriptedUpstream.WriteAsync(context, answers[received.Headers["x-answer"].Single()], 200, "application/json");

        // A line whose turns are all to be learned from is a whole run.
        var whole = lines.Zip(origins).Select((l, i) => (Line: l.First, Task: $"played-{i}", IsWhole: l.Second.Replies.All(r => r > 0) && l.Second.Segment == 1)).Where(l => l.IsWhole).ToList();
        await Parallel.ForEachAsync(whole, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (item, _) =>
        {
            var messages = item.Line["messages"]!.AsArray();
            for (var i = 0; i < messages.Count; i++)
            {
                if (messages[i]!["role"]!.GetValue<string>() != "assistant")
                {
                    continue;
                }

                var request = (JsonObject)item.Line.DeepClone();
                request["max_tokens"] = 1024;
                request["messages"] = new JsonArray([.. messages.Take(i).Select(m => m!.DeepClone())]);
                var content = messages[i]!["content"]!;
                var answer = new JsonObject
                {
                    ["id"] = $"msg_{item.Task}_{i}",
                    ["type"] = "message",
                    ["role"] = "assistant",
                    ["model"] = item.Line["model"]!.DeepClone(),
                    ["content"] = content is JsonValue ? new JsonArray(new JsonObject { ["type"] = "text", ["text"] = content.DeepClone() }) : content.DeepClone(),
                    ["stop_reason"] = "end_turn",
                    ["usage"] = new JsonObject { ["input_tokens"] = 1, ["output_tokens"] = 1 },
                };
                var key = $"{item.Task}-{i}";
                answers[key] = answer.ToJsonString();
                using var reply = await proxy.PostAsync("/anthropic/v1/messages", request.ToJsonString(), ("LlmProxy-Task", item.Task), ("x-answer", key));
            }
        });
        await proxy.SettleAsync();

        var steps = 0;
        foreach (var (line, task, _) in whole)
        {
            var run = await proxy.Store.FindTaskAsync("default", task, CancellationToken.None);
            var recordedSteps = await proxy.ReadStepsAsync(run!);
            var dialect = DialectCatalog.Get(DialectKind.AnthropicMessages);
            var expected = line["messages"]!.AsArray().Select(m => dialect.ReadMessage(JsonSerializer.SerializeToUtf8Bytes(m))).ToList();
            Assert.Equal(expected.Where(m => m.IsAssistant).Select(Told), recordedSteps.Select(s => Told(s.Reply!)));
            Assert.Equal(expected.Where(m => !m.IsAssistant).Select(MessagePrint.Of), recordedSteps.SelectMany(s => s.Messages).Select(m => MessagePrint.Of(m.Message)));
            steps += recordedSteps.Count;
        }

        return (whole.Count, steps);
    }

    private Task<ExportResult> ExportAsync(ExportRequest request, string path)
    {
        request = request with { MinQuality = 0, SuccessOnly = false, KeepsImageFiles = true };
        var exporter = recorded.Proxy.Services.GetRequiredService<TrajectoryExporter>();
        return new ExportFiles(request, path).WriteAsync(exporter.ExportAsync(request, CancellationToken.None), _ => { }, CancellationToken.None);
    }
}
