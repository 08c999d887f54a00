using LlmProxy.Tests.Api;
using LlmProxy.Tests.Wire;

namespace LlmProxy.Tests.Cli;

/// <summary>What agents saw is in the files that verbs write.</summary>
public sealed class PrivateOutputTests
{
    [Theory]
    [InlineData("export --format anthropic --output {folder}/new/deep/lines.jsonl")]
    [InlineData("export --format trl --output {folder}/new/lines.jsonl")]
    [InlineData("replay export --task last --flavor recorded --output {folder}/new/deep/run.json")]
    [InlineData("replay export --task last --flavor wiremock --output {folder}/new/stubs")]
    [InlineData("replay export --task last --flavor wiremock.net --output {folder}/new/stubs")]
    [InlineData("stats --output {folder}/new/stats.json")]
    [InlineData("demo --recording {folder}/new/demo.json")]
    public async Task Files_of_verbs_are_for_their_owner_alone(string verb)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var folder = new TestFolder();
        await using var proxy = await RunningProxy.StartAsync();
        await ApiTestRuns.PlayToTheEndAsync(proxy);

        var outcome = await Llmproxy.RunAsync(proxy, [.. verb.Replace("{folder}", folder.Path, StringComparison.Ordinal).Split(' ')]);

        Assert.True(outcome.Code == 0, outcome.Error);
        var made = Directory.EnumerateFileSystemEntries(folder["new"], "*", SearchOption.AllDirectories).Append(folder["new"]).ToList();
        Assert.Contains(made, File.Exists);
        foreach (var path in made)
        {
            var expected = UnixFileMode.UserRead | UnixFileMode.UserWrite | (Directory.Exists(path) ? UnixFileMode.UserExecute : UnixFileMode.None);
            Assert.Equal((path, expected), (path, File.GetUnixFileMode(path)));
        }
    }
}
