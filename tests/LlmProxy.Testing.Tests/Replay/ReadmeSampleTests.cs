using LlmProxy.Testing;
using LlmProxy.Tests.Cli;
using LlmProxy.Tests.Packaging;

namespace LlmProxy.Tests.Replay;

/// <summary>docs/replay.md, step by step.</summary>
public sealed class ReadmeSampleTests
{
    [Fact]
    public async Task The_readmes_agent_runs_through_the_demos_recording_and_a_changed_task_is_told()
    {
        using var folder = new TestFolder();
        var readme = await File.ReadAllTextAsync(Path.Combine(PackedPackages.Repository, "docs", "replay.md"));
        var sample = await File.ReadAllTextAsync(Path.Combine(PackedPackages.Repository, "tests", "LlmProxy.Testing.Tests", "Replay", "ReadmeSample.cs"));
        Assert.Contains(sample[sample.IndexOf("public class Agent", StringComparison.Ordinal)..], readme, StringComparison.Ordinal);
        const string Mark = "private const string Task = \"";
        var task = readme[(readme.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length)..];
        task = task[..task.IndexOf('"', StringComparison.Ordinal)];

        var demo = await Llmproxy.RunAsync("demo", "--json", "--recording", folder["runs/invoice.json"]);
        Assert.Equal((0, ""), (demo.Code, demo.Error));
        await using (var upstream = await RecordedUpstream.StartAsync(folder["runs/invoice.json"]))
        {
            Assert.Contains("225.62 EUR", await new Readme.Agent(upstream.AnthropicBaseUrl).RunAsync(task), StringComparison.Ordinal);
        }

        var changed = await RecordedUpstream.StartAsync(folder["runs/invoice.json"]);
        await Assert.ThrowsAsync<HttpRequestException>(() => new Readme.Agent(changed.AnthropicBaseUrl).RunAsync("File it."));
        var error = await Assert.ThrowsAsync<ReplayMismatchException>(async () => await changed.DisposeAsync());
        Assert.Contains("its last text is \"File it.\", recorded was \"File the October invoice from Nordwind", error.Message, StringComparison.Ordinal);
    }
}
