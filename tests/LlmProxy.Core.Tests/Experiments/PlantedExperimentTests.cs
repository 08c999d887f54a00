using LlmProxy.Core.Configuration;
using LlmProxy.Core.Experiments;
using LlmProxy.Tests.Retrieval;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Abstractions;

namespace LlmProxy.Tests.Experiments;

/// <summary>Simulated agents whose success depends in a known way on the examples that they got.</summary>
public sealed class PlantedExperimentTests(ITestOutputHelper output)
{
    private const int Tasks = 4000;
    private const int ReviewEvery = 200;

    // Helpful, useless and harmful, in unequal numbers and unequally often chosen.
    private static readonly (string Id, double Effect, int Weight)[] Examples =
    [
        ("helps-1", 0.2, 5), ("helps-2", 0.2, 3), ("helps-3", 0.15, 2), ("helps-4", 0.25, 1), ("helps-5", 0.2, 1), ("helps-6", 0.1, 4),
        ("useless-1", 0, 3), ("useless-2", 0, 2), ("useless-3", 0, 1), ("useless-4", 0, 4),
        ("harms-1", -0.3, 3), ("harms-2", -0.35, 1), ("harms-3", -0.3, 2),
    ];

    [Fact]
    public async Task The_harmful_examples_are_found_and_retired_and_never_a_helpful_one()
    {
        var (found, helpful, useless) = (0, 0, 0);
        for (var seed = 1; seed <= 20; seed++)
        {
            var retired = await RunAsync(seed, new ExperimentOptions { Enabled = true, Holdout = 0.2, RetireHarmful = true });
            found += retired.Count(id => id.StartsWith("harms", StringComparison.Ordinal));
            helpful += retired.Count(id => id.StartsWith("helps", StringComparison.Ordinal));
            useless += retired.Count(id => id.StartsWith("useless", StringComparison.Ordinal));
        }

        output.WriteLine($"20 seeds of {Tasks} tasks, reviewed every {ReviewEvery}: retired {found} of {20 * 3} harmful, {useless} of {20 * 4} useless, {helpful} of {20 * 6} helpful examples");
        Assert.True(found >= 57, $"{found} harmful ones were retired");
        Assert.Equal(0, helpful);
        Assert.True(useless <= 6, $"{useless} useless ones were retired");
    }

    [Fact]
    public async Task Nothing_is_retired_while_the_setting_is_off()
    {
        Assert.Empty(await RunAsync(1, new ExperimentOptions { Enabled = true, Holdout = 0.2 }));
    }

    [Fact]
    public async Task A_pinned_example_is_never_retired_by_itself()
    {
        Assert.DoesNotContain("harms-1", await RunAsync(1, new ExperimentOptions { Enabled = true, Holdout = 0.2, RetireHarmful = true }, pinned: "harms-1"));
    }

    [Fact]
    public void Tasks_of_a_weaker_model_do_not_make_their_example_look_harmful()
    {
        var evidence = ExampleJudge.Judge(
        [
            new ExampleOutcome("openai", "large", ExperimentArm.Holdout, [], 200, 180),
            new ExampleOutcome("openai", "small", ExperimentArm.Holdout, [], 200, 40),
            new ExampleOutcome("openai", "large", ExperimentArm.Examples, ["a"], 20, 18),
            new ExampleOutcome("openai", "small", ExperimentArm.Examples, ["a"], 180, 36),
        ])["a"];

        Assert.Equal("undecided", evidence.Finding);
        Assert.InRange(evidence.ProbabilityOfHelp!.Value, 0.4, 0.6);
    }

