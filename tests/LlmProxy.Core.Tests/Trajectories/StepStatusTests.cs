using LlmProxy.Core.Trajectories;

namespace LlmProxy.Tests.Trajectories;

public sealed class StepStatusTests
{
    /// <summary>The words of the API and the database: they never change.</summary>
    [Theory]
    [InlineData(StepStatus.Ok, "ok")]
    [InlineData(StepStatus.ClientLeft, "client_left")]
    [InlineData(StepStatus.UpstreamRefused, "upstream_refused")]
    [InlineData(StepStatus.UpstreamTimeout, "upstream_timeout")]
    [InlineData(StepStatus.UpstreamBroke, "upstream_broke")]
    [InlineData(StepStatus.ProxyStopped, "proxy_stopped")]
    [InlineData(StepStatus.UpstreamError, "upstream_error")]
    [InlineData(StepStatus.Truncated, "truncated")]
    [InlineData(StepStatus.Unreadable, "unreadable")]
    [InlineData(StepStatus.Incomplete, "incomplete")]
    public void A_status_is_written_and_read_as_its_word(StepStatus status, string word)
    {
        Assert.Equal(word, status.ToWord());
        Assert.Equal(status, StepStatuses.Parse(word));
    }

    [Fact]
    public void Every_status_has_a_word_and_unknown_words_have_no_status()
    {
        Assert.Equal(10, Enum.GetValues<StepStatus>().Select(s => s.ToWord()).Distinct().Count());
        Assert.Null(StepStatuses.Parse("OK"));
        Assert.Null(StepStatuses.Parse(""));
    }

    [Fact]
    public void What_the_recorder_could_not_read_a_person_ended_or_has_no_end_is_no_failure()
    {
        Assert.Equal(
            [StepStatus.UpstreamRefused, StepStatus.UpstreamTimeout, StepStatus.UpstreamBroke, StepStatus.UpstreamError],
            Enum.GetValues<StepStatus>().Where(s => s.IsFailure()));
    }
}
