using System.Text;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Recording;

public sealed class ExchangeStatusTests
{
    private static readonly string Whole = Claude.Says("Done");

    [Theory]
    [InlineData(ExchangeOutcome.Complete, StepStatus.Ok)]
    [InlineData(ExchangeOutcome.ClientLeft, StepStatus.Ok)]
    [InlineData(ExchangeOutcome.UpstreamBroke, StepStatus.Ok)]
    [InlineData(ExchangeOutcome.ProxyStopped, StepStatus.Ok)]
    [InlineData(ExchangeOutcome.UpstreamRefused, StepStatus.UpstreamRefused)]
    [InlineData(ExchangeOutcome.UpstreamTimeout, StepStatus.UpstreamTimeout)]
    public void Whole_answer_is_ok_however_its_connection_ended(ExchangeOutcome outcome, StepStatus expected) =>
        Assert.Equal(expected, StatusOf(outcome, Whole));

    [Theory]
    [InlineData(ExchangeOutcome.Complete, StepStatus.Unreadable)]
    [InlineData(ExchangeOutcome.ClientLeft, StepStatus.ClientLeft)]
    [InlineData(ExchangeOutcome.UpstreamBroke, StepStatus.UpstreamBroke)]
    [InlineData(ExchangeOutcome.ProxyStopped, StepStatus.ProxyStopped)]
    [InlineData(ExchangeOutcome.UpstreamRefused, StepStatus.UpstreamRefused)]
    [InlineData(ExchangeOutcome.UpstreamTimeout, StepStatus.UpstreamTimeout)]
    public void Missing_answer_has_the_status_of_its_outcome(ExchangeOutcome outcome, StepStatus expected) =>
        Assert.Equal(expected, StatusOf(outcome, null));

    [Fact]
    public void Error_comes_before_a_truncated_copy()
    {
        Assert.Equal(StepStatus.UpstreamError, StatusOf(ExchangeOutcome.Complete, Claude.Error("overloaded_error", "later"), http: 529, truncated: true));
        Assert.Equal(StepStatus.Truncated, StatusOf(ExchangeOutcome.Complete, Whole, truncated: true));
    }

    [Fact]
    public void Half_a_stream_is_incomplete() =>
        Assert.Equal(
            StepStatus.Incomplete,
            StatusOf(ExchangeOutcome.Complete, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"role\":\"assistant\",\"content\":[]}}\n\n", contentType: "text/event-stream"));

    private static StepStatus StatusOf(ExchangeOutcome outcome, string? answer, int http = 200, bool truncated = false, string contentType = "application/json")
    {
        AssembledReply? reply = null;
        if (answer is not null)
        {
            var assembler = DialectCatalog.Get(DialectKind.AnthropicMessages).CreateAssembler(contentType, streamRequested: false);
            assembler.Append(Encoding.UTF8.GetBytes(answer));
            reply = assembler.ToReply();
        }

        using var exchange = new SpooledContent([], () => [])
        {
            ResponseHead = answer is null ? null : new ResponseHead(http, contentType, null, 1),
            Tail = new ExchangeTail(outcome, 5, truncated),
        };
        return ExchangeStatus.Of(exchange, reply);
    }
}
