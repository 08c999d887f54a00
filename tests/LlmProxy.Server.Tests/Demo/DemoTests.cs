using LlmProxy.Testing.Replay;
using LlmProxy.Tests.Api;
using LlmProxy.Tests.Cli;

namespace LlmProxy.Tests.Demo;

public sealed class DemoTests
{
    [Fact]
    public async Task The_demo_records_a_run_and_puts_it_before_the_heading_of_other_prompts()
    {
        var outcome = await Llmproxy.RunAsync("demo", "--json");

        Assert.Equal("", outcome.Error);
        Assert.Equal(0, outcome.Code);
        var shown = outcome.Json;
        Assert.Equal("recorded outcomes examples prompts", shown.Names());
        var run = shown["recorded"]!;
        var steps = run["steps"]!.AsArray();
        Assert.True(steps.Count >= 5);
        Assert.Equal(steps.Count, (int?)run["iterationCount"]);
        Assert.True((bool?)run["success"]);

        // One of nine calls failed: 1 - 0.2 * (1/9 - 0.1).
        Assert.Equal(1 - (0.2 * ((1.0 / 9) - 0.1)), (double)run["qualityScore"]!, 9);
        Assert.All(steps, step => Assert.NotEmpty(step!["toolCalls"]!.AsArray()));
        Assert.All(steps.SkipLast(1), step => Assert.Equal(step!["toolCalls"]!.AsArray().Count, step["toolResults"]!.AsArray().Count));
        Assert.Equal("set_task_status", (string?)steps[^1]!["toolCalls"]![0]!["name"]);
        Assert.Equal("Downloads", (string?)steps[0]!["toolCalls"]![0]!["arguments"]!["folder"]);

        Assert.Equal((string?)run["id"], (string?)Assert.Single(shown["examples"]!.AsArray())!["trajectoryId"]);
        Assert.Equal("openai gemini", shown["prompts"].Names());
        foreach (var provider in (string[])["openai", "gemini"])
        {
            var before = (string)shown["prompts"]![provider]!["before"]!;
            var after = (string)shown["prompts"]![provider]!["after"]!;
            var ornament = new string('═', 32);
            var heading = after.IndexOf($"{ornament}\nOPERATING PRINCIPLES\n{ornament}", StringComparison.Ordinal);
            var example = after.IndexOf((string)run["taskDescription"]!, StringComparison.Ordinal);
            Assert.InRange(example, 1, heading);
            Assert.DoesNotContain((string)run["taskDescription"]!, before, StringComparison.Ordinal);
            Assert.All(LineDifference.Compare(before, after), line => Assert.NotEqual('-', line.Mark));
        }
    }

    [Fact]
    public async Task The_demo_shows_a_stated_an_inferred_and_an_unknown_outcome_with_their_reasons()
    {
        var shown = (await Llmproxy.RunAsync("demo", "--json")).Json;
        var text = (await Llmproxy.RunAsync("demo")).Output;

        var outcomes = shown["outcomes"]!.AsArray();
        Assert.Equal(["stated", "inferred", "unknown"], outcomes.Select(run => (string?)run!["outcome"]!["kind"]));
        Assert.Equal(["human", "inferred", "none"], outcomes.Select(run => (string?)run!["outcomeSource"]));
        Assert.Equal([true, null, null], outcomes.Select(run => (bool?)run!["success"]));
        Assert.InRange((double)outcomes[1]!["successProbability"]!, 0.6, 0.99);
        Assert.Null(outcomes[2]!["successProbability"]);
        Assert.Empty(outcomes[2]!["evidence"]!.AsArray());
        Assert.DoesNotContain(shown["examples"]!.AsArray(), example => (string?)example!["trajectoryId"] != (string?)outcomes[0]!["id"]);

        var from = text.IndexOf("\n2. Did it succeed?", StringComparison.Ordinal);
        var screen = text[from..text.IndexOf("\n3. Examples", StringComparison.Ordinal)];
        Assert.InRange(screen.Split('\n').Length, 15, 30);
        Assert.All(screen.Split('\n'), line => Assert.InRange(line.Length, 0, 125));
        Assert.Matches(@"\nSTATED: File the October invoice .*\nOutcome  Succeeded: a person stated it\. \(.* UTC\)\nCorrect  llmproxy tasks outcome \S+ --failure\n", screen);
        Assert.Matches(@"\nINFERRED: .*\nOutcome  Not verified: .* probability of \d+ %.*\nEvidence for     \+1\.20 verification: Passed after the last change: “12 passed in 0\.41s”\n", screen);
        Assert.Matches(@"\nUNKNOWN: .*\nOutcome  Unknown: .*\nCorrect  llmproxy tasks outcome \S+ --success \(or --failure\)\n", screen);
    }

    [Fact]
    public async Task The_demo_for_people_marks_the_inserted_part_and_leaves_nothing_behind()
    {
        using var folder = new TestFolder();
        using var process = LlmproxyProcess.Start(folder, "demo");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        var error = process.StandardError.ReadToEndAsync(limit.Token);
        var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);

        Assert.Equal((0, ""), (process.ExitCode, await error));
        Assert.Contains("Score    0.9978 = 1 - 0.0022 errorRate\n", output, StringComparison.Ordinal);
        Assert.Contains("\n+ <recorded_run id=\"1\">\n", output, StringComparison.Ordinal);
        Assert.Contains("\n  OPERATING PRINCIPLES\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("a\nb\nc", "a\nx\nb\nc", " a|+x| b| c")]
    [InlineData("a", "a\nx", " a|+x")]
    [InlineData("a\nb", "a\nc", " a|-b|+c")]
    [InlineData("a", "a", " a")]
    [InlineData("a\na", "a\na\na", " a| a|+a")]
    public void A_difference_is_one_insertion(string before, string after, string expected) =>
        Assert.Equal(expected, string.Join('|', LineDifference.Compare(before, after).Select(line => $"{line.Mark}{line.Text}")));
}
