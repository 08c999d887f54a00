using LlmProxy.Core.Configuration;

namespace LlmProxy.Tests.Configuration;

public sealed class ModelPatternsTests
{
    [Theory]
    [InlineData("claude-*", "claude-opus-5-5", true)]
    [InlineData("claude-*", "claude-", true)]
    [InlineData("claude-*", "my-claude-x", false)]
    [InlineData("*claude*", "openrouter/anthropic/Claude-Sonnet-5", true)]
    [InlineData("CLAUDE-*", "claude-x", true)]
    [InlineData("gpt-4o", "gpt-4o", true)]
    [InlineData("gpt-4o", "gpt-4o-mini", false)]
    [InlineData("gpt-4o", "gpt-4", false)]
    [InlineData("*-20*", "a-20-20x", true)]
    [InlineData("a*b*c", "aXbXbXc", true)]
    [InlineData("a*b*c", "aXbXbX", false)]
    [InlineData("*", "", true)]
    [InlineData("**", "x", true)]
    [InlineData("", "", true)]
    [InlineData("", "x", false)]
    [InlineData("gpt.4", "gptx4", false)]
    public void Stars_stand_for_any_characters(string pattern, string model, bool expected) => Assert.Equal(expected, ModelPatterns.Matches(pattern, model));

    [Fact]
    public void A_hostile_pattern_takes_no_time() =>
        Assert.False(ModelPatterns.Matches(string.Concat(Enumerable.Repeat("*a", 200)) + "b", new string('a', 5_000)));
}
