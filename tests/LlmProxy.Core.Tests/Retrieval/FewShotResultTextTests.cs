using LlmProxy.Core.Retrieval;

namespace LlmProxy.Tests.Retrieval;

public sealed class FewShotResultTextTests
{
    [Fact]
    public void Every_result_is_read_back_from_its_text()
    {
        Assert.All(Enumerable.Range(0, 11).Select(n => new FewShotResult(n)), r => Assert.Equal(r, FewShotResult.Parse(r.ToString())));
        Assert.All(Enum.GetValues<SkipReason>().Select(r => FewShotResult.None(r)), r => Assert.Equal(r, FewShotResult.Parse(r.ToString())));
    }

    [Fact]
    public void A_text_of_a_store_stays_the_same_when_it_is_read_and_written()
    {
        var texts = Enumerable.Range(0, 101).Select(n => FormattableString.Invariant($"none; reason=below-threshold; best={n / 100m:0.00}"));

        Assert.All(texts, text => Assert.Equal(text, FewShotResult.Parse(text).ToString()));
    }

    [Theory]
    [InlineData(0.599999, "0.59")]
    [InlineData(0.6, "0.60")]
    [InlineData(0.6049, "0.60")]
    [InlineData(-0.001, "-0.01")]
    public void A_similarity_below_the_threshold_never_reads_as_if_it_had_reached_it(double best, string text) =>
        Assert.Equal("none; reason=below-threshold; best=" + text, FewShotResult.None(SkipReason.BelowThreshold, best).ToString());

    [Theory]
    [InlineData("none; reason=of-a-newer-version")]
    [InlineData("injected=many")]
    [InlineData("")]
    public void An_unknown_text_is_an_unreadable_pin(string text) => Assert.Equal(FewShotResult.None(SkipReason.UnreadablePin), FewShotResult.Parse(text));
}
