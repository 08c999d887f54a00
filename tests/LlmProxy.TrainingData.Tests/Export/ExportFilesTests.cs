using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;
using static LlmProxy.Tests.Export.ExportLab;

namespace LlmProxy.Tests.Export;

/// <summary>The files of an export: two sides, origins, going on, breaking off.</summary>
public sealed class ExportFilesTests
{
    [Fact]
    public async Task No_task_and_no_conversation_stands_on_both_sides_of_a_split()
    {
        await using var lab = await OpenAsync();
        for (var i = 0; i < 60; i++)
        {
            // Twenty tasks, three runs each; every third run shares its conversation with a run of another task.
            await lab.SaveAnswerAsync(Run($"run-{i:00}", $"Task number {i % 20}", minute: i) with { ConversationId = i % 3 == 0 ? $"talk-{i / 6}" : $"task-run-{i:00}" });
        }

        var result = await lab.WriteAsync(new ExportRequest("default", ExportFormat.OpenAi) { Split = 0.2 }, "x.jsonl");

        var training = Origins(lab["x.origins.jsonl"]);
        var validation = Origins(lab["x.validation.origins.jsonl"]);
        Assert.Equal((60, training.Count, validation.Count), (result.Added, (int)result.Training.Report.Lines, (int)result.Validation!.Report.Lines));
        Assert.InRange(validation.Count, 6, 36);
        Assert.Empty(training.Select(o => o.TaskDescription).Intersect(validation.Select(o => o.TaskDescription)));
        Assert.Empty(training.Select(o => o.ConversationId).Intersect(validation.Select(o => o.ConversationId)));
        Assert.Equal(training.Count, File.ReadLines(lab["x.jsonl"]).Count());
        Assert.DoesNotContain("trajectoryId", await File.ReadAllTextAsync(lab["x.jsonl"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_since_a_file_is_gone_on_with_and_no_run_comes_twice_or_changes_its_side()
    {
        await using var lab = await OpenAsync();
        for (var i = 0; i < 30; i++)
        {
            await lab.SaveAnswerAsync(Run($"run-{i:00}", $"Task number {i % 10}", minute: i));
        }

        var request = new ExportRequest("default", ExportFormat.OpenAi) { Split = 0.3 };
        var first = await lab.WriteAsync(request, "x.jsonl");
        for (var i = 30; i < 50; i++)
        {
            await lab.SaveAnswerAsync(Run($"run-{i:00}", $"Task number {i % 25}", minute: i));
        }

        // A little earlier than needed: what is there already is passed over.
        var second = await lab.WriteAsync(request with { Since = first.Summary.NextSince.AddMinutes(-5) }, "x.jsonl");

        Assert.Equal((30, 20), (first.Added, second.Added));
        var training = Origins(lab["x.origins.jsonl"]);
        var validation = Origins(lab["x.validation.origins.jsonl"]);
        Assert.Equal(50, training.Concat(validation).Select(o => o.TrajectoryId).Distinct().Count());
        Assert.Equal(50, training.Count + validation.Count);
        Assert.Empty(training.Select(o => o.TaskDescription).Intersect(validation.Select(o => o.TaskDescription)));
    }

    [Fact]
    public async Task An_export_that_breaks_off_leaves_what_was_there()
    {
        await using var lab = await OpenAsync();
        await File.WriteAllTextAsync(lab["x.jsonl"], "before\n");
        await lab.SaveAnswerAsync(Run("a", "Go"));
        var request = new ExportRequest("default", ExportFormat.Trl);

        await Assert.ThrowsAsync<InvalidDataException>(() => new ExportFiles(request, lab["x.jsonl"]).WriteAsync(
            lab.Exporter().ExportAsync(request, CancellationToken.None).Where(e => e is not ExportSummary), _ => { }, CancellationToken.None));

        Assert.Equal("before\n", await File.ReadAllTextAsync(lab["x.jsonl"]));
        Assert.False(File.Exists(lab["x.jsonl.part"]));
        Assert.False(File.Exists(lab["x.origins.jsonl.part"]));
    }

    [Fact]
    public async Task A_line_that_would_be_refused_keeps_a_file_from_its_name()
    {
        await using var lab = await OpenAsync();
        var request = new ExportRequest("default", ExportFormat.Trl);
        var result = await new ExportFiles(request, lab["x.jsonl"]).WriteAsync(Events(), _ => { }, CancellationToken.None);

        Assert.False(File.Exists(lab["x.jsonl"]));
        Assert.Equal(lab["x.jsonl.part"], result.Training.Path);
        Assert.Equal("missing-messages", Assert.Single(result.Training.Report.Problems).Rule);

        static async IAsyncEnumerable<ExportEvent> Events()
        {
            await Task.Yield();
            yield return new ExportLine("{}"u8.ToArray(), false, new ExportOrigin { TrajectoryId = "a", TaskId = "a", ConversationId = "a", Provider = "anthropic" });
            yield return new ExportSummary(1, 0, 1, new Dictionary<string, int>(), new Dictionary<string, int>(), Start);
        }
    }

    [Fact]
    public async Task Pairs_are_success_over_failure_or_a_better_score_of_the_same_or_nearly_the_same_task()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("good", "Book a flight to Rome"), "Booked.");
        await lab.SaveAnswerAsync(Run("bad", "book a  flight to rome", success: false, minute: 1), "I cannot.");
        await lab.SaveAnswerAsync(Run("best", "Print the report", quality: 1, minute: 2), "Printed in full.");
        await lab.SaveAnswerAsync(Run("fair", "Print the report", quality: 0.75, minute: 3), "Printed.");
        await lab.SaveAnswerAsync(Run("near", "Download the invoice of April 2026 from the billing portal and file it in the archive", minute: 4), "Filed.");
        await lab.SaveAnswerAsync(Run("nearly", "Download the invoice of April 2026 from the billing portal and file it in archive", success: false, minute: 5), "No portal.");
        await lab.SaveAnswerAsync(Run("alone", "Water the plants", minute: 6), "Watered.");
        await lab.SaveAnswerAsync(Run("equal", "Greet", quality: 1, minute: 7), "Hello.");
        await lab.SaveAnswerAsync(Run("equal2", "Greet", success: false, minute: 8), "Hello.");

        var (lines, summary, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAiDpo));

        Assert.Equal(
            ["best>fair quality 1.00 over 0.75", "good>bad success over failure", "near>nearly success over failure"],
            lines.Select(l => $"{l.Origin.TrajectoryId}>{l.Origin.Pair!.TrajectoryId} {l.Origin.Pair.Reason}").Order(StringComparer.Ordinal));
        Assert.InRange(lines.Single(l => l.Origin.TrajectoryId == "near").Origin.Pair!.Similarity, 0.9, 0.9999);
        Assert.Equal(1, summary.Notes["pairs left out: the runs hold the same replies"]);
        Assert.Equal(
            """{"input":{"messages":[{"role":"system","content":"You are a clerk."},{"role":"user","content":"Book a flight to Rome"}]},"preferred_output":[{"role":"assistant","content":"Booked."}],"non_preferred_output":[{"role":"assistant","content":"I cannot."}]}""",
            System.Text.Encoding.UTF8.GetString(lines.Single(l => l.Origin.TrajectoryId == "good").Json.Span));
    }

    [Fact]
    public async Task A_failure_whose_content_is_hidden_is_the_worse_of_a_pair_and_nothing_else()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAnswerAsync(Run("good", "Book a flight to Rome"), "Booked.");
        await lab.SaveAnswerAsync(Run("bad", "Book a flight to Rome", success: false, minute: 1) with { WhyNoContent = NotRecordedReason.Failed }, "I cannot.");
        await lab.SaveAnswerAsync(Run("short", "Print the report", quality: 1, minute: 2) with { WhyNoContent = NotRecordedReason.ShorterThanMinDuration }, "Printed in full.");
        await lab.SaveAnswerAsync(Run("worse", "Print the report", success: false, minute: 3), "No printer.");
        await lab.SaveAnswerAsync(Run("other", "Greet", quality: 1, minute: 4) with { WhyNoContent = NotRecordedReason.ProviderNotRecorded }, "Hello.");

        var (pairs, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAiDpo));
        var (lines, _, _) = await lab.ExportAsync(new ExportRequest("default", ExportFormat.OpenAi) { SuccessOnly = false, MinQuality = 0 });

