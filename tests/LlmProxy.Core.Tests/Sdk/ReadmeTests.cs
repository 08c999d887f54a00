using System.Text.RegularExpressions;
using LlmProxy.Tests.Packaging;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Tests.Sdk;

/// <summary>What the documentation of the SDK shows compiles and does what it says.</summary>
public sealed partial class ReadmeTests
{
    [Theory]
    [InlineData("docs/sdk.md")]
    [InlineData("src/LlmProxy.Core/README.md")]
    public async Task The_readme_shows_the_samples_as_they_are_compiled(string readme)
    {
        var text = await File.ReadAllTextAsync(Path.Combine(PackedPackages.Repository, readme));
        var samples = Mark().Matches(await File.ReadAllTextAsync(Path.Combine(PackedPackages.Repository, "tests/LlmProxy.Core.Tests/Sdk/ReadmeSamples.cs")));

        Assert.Equal(["record", "chat", "search"], samples.Select(m => m.Groups["name"].Value));
        Assert.All(samples, sample => Assert.Contains("```csharp\n" + Outdented(sample.Groups["code"].Value) + "```\n", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_samples_do_what_the_readme_says()
    {
        var folder = Directory.CreateTempSubdirectory("llmproxy-readme-").FullName;
        var (call, done) = (WeatherTask.Calls(), WeatherTask.Answers());
        using var model = new ScriptedModel("gpt-4o", "openai", () => WeatherTask.AnswersAs("gpt-4o"));
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(SdkLab.Settings(folder)).Build();
        try
        {
            var shown = await ReadmeSamples.RunAsync(configuration, model, [WeatherTask.Asked(), .. call.Messages, WeatherTask.Result()], new ChatOptions { Tools = [WeatherTask.Tool] }, done);

            Assert.Contains("File the October invoice", shown, StringComparison.Ordinal);
            Assert.EndsWith("\n1", shown, StringComparison.Ordinal);
            Assert.Contains("recorded_run", model.Last.Messages[0].Text, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete("training.jsonl");
            File.Delete("training.origins.jsonl");
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Outdented(string code) => Indent().Replace(code, "");

    [GeneratedRegex(@"^        // <(?<name>\w+)>\n(?<code>.*?)^        // </\k<name>>", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Mark();

    [GeneratedRegex("^        ", RegexOptions.Multiline | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Indent();
}
