using LlmProxy.Core.Prompting;

namespace LlmProxy.Tests.Prompting;

public class TemplateSetTests
{
    [Theory]
    [InlineData("openai", "gpt-4o-mini", "openai/gpt-4o.sbn")]
    [InlineData("openai", "GPT-4O", "openai/gpt-4o.sbn")]
    [InlineData("openai", "gpt-4.1", "openai/gpt-4.sbn")]
    [InlineData("openai", "o3", "openai.sbn")]
    [InlineData("openai", "", "openai.sbn")]
    [InlineData("OpenAI", "o3", "openai.sbn")]
    [InlineData("gemini", "gemini-2.5-pro", "gemini/gemini-2.5.sbn")]
    [InlineData("gemini", "gemini-3", "proxy.sbn")]
    [InlineData("mistral", "large", "proxy.sbn")]
    [InlineData("anthropic", "claude-sonnet-4-5", null)]
    public void The_longest_prefix_wins_then_the_provider_then_the_rest(string provider, string model, string? file)
    {
        var set = PromptSamples.Set(
            ("openai.sbn", "a"), ("openai/gpt-4o.sbn", "b"), ("openai/gpt-4.sbn", "c"), ("openai/.sbn", "d"), ("gemini/gemini-2.5.sbn", "e"), ("proxy.sbn", "f"), ("gpt-4o.sbn", "g"));

        Assert.Equal(file, set.Select(provider, model));
        Assert.Equal(file is not null, PromptRenderer.Prepare(set, PromptSamples.Values(provider, model)).HasTemplate);
    }

    [Fact]
    public void Without_a_template_there_is_none()
    {
        Assert.Null(TemplateSet.Empty.Select("openai", "gpt-4o"));
        Assert.NotNull(PromptRenderer.Render(TemplateSet.Empty, PromptSamples.Values("openai"), "a", "b").Error);
    }

    [Theory]
    [InlineData("part")]
    [InlineData("part.sbn")]
    [InlineData("./part")]
    public void Includes_are_found_by_name_in_the_set(string name)
    {
        var set = PromptSamples.Set(("openai.sbn", $"[{{{{ include '{name}' }}}}{{{{ include 'parts/inner' }}}}]{{{{ system.text }}}}"), ("part.sbn", "p {{ model }}"), (@"parts\inner.sbn", "{{ include 'part' }}!"));

        Assert.Equal("[p mp m!]You are an agent.", PromptSamples.Render(PromptSamples.Values("openai", "m"), set: set));
        Assert.Empty(set.Problems);
    }

    [Fact]
    public void The_hash_depends_on_names_and_texts_alone()
    {
        var hash = PromptSamples.Set(("a.sbn", "1"), ("b.sbn", "2")).Hash;

        Assert.Equal(64, hash.Length);
        Assert.Equal(hash, PromptSamples.Set(("b.sbn", "2"), ("a.sbn", "1")).Hash);
        Assert.NotEqual(hash, PromptSamples.Set(("a.sbn", "1"), ("b.sbn", "3")).Hash);
        Assert.NotEqual(hash, PromptSamples.Set(("a.sbn", "1"), ("c.sbn", "2")).Hash);
        Assert.NotEqual(PromptSamples.Set(("a", "bc")).Hash, PromptSamples.Set(("ab", "c")).Hash);
    }

    [Fact]
    public void Problems_tell_file_line_and_column()
    {
        var set = PromptSamples.Set(("openai.sbn", "{{ system.text }}"), ("few-shot.sbn", "one\ntwo {{ if x }}"));

        var problem = Assert.Single(set.Problems);
        Assert.Equal("few-shot.sbn", problem.File);
        Assert.Equal(2, problem.Line);
        Assert.StartsWith("few-shot.sbn(2,8): error LLMP102: ", problem.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{ include 'missing' }}", "fine", "openai.sbn(1,29): error LLMP301: ")]
    [InlineData("{{ string.upcas model }}", "fine", "openai.sbn(1,28): error LLMP203: ")]
    [InlineData("{{ include 'part' }}", "\n{{ tools.size | no_such_function }}", "part.sbn(2,17): error LLMP203: ")]
    [InlineData("{{ include 'part' }}", "{{ 1 % 0 }}", "part.sbn(1,")]
    public void A_template_that_fails_is_a_problem(string template, string part, string problem)
    {
        var set = PromptSamples.Set(("openai.sbn", "{{ system.text }}" + template), ("part.sbn", part));

        Assert.StartsWith(problem, Assert.Single(set.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_warning_keeps_no_set_from_being_used()
    {
        var set = PromptSamples.Set(("openai.sbn", "{{ system.text }}"));

        Assert.Equal("LLMP403", Assert.Single(set.Diagnostics).Rule.Id);
        Assert.Empty(set.Problems);
    }
}
