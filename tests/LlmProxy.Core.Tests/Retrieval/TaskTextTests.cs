using LlmProxy.Core.Retrieval;

namespace LlmProxy.Tests.Retrieval;

public sealed class TaskTextTests
{
    [Fact]
    public void Boilerplate_is_cut_and_blanks_collapse() => Assert.Equal(
        "Cancel my flight.\n\nThe id is SI5UKW.",
        TaskText.Describe("<env>\nOS: Linux\n</env>\n\n  Cancel   my\tflight. \r\n\r\n\r\nThe id is SI5UKW.\n<note>x</note>", ["(?s)<env>.*?</env>", "<note>.*?</note>"]));

    [Fact]
    public void A_message_of_boilerplate_alone_gives_no_description() =>
        Assert.Equal("", TaskText.Describe("<env>a</env>\n ", ["(?s)<env>.*?</env>"]));

    [Fact]
    public void A_broken_or_endless_pattern_is_passed_over()
    {
        var text = new string('a', 5_000) + "!";

        Assert.Equal("do x", TaskText.Describe("do x", ["(", "y"]));
        Assert.Contains("aaa", TaskText.Describe(text, ["^(a+)+$"]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_text_keeps_its_head_and_its_tail()
    {
        var text = "Summarise this log: " + string.Join(' ', Enumerable.Range(0, 2_000)) + " Answer in German.";

        var description = TaskText.Describe(text, [], 300);

        Assert.True(description.Length <= 300);
        Assert.StartsWith("Summarise this log: 0 1 2", description, StringComparison.Ordinal);
        Assert.Contains("\n…\n", description, StringComparison.Ordinal);
        Assert.EndsWith("1999 Answer in German.", description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_never_splits_a_surrogate_pair()
    {
        for (var n = 0; n < 4; n++)
        {
            var description = TaskText.Describe(new string('x', n) + string.Concat(Enumerable.Repeat("🚀", 500)), [], 101);

            Assert.True(description.Length <= 101);
            Assert.DoesNotContain(description.Where((c, i) => char.IsHighSurrogate(c) && (i + 1 == description.Length || !char.IsLowSurrogate(description[i + 1]))), _ => true);
            Assert.DoesNotContain(description.Where((c, i) => char.IsLowSurrogate(c) && (i == 0 || !char.IsHighSurrogate(description[i - 1]))), _ => true);
        }
    }
}
