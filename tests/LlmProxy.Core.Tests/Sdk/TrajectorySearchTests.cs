using LlmProxy.Core.Retrieval;

namespace LlmProxy.Tests.Sdk;

/// <summary>The search of the SDK, by its public methods.</summary>
public sealed class TrajectorySearchTests
{
    [Fact]
    public async Task A_similar_run_is_found_and_shown_as_a_prompt_would_have_it()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);

        var found = await lab.Search.FindSimilarAsync("What should I wear in Oslo today?");
        var section = lab.Search.FormatAsFewShot(found);

        Assert.True(lab.Search.IsAvailable);
        Assert.Equal("taught", Assert.Single(found.Search!.Chosen).Trajectory.TaskId);
        Assert.Contains(WeatherTask.Question, section, StringComparison.Ordinal);
        Assert.Contains("get_weather", section, StringComparison.Ordinal);
        Assert.Contains("Rain, 11 degrees", section, StringComparison.Ordinal);
        var other = await lab.Search.FindSimilarAsync("Translate a contract into Finnish");
        Assert.Empty(other.Search!.Chosen);
        Assert.Equal("", lab.Search.FormatAsFewShot(other));
        Assert.Empty((await lab.Search.FindSimilarAsync(new ExampleQuery("other", WeatherTask.Question, 3))).Search!.Chosen);
    }

    [Fact]
    public async Task A_run_is_found_by_another_text_once_that_is_its_embedding()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        const string Other = "Choose clothes for a rainy place, key sk-ant-REDACTED";

        var made = await lab.Search.StoreEmbeddingAsync("taught", Other);

        Assert.Equal("taught", made!.Value.Run.TaskId);
        Assert.Equal(["lexical-1"], made.Value.Models);
        Assert.Single((await lab.Search.FindSimilarAsync("Choose clothes for a rainy place")).Search!.Chosen);
        Assert.Null(await lab.Search.StoreEmbeddingAsync("unknown", Other));
    }

    [Fact]
    public async Task Uses_of_examples_are_counted_with_how_they_ended()
    {
        await using var lab = new SdkLab();
        await WeatherTask.TeachAsync(lab);
        Assert.Empty(await lab.Search.GetTopExamplesAsync());

        var run = await lab.Search.RecordExampleUsageAsync("taught", success: true);
        await lab.Search.RecordExampleUsageAsync(run!.Id);

        var example = Assert.Single(await lab.Search.GetTopExamplesAsync());
        Assert.Equal((run.Id, 2L, 1L, 0L), (example.TrajectoryId, example.UsageCount, example.StatedSuccesses, example.StatedFailures));
        Assert.Null(await lab.Search.RecordExampleUsageAsync("unknown"));
    }

    [Fact]
    public async Task Without_few_shot_it_is_not_available()
    {
        await using var lab = new SdkLab(("LlmProxy:FewShot:Enabled", "no"));

        Assert.False(lab.Search.IsAvailable);
    }
}
