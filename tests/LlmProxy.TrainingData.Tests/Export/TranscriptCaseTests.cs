using LlmProxy.Core.Recording;

namespace LlmProxy.Tests.Export;

/// <summary>Transcripts that were each written for one fault, with the values that are right for them.</summary>
public sealed partial class TranscriptCaseTests
{
    private const string MoveDone = "Move the changelog to docs | 4 steps, 3 calls, probable";
    private const string RenameDone = "Rename the release script | 5 steps, 4 calls, probable";
    private const string ReadmeDone = "Now update the readme | 3 steps, 2 calls, probable";

    [TranscriptTheory]
    [InlineData("k01-compact-phantom", "", MoveDone, RenameDone, ReadmeDone)]
    [InlineData("k01b-compact-control", "", MoveDone, RenameDone, ReadmeDone)]
    [InlineData("k02-resume-phantom", "", MoveDone, RenameDone, ReadmeDone)]
    [InlineData("k02b-second-root", "", MoveDone, ReadmeDone)]
    [InlineData("k04-branch", "copy in a branch or fork 3", "Move the changelog to docs | 3 steps, 2 calls, probable", "Try it with a symlink instead | 2 steps, 1 calls, probable")]
    [InlineData("k04b-branch-twice", "repeated record 6", "Move the changelog to docs | 3 steps, 2 calls, probable", "Try it with a hard link instead | 2 steps, 1 calls, probable")]
    [InlineData("k05-aside", "side call 10", MoveDone)]
    [InlineData("k06-notifications", "", "Start the long import in the background | 9 steps, 2 calls, probable")]
    [InlineData("k07-side", "side call 6")]
    [InlineData("k08-slash/first.jsonl", "", "fix-issue 482: the totals are rounded twice\nLook at issue 482: the totals are rounded twice and fix it. Run the tests afterwards. | 2 steps, 1 calls, probable")]
    [InlineData("k08-slash/later.jsonl", "", "Move the changelog to docs | 3 steps, 2 calls, probable", "review-pr 77\nReview pull request 77 and list the risks. | 5 steps, 4 calls, open")]
    [InlineData("k09-parallel-progress", "", "Check three things | 2 steps, 3 calls, probable")]
    [InlineData("k10-glm", "", "Count the files | 2 steps, 1 calls, probable")]
    [InlineData("k12-subagent", "", "Find who calls the parser | 2 steps, 1 calls, probable", "Look for callers of the parser | 3 steps, 2 calls, probable")]
    [InlineData("k13-tags", "", "Start a team | 2 steps, 1 calls, probable", "Please take ticket 5 | 2 steps, 1 calls, probable", "Now push | 2 steps, 1 calls, probable")]
    [InlineData("k16-rewind", "abandoned branch 8", "Move the changelog to docs | 3 steps, 2 calls, probable", "Rename the script | 2 steps, 1 calls, probable")]
    [InlineData("k18-image", "", "What is wrong in this picture? | 2 steps, 1 calls, probable")]
    [InlineData("k19-apierror", "", "Fix the build | 1 steps, 1 calls, open")]
    [InlineData("k20-stophook", "", "Fix the build | 4 steps, 2 calls, probable")]
    [InlineData("k21-stops/max_tokens.jsonl", "", "Write the long report max_tokens | 2 steps, 1 calls, open")]
    [InlineData("k21-stops/refusal.jsonl", "", "Write the long report refusal | 2 steps, 1 calls, open")]
    [InlineData("k21-stops/pause_turn.jsonl", "", "Write the long report pause_turn | 2 steps, 1 calls, open")]
    [InlineData("k21-stops/model_context_window_exceeded.jsonl", "", "Write the long report model_context_window_exceeded | 2 steps, 1 calls, open")]
    [InlineData("k22-old", "", "hello | 1 steps, 0 calls, open")]
    [InlineData("k23-bytes", "", "Move the changelog to docs | 3 steps, 2 calls, probable")]
    [InlineData("k25-history-learned", "", "Delete the cache | 3 steps, 2 calls, open", "Move the changelog to docs | 2 steps, 1 calls, probable", "Rename the release script | 2 steps, 1 calls, probable")]
    public async Task A_transcript_becomes_the_right_runs(string input, string leftOut, params string[] runs)
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());

        var report = await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path(input));

        Assert.Equal(runs, await TranscriptLab.SayAsync(lab));
        Assert.Equal((runs.Length, runs.Length, 0), (report.Runs, report.Added, report.Known));
        Assert.Equal(leftOut, TranscriptLab.LeftOut(report));

        // Importing again changes nothing.
        var again = await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path(input));
        Assert.Equal((0, 0, runs.Length), (again.Added, again.Updated, again.Known));
    }

    [TranscriptFact]
    public async Task Parallel_calls_beside_progress_rows_keep_their_results()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k09-parallel-progress"));

        var run = Assert.Single(await TranscriptLab.RunsAsync(lab));
        var steps = await new TrajectoryReader(lab.Store).ReadAsync(run.Id, CancellationToken.None);
        Assert.Equal(["toolu_p1", "toolu_p2", "toolu_p3"], steps[0].Reply!.ToolCalls.Select(c => c.Id));
        Assert.Equal(["one", "two", "three"], steps[1].Messages.SelectMany(m => m.Message.ToolResults).Select(r => r.Content));
    }

    [TranscriptFact]
    public async Task The_provider_is_the_models_and_a_subagent_names_its_parent()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k10-glm"));
        Assert.Equal(("glm-5", "proxy"), (await TranscriptLab.RunsAsync(lab)) is [var glm] ? (glm.Model, glm.Provider) : default);

        await using var other = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(other, TranscriptTheoryAttribute.Path("k12-subagent"));
        var runs = await TranscriptLab.RunsAsync(other);
        Assert.Equal(("anthropic", runs[0].Id), (runs[0].Provider, runs[1].ParentId));
    }

    [TranscriptFact]
    public async Task A_teammates_message_is_no_intervention_and_an_aside_costs_nothing_twice()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k13-tags"));
        Assert.All(await TranscriptLab.RunsAsync(lab), r => Assert.Equal(0, r.UserInterventions));

        await using var other = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(other, TranscriptTheoryAttribute.Path("k05-aside"));
        Assert.Equal(4 * 115, (await TranscriptLab.RunsAsync(other)).Sum(r => r.TokenUsage?.Total));
    }

    [TranscriptFact]
    public async Task A_file_that_grows_is_brought_up_to_date()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k15-growing/1"));
        var report = await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k15-growing/2"));

        Assert.Equal((3, 1, 1, 1), (report.Runs, report.Added, report.Updated, report.Known));
        Assert.Equal(
            ["Move the changelog to docs | 3 steps, 2 calls, probable", "Rename the script | 2 steps, 1 calls, probable", "Tag the release | 2 steps, 1 calls, probable"],
            await TranscriptLab.SayAsync(lab));
    }

    [TranscriptFact]
    public async Task Made_up_secrets_are_stored_nowhere()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k14-secrets"));

        var secrets = Secrets().Matches(await File.ReadAllTextAsync(TranscriptTheoryAttribute.Path("k14-secrets/s.jsonl"))).Select(m => m.Value).ToList();
        Assert.NotEmpty(secrets);
        var run = Assert.Single(await TranscriptLab.RunsAsync(lab));
        var steps = await new TrajectoryReader(lab.Store).ReadAsync(run.Id, CancellationToken.None);
        var stored = run.TaskDescription + string.Concat(steps.SelectMany(s => s.Messages.Select(m => m.Message).Append(s.Reply!)).Select(m => System.Text.Encoding.UTF8.GetString(m.Json.Span)));
        Assert.Equal([], secrets.Where(s => stored.Contains(s, StringComparison.Ordinal)));
    }

    // Beginnings that name their provider, then what is secret.
    [System.Text.RegularExpressions.GeneratedRegex("(?:sk-proj-|ghp_|AKIA|xoxb-|AIza|sk_live_|eyJ)[A-Za-z0-9_.-]{8,}", System.Text.RegularExpressions.RegexOptions.None, 1000)]
    private static partial System.Text.RegularExpressions.Regex Secrets();

    [TranscriptFact]
    public async Task Broken_lines_are_counted()
    {
        await using var lab = await ExportLab.OpenAsync(TranscriptLab.Shipped());
        var report = await TranscriptLab.ImportAsync(lab, TranscriptTheoryAttribute.Path("k23-bytes"));
        Assert.True(report.Unknown["broken JSON"] > 0);
    }
}

/// <summary>A test with transcripts beside the repository; skipped where they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TranscriptTheoryAttribute : TheoryAttribute
{
    public TranscriptTheoryAttribute() => Skip = WhyNot;

    internal static string? WhyNot => SharedData.Root is { } root && Directory.Exists(System.IO.Path.Combine(root, "cases", "transcripts")) ? null : "needs the transcripts in ../shared/cases beside the repository";

    internal static string Path(string input) => System.IO.Path.Combine(SharedData.Root!, "cases", "transcripts", input);
}

/// <summary>A test with transcripts beside the repository; skipped where they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TranscriptFactAttribute : FactAttribute
{
    public TranscriptFactAttribute() => Skip = TranscriptTheoryAttribute.WhyNot;
}
