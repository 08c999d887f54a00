using LlmProxy.Core.Configuration;
using LlmProxy.Core.Curation;
using LlmProxy.Core.Experiments;
using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Retrieval;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Curation;

/// <summary>Curation while tasks come in whose success depends in a known way on the examples that they got.</summary>
public sealed class PlantedCurationTests(ITestOutputHelper output)
{
    private const int Tasks = 4000;
    private const int CurateEvery = 200;

    // Two kinds of tasks have a harmful example besides a better one, one has nothing else.
    private static readonly (string Id, string Task, double Effect, int Weight)[] Examples =
    [
        ("helps-1", "Download the March invoice from the supplier portal", 0.2, 5),
        ("helps-2", "Get the April invoice off the supplier portal and file it", 0.2, 3),
        ("helps-3", "Fix the failing unit test of the parser module", 0.15, 2),
        ("helps-4", "Repair the failing unit test of the lexer module", 0.25, 1),
        ("helps-5", "Add the sales totals to the spreadsheet as a new column", 0.2, 1),
        ("helps-6", "Put the sales totals of May into the spreadsheet column", 0.1, 4),
        ("useless-1", "Write a polite reply to the mail about the meeting", 0, 3),
        ("useless-2", "Reply to the mail about the meeting of Monday", 0, 2),
        ("useless-3", "Answer the mail that moves the meeting to Friday", 0, 1),
        ("useless-4", "Download the June invoice from the portal of the supplier", 0, 4),
        ("harms-1", "Book a flight to Oslo for two passengers", -0.3, 3),
        ("harms-2", "Book the flight of two passengers to Rome", -0.35, 1),
        ("harms-3", "Fix a failing unit test in the module of the cache", -0.3, 2),
    ];

    [Fact]
    public async Task Harmful_examples_are_retired_no_helpful_one_is_and_coverage_says_what_is_left()
    {
        var (harmful, helpful, useless) = (0, 0, 0);
        for (var seed = 1; seed <= 20; seed++)
        {
            var (lab, before, after) = await RunAsync(seed, new ExperimentOptions { Enabled = true, Holdout = 0.2, RetireHarmful = true });
            var retired = lab.Store.Examples.Where(e => e.Retired).Select(e => e.TrajectoryId).ToList();
            harmful += retired.Count(id => id.StartsWith("harms", StringComparison.Ordinal));
            helpful += retired.Count(id => id.StartsWith("helps", StringComparison.Ordinal));
            useless += retired.Count(id => id.StartsWith("useless", StringComparison.Ordinal));
            output.WriteLine($"seed {seed}: coverage before {Text(before)}, after {Text(after)}; without a good example: {string.Join(", ", after.Types.Where(t => t.GoodExamples == 0).Select(t => t.Name))}");

            Assert.Equal(before.Coverage.Types, before.Coverage.WithGoodExample);
            var flights = after.Types.Single(t => t.Name.Contains("flight", StringComparison.Ordinal));
            Assert.Equal(2 - retired.Count(id => id is "harms-1" or "harms-2"), flights.Examples);
            Assert.DoesNotContain(after.Types.SelectMany(t => t.Chosen), c => retired.Contains(c.TrajectoryId) || c.Evidence?.Finding == "harms");
            Assert.All(after.Types, t => Assert.True(t.GoodExamples > 0 || t == flights, t.Name));
        }

        output.WriteLine($"20 seeds of {Tasks} tasks, curated every {CurateEvery}: retired {harmful} of {20 * 3} harmful, {useless} of {20 * 4} useless, {helpful} of {20 * 6} helpful examples");
        Assert.True(harmful >= 57, $"{harmful} of 60 harmful ones were retired");
        Assert.Equal(0, helpful);
        Assert.True(useless <= 4, $"{useless} of 80 useless ones were retired");
    }

