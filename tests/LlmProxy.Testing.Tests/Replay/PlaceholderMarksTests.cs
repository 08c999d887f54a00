using LlmProxy.Testing.Replay;

namespace LlmProxy.Tests.Replay;

public sealed class PlaceholderMarksTests
{
    [Theory]
    [InlineData("Use [redacted] here", "Use [redacted:openai-key:0a1b2c3d] here", true)]
    [InlineData("Use [redacted:openai-key:0a1b2c3d] here", "Use another-key here", true)]
    [InlineData("[redacted] and [redacted]", "one and two", true)]
    [InlineData("Use [redacted] here", "Use another-key there", false)]
    [InlineData("Use [redacted] here", "Take another-key here", false)]
    [InlineData("Use it here", "Use [redacted] here", false)]
    public void Placeholder_of_a_recording_allows_any_text(string recorded, string sent, bool isAllowed) =>
        Assert.Equal(isAllowed, new CallMarks { LastText = recorded }.AllowsText(new CallMarks { LastText = sent }));
}