        Assert.Equal(["good>bad"], pairs.Select(l => $"{l.Origin.TrajectoryId}>{l.Origin.Pair!.TrajectoryId}"));
        Assert.Equal(["good", "worse"], lines.Select(l => l.Origin.TrajectoryId).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_pair_is_compared_where_its_runs_part()
    {
        await using var lab = await OpenAsync();
        await lab.SaveAsync(
            Run("good", "Go"), DialectKind.AnthropicMessages, null, null,
            (0, [User("Go")], Use("c1", "look", """{"at":"desk","n":1}""", "Let me look.")), (2, [Result("c1", "\"r\"")], Use("c2", "take", "{}")), (4, [Result("c2", "\"ok\"")], Assistant("Taken.")));
        await lab.SaveAsync(
            Run("bad", "Go", success: false, minute: 1), DialectKind.AnthropicMessages, null, null,
            (0, [User("Go")], Use("d1", "look", """{"n":1,"at":"desk"}""", "I look first.")), (2, [Result("d1", "\"r\"")], Use("d2", "drop", "{}")), (4, [Result("d2", "\"ok\"")], Assistant("Dropped.")));

        var line = Assert.Single((await lab.ExportAsync(new ExportRequest("default", ExportFormat.TrlDpo))).Lines);
        Assert.Equal("turn 2", line.Origin.Pair!.Compared);
        var json = JsonNode.Parse(line.Json.Span)!;
        Assert.Equal(["user", "assistant", "tool"], json["prompt"]!.AsArray().Select(m => m!["role"]!.GetValue<string>()));
        Assert.Equal("take", json["chosen"]![0]!["tool_calls"]![0]!["function"]!["name"]!.GetValue<string>());
        Assert.Equal("drop", json["rejected"]![0]!["tool_calls"]![0]!["function"]!["name"]!.GetValue<string>());

        // Gemini's preference format takes text alone: there the final answers are compared.
        var gemini = Assert.Single((await lab.ExportAsync(new ExportRequest("default", ExportFormat.GeminiDpo))).Lines);
        Assert.Equal("final answer", gemini.Origin.Pair!.Compared);
    }

    private static List<ExportOrigin> Origins(string path) => [.. File.ReadLines(path).Select(l => JsonSerializer.Deserialize(l, ExportJson.Default.ExportOrigin)!)];
}