    [Fact]
    public void A_harmful_example_does_not_hide_in_good_company_and_a_harmless_one_does_not_suffer_from_bad_company()
    {
        var evidence = ExampleJudge.Judge(
        [
            new ExampleOutcome("openai", "gpt", ExperimentArm.Holdout, [], 400, 200),
            new ExampleOutcome("openai", "gpt", ExperimentArm.Examples, ["good"], 200, 160),
            new ExampleOutcome("openai", "gpt", ExperimentArm.Examples, ["bad", "good"], 100, 50),
            new ExampleOutcome("openai", "gpt", ExperimentArm.Examples, ["bad"], 100, 20),
            new ExampleOutcome("openai", "gpt", ExperimentArm.Examples, ["bad", "harmless"], 100, 20),
        ]);

        Assert.Equal(("helps", "harms", "undecided"), (evidence["good"].Finding, evidence["bad"].Finding, evidence["harmless"].Finding));
        Assert.InRange(evidence["good"].Difference!.Value, 0.25, 0.35);
        Assert.InRange(evidence["bad"].Difference!.Value, -0.35, -0.25);
        Assert.InRange(evidence["harmless"].Difference!.Value, -0.05, 0.05);
    }

    [Fact]
    public void Examples_that_are_always_shown_together_share_what_they_do_in_any_order()
    {
        ExampleOutcome[] outcomes = [new("openai", "gpt", ExperimentArm.Holdout, [], 400, 200), new("openai", "gpt", ExperimentArm.Examples, ["a", "b"], 200, 60)];

        var evidence = ExampleJudge.Judge(outcomes);

        Assert.Equal(evidence["a"].Difference!.Value, evidence["b"].Difference!.Value, 12);
        Assert.InRange(evidence["a"].Difference!.Value, -0.11, -0.09);
    }

    [Fact]
    public void Without_a_holdout_of_the_model_nothing_is_compared()
    {
        var evidence = ExampleJudge.Judge([new ExampleOutcome("openai", "gpt-4o", null, ["a", "b"], 30, 10), new ExampleOutcome("gemini", "g", ExperimentArm.Holdout, [], 50, 50)]);

        Assert.Equal(new ExampleEvidence("a", 30, 10, 0, null, null), evidence["a"]);
        Assert.Equal(("too-few", 0.0), (evidence["b"].Finding, evidence["b"].Lean));
    }

    private static async Task<IReadOnlyList<string>> RunAsync(int seed, ExperimentOptions options, string? pinned = null)
    {
        var random = new Random(seed);
        var store = new InMemoryStore();
        store.Examples.AddRange(Examples.Select(e => new FewShotExampleRow(e.Id, e.Id, 0.9, Pinned: e.Id == pinned, Retired: false, null, 0, null)));
        var ledger = new ExampleLedger(store, options, TimeProvider.System, NullLogger<ExampleLedger>.Instance);
        var counts = new Dictionary<(string Model, string Arm, string Ids), (long Tasks, long Successes)>();
        for (var task = 1; task <= Tasks; task++)
        {
            var model = random.Next(3) == 0 ? "small" : "large";
            var arm = ExperimentArm.Of(options, $"task-{seed}-{task}")!;
            var chosen = arm == ExperimentArm.Holdout ? [] : Choose(random, store);
            var rate = (model == "small" ? 0.45 : 0.6) + (chosen.Count == 0 ? 0 : chosen.Average(c => c.Effect));
            var key = (model, arm, string.Join(',', chosen.Select(c => c.Id)));
            var (tasks, successes) = counts.GetValueOrDefault(key);
            counts[key] = (tasks + 1, successes + (random.NextDouble() < rate ? 1 : 0));
            if (task % ReviewEvery == 0)
            {
                store.Outcomes = [.. counts.Select(c => new ExampleOutcome("openai", c.Key.Model, c.Key.Arm, c.Key.Ids.Split(',', StringSplitOptions.RemoveEmptyEntries), c.Value.Tasks, c.Value.Successes))];
                await ledger.ReadAsync("default", default);
            }
        }

        return [.. store.Examples.Where(e => e.Retired).Select(e => e.TrajectoryId)];
    }

    // One to three different ones of those that are still in use.
    private static List<(string Id, double Effect)> Choose(Random random, InMemoryStore store)
    {
        var pool = Examples.Where(e => !store.Examples.Exists(x => x.Retired && x.TrajectoryId == e.Id)).SelectMany(e => Enumerable.Repeat((e.Id, e.Effect), e.Weight)).ToArray();
        random.Shuffle(pool);
        return [.. pool.Distinct().Take(random.Next(1, 4))];
    }
}
