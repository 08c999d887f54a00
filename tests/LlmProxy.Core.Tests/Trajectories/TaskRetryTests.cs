using LlmProxy.Core.Recording;
using LlmProxy.Tests.Recording;
using static LlmProxy.Tests.Recording.Claude;

namespace LlmProxy.Tests.Trajectories;

/// <summary>Which call repeats an earlier one instead of opening a task or a step.</summary>
public sealed class TaskRetryTests : IAsyncLifetime
{
    private RecordingLab _lab = null!;

    public async Task InitializeAsync() => _lab = await RecordingLab.StartAsync();

    public async Task DisposeAsync() => await _lab.DisposeAsync();

    [Fact]
    public async Task A_first_call_is_a_retry_when_the_client_says_so()
    {
        var first = await _lab.SendAsync(First());

        var again = await _lab.SendAsync(First() with { Retry = 1 });

        Assert.Equal((first.Task, 1, true), (again.Task, again.StepIndex, again.IsRetry));
    }

    [Theory]
    [InlineData(200, ExchangeOutcome.ClientLeft, true)]
    [InlineData(200, ExchangeOutcome.UpstreamBroke, true)]
    [InlineData(408, ExchangeOutcome.Complete, true)]
    [InlineData(409, ExchangeOutcome.Complete, true)]
    [InlineData(429, ExchangeOutcome.Complete, true)]
    [InlineData(500, ExchangeOutcome.Complete, true)]
    [InlineData(529, ExchangeOutcome.Complete, true)]
    [InlineData(200, ExchangeOutcome.Complete, false)]
    public async Task A_first_call_is_a_retry_where_the_earlier_one_was_not_answered_in_full(int status, ExchangeOutcome outcome, bool expected)
    {
        var first = await _lab.SendAsync(First() with { Status = status, Outcome = outcome, Answer = status == 200 && outcome == ExchangeOutcome.Complete ? Calls("toolu_1") : null });

        var again = await _lab.SendAsync(First());

        Assert.Equal(expected, again.Task == first.Task);
        Assert.Equal(expected, again.IsRetry);
    }

    [Fact]
    public async Task Of_several_equal_first_calls_the_failed_one_is_retried()
    {
        var failed = await _lab.SendAsync(First() with { Status = 529, Answer = Error("overloaded_error", "later") });
        await _lab.BeginAsync(First() with { Session = "other" });
        var fine = await _lab.BeginAsync(First("toolu_2") with { Retry = 1 });
        Assert.Equal(failed.Task, fine.Place.Task);
    }

    [Fact]
    public async Task A_first_call_after_ten_minutes_is_no_retry()
    {
        var first = await _lab.SendAsync(First() with { Status = 529, Answer = Error("overloaded_error", "later") });
        _lab.Time.Advance(TimeSpan.FromMinutes(11));

        Assert.NotEqual(first.Task, (await _lab.SendAsync(First())).Task);
    }

    [Fact]
    public async Task A_later_call_with_an_equal_history_is_the_same_step_again()
    {
        var first = await _lab.SendAsync(First());
        var second = await _lab.SendAsync(Second());
        var again = await _lab.SendAsync(Second());

        Assert.Equal((first.Task, 2, false), (second.Task, second.StepIndex, second.IsRetry));
        Assert.Equal((first.Task, 2, true), (again.Task, again.StepIndex, again.IsRetry));
    }

    [Fact]
    public async Task A_later_call_of_an_unknown_history_is_the_same_step_when_it_comes_again()
    {
        var call = new WireCall(Request(string.Join(',', User("before the proxy"), Assistant("I was not recorded."), User("go on")))) { Status = 529, Answer = Error("overloaded_error", "later") };
        var first = await _lab.SendAsync(call);

        var again = await _lab.SendAsync(call with { Status = 200, Answer = Says("It says hello, that is all.") });

        Assert.True(first.IsNewTask);
        Assert.Equal((first.Task, 1, true), (again.Task, again.StepIndex, again.IsRetry));
    }

    private static WireCall First(string id = "toolu_1") => TwoSteps(id: id).First;

    private static WireCall Second() => TwoSteps(id: "toolu_1").Second;
}
