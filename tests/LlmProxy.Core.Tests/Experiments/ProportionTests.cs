using LlmProxy.Core.Experiments;

namespace LlmProxy.Tests.Experiments;

public sealed class ProportionTests
{
    [Theory]
    [InlineData(81, 263, 0.2553, 0.3662)] // Newcombe 1998 (single proportion), table I, method 3
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0.0000, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void Wilsons_interval_is_the_published_one(long successes, long trials, double low, double high)
    {
        var interval = Proportion.Wilson(successes, trials);

        Assert.Equal((low, high), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
    }

    [Theory]
    [InlineData(56, 70, 48, 80, 0.0524, 0.3339)] // Newcombe 1998 (difference), table II, method 10
    [InlineData(9, 10, 3, 10, 0.1705, 0.8090)]
    [InlineData(10, 10, 0, 10, 0.6075, 1.0000)]
    public void Newcombes_interval_of_a_difference_is_the_published_one(long successes1, long trials1, long successes2, long trials2, double low, double high)
    {
        var interval = Proportion.Difference(successes1, trials1, successes2, trials2);

        Assert.Equal((low, high), (Math.Round(interval.Low, 4), Math.Round(interval.High, 4)));
    }

    [Fact]
    public void Without_trials_everything_is_possible()
    {
        Assert.Equal(new Interval(0, 1), Proportion.Wilson(0, 0));
        Assert.Equal(new Interval(-1, 1), Proportion.Difference(0, 0, 3, 4));
    }
}