    [Fact]
    public async Task Without_the_setting_and_in_a_dry_run_harmful_examples_are_named_and_stay()
    {
        var (off, _, report) = await RunAsync(1, new ExperimentOptions { Enabled = true, Holdout = 0.2 });
        var (on, _, dry) = await RunAsync(1, new ExperimentOptions { Enabled = true, Holdout = 0.2, RetireHarmful = true }, dryRun: true);

        Assert.Equal(["harms-1", "harms-2", "harms-3"], report.Harmful.Select(h => h.TrajectoryId).Order(StringComparer.Ordinal));
        Assert.All(report.Harmful, h => Assert.Equal(HarmfulFate.Kept, h.Fate));
        Assert.All(dry.Harmful, h => Assert.Equal(HarmfulFate.Retired, h.Fate));
        Assert.DoesNotContain(off.Store.Examples.Concat(on.Store.Examples), e => e.Retired);
    }

    [Fact]
    public async Task A_pinned_example_stays_and_is_chosen_whatever_it_does()
    {
        var (lab, _, report) = await RunAsync(1, new ExperimentOptions { Enabled = true, Holdout = 0.2, RetireHarmful = true }, pinned: "harms-1");

        Assert.False(lab.Store.Examples.Single(e => e.TrajectoryId == "harms-1").Retired);
        Assert.Equal(HarmfulFate.Pinned, Assert.Single(report.Harmful).Fate);
        var flights = report.Types.Single(t => t.Name.Contains("flight", StringComparison.Ordinal));
        Assert.Equal(("harms-1", true, 0), (flights.Chosen[0].TrajectoryId, flights.Chosen[0].IsPinned, flights.GoodExamples));
    }

    private static string Text(CurationReport report) => $"{report.Coverage.WithGoodExample} of {report.Coverage.Types} types ({report.Coverage.TasksWithGoodExample} of {report.Coverage.Tasks} tasks)";

    private static async Task<(CurationLab Lab, CurationReport Before, CurationReport After)> RunAsync(int seed, ExperimentOptions options, string? pinned = null, bool dryRun = false)
    {
        var random = new Random(seed);
        var lab = new CurationLab(experiments: options);
        foreach (var (i, example) in Examples.Index())
        {
            lab.Add(TestRuns.Run(example.Id, example.Task, "act") with { StartedAt = new DateTimeOffset(2026, 3, 1, 9, i, 0, TimeSpan.Zero), OutcomeSource = OutcomeSource.Human });
            lab.Store.Examples.Add(new FewShotExampleRow(example.Id, example.Task, 0.9, Pinned: example.Id == pinned, Retired: false, null, 0, null));
        }

        var before = await lab.CurateAsync(dryRun: true);
        var last = before;
        var counts = new Dictionary<(string Model, string Arm, string Ids), (long Tasks, long Successes)>();
        for (var task = 1; task <= Tasks; task++)
        {
            var model = random.Next(3) == 0 ? "small" : "large";
            var arm = ExperimentArm.Of(options, $"task-{seed}-{task}")!;
            var chosen = arm == ExperimentArm.Holdout ? [] : Choose(random, lab);
            var rate = (model == "small" ? 0.45 : 0.6) + (chosen.Count == 0 ? 0 : chosen.Average(c => c.Effect));
            var key = (model, arm, string.Join(',', chosen.Select(c => c.Id)));
            var (tasks, successes) = counts.GetValueOrDefault(key);
            counts[key] = (tasks + 1, successes + (random.NextDouble() < rate ? 1 : 0));
            if (task % CurateEvery == 0)
            {
                lab.Store.Outcomes = [.. counts.Select(c => new ExampleOutcome("openai", c.Key.Model, c.Key.Arm, c.Key.Ids.Split(',', StringSplitOptions.RemoveEmptyEntries), c.Value.Tasks, c.Value.Successes))];
                last = await lab.CurateAsync(dryRun);
            }
        }

        // What the last curation retired is not in its own report.
        return (lab, before, options.RetireHarmful && !dryRun ? await lab.CurateAsync() : last);
    }

    // One to three different ones of those that are still in use.
    private static List<(string Id, double Effect)> Choose(Random random, CurationLab lab)
    {
        var pool = Examples.Where(e => !lab.Store.Examples.Exists(x => x.Retired && x.TrajectoryId == e.Id)).SelectMany(e => Enumerable.Repeat((e.Id, e.Effect), e.Weight)).ToArray();
        random.Shuffle(pool);
        return [.. pool.Distinct().Take(random.Next(1, 4))];
    }
}
