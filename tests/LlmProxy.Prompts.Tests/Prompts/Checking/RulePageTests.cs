using LlmProxy.Prompts.Checking;

namespace LlmProxy.Tests.Prompts.Checking;

/// <summary>A rule is its id, its page with examples that are true, and nothing is there twice.</summary>
public sealed class RulePageTests
{
    public static TheoryData<string> TemplateRules() => new(Rules.All.Where(rule => rule != Rules.NamedInCode).Select(rule => rule.Id));

    public static TheoryData<string> AllRules() => new(Rules.All.Select(rule => rule.Id));

    [Fact]
    public void Ids_are_unique_and_every_page_belongs_to_a_rule()
    {
        Assert.Equal(Rules.All.Count, Rules.All.Select(rule => rule.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(
            Rules.All.Select(rule => rule.Id).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(RulePages.Folder, "LLMP*.md").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(AllRules))]
    public void The_page_says_title_and_severity(string id)
    {
        var rule = Rules.All.Single(one => one.Id == id);

        Assert.StartsWith($"# {id}: {rule.Title}\n\n{rule.Severity} by default. ", RulePages.Read(id), StringComparison.Ordinal);
        Assert.Contains($"| [{id}]({id}.md) | {rule.Title} | {rule.Severity.ToString().ToLowerInvariant()} |", RulePages.Read("README"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TemplateRules))]
    public void The_wrong_example_breaks_the_rule_and_the_right_one_does_not(string id)
    {
        var page = RulePages.Read(id);

        Assert.Contains(RulePages.Check([.. RulePages.Files(page, "Wrong")]), found => found.Rule.Id == id);
        Assert.DoesNotContain(RulePages.Check([.. RulePages.Files(page, "Right")]), found => found.Rule.Id == id);
    }
}
