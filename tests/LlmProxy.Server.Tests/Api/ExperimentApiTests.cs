using LlmProxy.Core.Trajectories;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Storage;
using LlmProxy.Tests.Wire;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Api;

/// <summary>Whether examples help, as the API and the verb tell it.</summary>
public sealed class ExperimentApiTests
{
    private const string Verdict = "gpt-4o: 61 % against 48 % without, +13 points, 95 % interval +2 to +23, 340 tasks: examples help";

    [Fact]
    public async Task Both_arms_are_compared_for_each_model_in_numbers_and_in_a_sentence()
    {
        await using var proxy = await ProxyAsync();

        var experiments = (await proxy.GetJsonAsync("/_llmproxy/statistics?experiments=true"))["experiments"]!;

        Assert.Equal("enabled models harmful", experiments.Names());
        Assert.True((bool?)experiments["enabled"]);
        Assert.Equal(2, experiments["models"]!.AsArray().Count);
        var gemini = experiments["models"]![0]!;
        Assert.Equal(("gemini-2.5-pro", "too-few"), ((string?)gemini["model"], (string?)gemini["finding"]));
        var gpt = experiments["models"]![1]!;
        Assert.Equal("provider model withExamples holdout difference low high finding verdict", gpt.Names());
        Assert.Equal("tasks successes successRate iterations interventions tokens costPerSuccess tasksWithoutTokens tasksWithoutCost verified verifiedShare inferred meanProbability", gpt["withExamples"].Names());
        Assert.Equal((170, 104, 170, 82), ((int)gpt["withExamples"]!["tasks"]!, (int)gpt["withExamples"]!["successes"]!, (int)gpt["holdout"]!["tasks"]!, (int)gpt["holdout"]!["successes"]!));
        Assert.Equal((8, 12), ((double)gpt["withExamples"]!["iterations"]!, (double)gpt["holdout"]!["iterations"]!));
        Assert.Equal(1000, (double)gpt["holdout"]!["tokens"]!);
        Assert.Equal(17.0 / 104, (double)gpt["withExamples"]!["costPerSuccess"]!, 6);
        Assert.Equal(Verdict, (string?)gpt["verdict"]);
        Assert.InRange((double)gpt["low"]!, 0.015, 0.025);

        Assert.Equal((85, 0.5, 3, 0.7), ((int)gpt["withExamples"]!["verified"]!, (double)gpt["withExamples"]!["verifiedShare"]!, (int)gpt["withExamples"]!["inferred"]!, (double)gpt["withExamples"]!["meanProbability"]!), (a, b) => a.Item1 == b.Item1 && a.Item3 == b.Item3 && Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item4 - b.Item4) < 1e-9);
        Assert.Equal((0, null), ((int)gpt["holdout"]!["inferred"]!, (double?)gpt["holdout"]!["meanProbability"]));

        var harmful = Assert.Single(experiments["harmful"]!.AsArray())!;
        Assert.Equal(("bad", "harms"), ((string?)harmful["trajectoryId"], (string?)harmful["evidence"]!["finding"]));
        Assert.Null((await proxy.GetJsonAsync("/_llmproxy/statistics"))["experiments"]);
        Assert.Empty((await proxy.GetJsonAsync("/_llmproxy/statistics?experiments=true&model=other"))["experiments"]!["models"]!.AsArray());
    }

    [Fact]
    public async Task The_verb_prints_the_table_with_the_verdict_or_json()
    {
        await using var proxy = await ProxyAsync();

        var text = await Llmproxy.RunAsync(proxy, "stats", "--experiments");
        var json = await Llmproxy.RunAsync(proxy, "stats", "--experiments", "--json");

        Assert.Equal("", text.Error);
        Assert.Matches(@"Provider +Model +Arm +Tasks +Success +Steps +Interventions +Tokens +Cost per success", text.Output);
        Assert.Matches(@"openai +gpt-4o +examples +170 +61\.2 % +8 +0 +1,000 +\$0\.\d+", text.Output);
        Assert.Matches(@"openai +gpt-4o +holdout +170 +48\.2 % +12 +0 +1,000 +\$0\.\d+", text.Output);
        Assert.Contains("\n" + Verdict + "\n", text.Output, StringComparison.Ordinal);
        Assert.Matches(@"examples +170 .* +85 \(50 %\)\s", text.Output);
        Assert.Contains("gpt-4o: not counted above, inferred only: 3 tasks with examples (mean probability 70 %), 0 without (-)\n", text.Output, StringComparison.Ordinal);
        Assert.Matches(@"\n\d+ of the known outcomes \([\d.]+ %\) are stated or judged, success [\d.]+ %; the others are claims of agents, and errors\n3 more finished without a stated outcome", text.Output);
        Assert.Contains("gemini-2.5-pro: 5 tasks with and 0 without examples: too few to say, at least 10 of each are needed", text.Output, StringComparison.Ordinal);
        Assert.Contains("Example bad seems to harm: 4 of 40 tasks with it succeeded", text.Output, StringComparison.Ordinal);
        Assert.Equal(Verdict, (string?)json.Json["experiments"]!["models"]![1]!["verdict"]);
    }

    [Fact]
    public async Task Without_an_experiment_the_verb_says_how_to_begin_one()
    {
        await using var proxy = await RunningProxy.StartAsync();

        var text = await Llmproxy.RunAsync(proxy, "stats", "--experiments");

        Assert.Contains("No experiment is running. LlmProxy:Experiments:Enabled=true", text.Output, StringComparison.Ordinal);
    }

    private static async Task<RunningProxy> ProxyAsync()
    {
        var proxy = await RunningProxy.StartAsync(null, ("LlmProxy:Experiments:Enabled", "true"));
        var (good, bad) = (Tasks("good", 130, 100, "examples", ["good"]), Tasks("harmed", 40, 4, "examples", ["bad"]));
        await proxy.Store.SaveAsync(
            [
                .. good,
                .. bad,
                .. Tasks("open", 3, 0, "examples", []).Select(t => t with { Trajectory = t.Trajectory with { Success = null, Status = TrajectoryStatus.Completed, OutcomeSource = OutcomeSource.Inferred, SuccessProbability = 0.7, CostUsd = 0m } }),
                .. Tasks("without", 170, 82, "holdout", []),
                .. Tasks("gemini", 5, 5, "examples", ["good"]).Select(t => t with { Trajectory = t.Trajectory with { Provider = "gemini", Model = "gemini-2.5-pro" } }),
                new TrajectoryChange { Trajectory = SampleRuns.Run("bad") },
            ],
            default);
        return proxy;
    }

    private static IEnumerable<TrajectoryChange> Tasks(string name, int count, int successes, string arm, IReadOnlyList<string> examples) =>
        Enumerable.Range(0, count).Select(i => new TrajectoryChange
        {
            Trajectory = SampleRuns.Run(FormattableString.Invariant($"{name}-{i}")) with
            {
                Provider = "openai",
                Model = "gpt-4o",
                Success = i < successes,
                Status = i < successes ? TrajectoryStatus.Completed : TrajectoryStatus.Failed,
                OutcomeSource = i % 2 == 0 ? OutcomeSource.Ci : OutcomeSource.Agent,
                HasContent = false,
                Arm = arm,
                ExampleIds = examples,
                IterationCount = arm == "holdout" ? 12 : 8,
                TokenUsage = new TokenUsage(900, 100, 0, 0, 0),
                CostUsd = 0.1m,
            },
        });
}
