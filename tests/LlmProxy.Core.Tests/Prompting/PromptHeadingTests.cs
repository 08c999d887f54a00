using LlmProxy.Core.Prompting;

namespace LlmProxy.Tests.Prompting;

public class PromptHeadingTests
{
    private const string Heading = "OPERATING PRINCIPLES";
    private const string Bar = "════════════════════════════════";

    [Theory]
    [InlineData("Intro\n|OPERATING PRINCIPLES\n1. Be kind")]
    [InlineData("Intro\n\n|## OPERATING PRINCIPLES\nrest")]
    [InlineData("Intro\n|**OPERATING PRINCIPLES**\nrest")]
    [InlineData("Intro\n|  -- OPERATING PRINCIPLES --  \nrest")]
    [InlineData("Intro\n|=== OPERATING PRINCIPLES ===")]
    [InlineData("|OPERATING PRINCIPLES\nrest")]
    [InlineData("Intro\n|OPERATING PRINCIPLES")]
    [InlineData("|OPERATING PRINCIPLES")]
    [InlineData("|" + Bar + "\nOPERATING PRINCIPLES\n" + Bar + "\nrest")]
    [InlineData("Intro\n\n|" + Bar + "\nOPERATING PRINCIPLES\n" + Bar + "\nrest")]
    [InlineData("Intro\r\n\r\n|" + Bar + "\r\nOPERATING PRINCIPLES\r\n" + Bar + "\r\nrest")]
    [InlineData("Intro\n|────────\n── OPERATING PRINCIPLES ──\n────────\nrest")]
    [InlineData("Intro\n|---\nOPERATING PRINCIPLES\nrest")]
    [InlineData("Intro\r\n|OPERATING PRINCIPLES\r\nrest")]
    public void The_text_is_split_before_the_heading_and_its_ornament(string marked)
    {
        var text = marked.Replace("|", "", StringComparison.Ordinal);

        var at = PromptHeading.Find(text, Heading);

        Assert.Equal(marked.IndexOf('|', StringComparison.Ordinal), at);
        Assert.Equal(text, text[..at] + text[at..]);
    }

    [Theory]
    [InlineData("Follow the OPERATING PRINCIPLES below.\nrest")]
    [InlineData("OPERATING PRINCIPLES:\nrest")]
    [InlineData("1. OPERATING PRINCIPLES\nrest")]
    [InlineData("Operating Principles\nrest")]
    [InlineData("OPERATING PRINCIPLES OPERATING PRINCIPLES")]
    [InlineData("OPERATING\nPRINCIPLES")]
    [InlineData("")]
    [InlineData("\n\n")]
    public void Other_lines_are_no_heading(string text) => Assert.Equal(-1, PromptHeading.Find(text, Heading));

    [Fact]
    public void A_sentence_with_the_words_is_passed_over_and_the_first_heading_wins()
    {
        const string text = "See OPERATING PRINCIPLES.\n# OPERATING PRINCIPLES\na\n# OPERATING PRINCIPLES\nb";

        Assert.Equal(text.IndexOf('#', StringComparison.Ordinal), PromptHeading.Find(text, Heading));
    }

    [Fact]
    public void A_blank_line_or_text_before_the_heading_is_no_ornament()
    {
        const string text = "═══\n\nOPERATING PRINCIPLES";

        Assert.Equal(5, PromptHeading.Find(text, Heading));
        Assert.Equal(8, PromptHeading.Find("═══ a ═\nOPERATING PRINCIPLES", Heading));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void Without_a_heading_to_look_for_nothing_is_found(string heading) => Assert.Equal(-1, PromptHeading.Find("a\n\nb", heading));

    [Fact]
    public void A_heading_with_marks_of_its_own_is_found() => Assert.Equal(2, PromptHeading.Find("a\n## Rules for C#\nb", "## Rules for C#"));
}
