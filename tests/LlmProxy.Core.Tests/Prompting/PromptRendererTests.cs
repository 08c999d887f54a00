using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;
using LlmProxy.Prompts;
using LlmProxy.Wire;

namespace LlmProxy.Tests.Prompting;

public class PromptRendererTests
{
    [Fact]
    public void Templates_read_every_promised_name()
    {
        const string template = """
            {{ system.text }}|{{ system.head }}|{{ system.tail }}|{{ task.id }}|{{ task.description }}|{{ provider }}|{{ model }}
            {{ for tool in tools }}{{ tool.name }}={{ tool.description }};{{ end }}
            {{ for e in examples }}{{ e.task }},{{ e.outcome }},{{ e.similarity }},{{ e.quality }},{{ e.iterations }},{{ e.tools_used | array.join '+' }}:{{ for s in e.steps }}{{ s.reasoning }},{{ s.tool }},{{ s.arguments }},{{ s.result }}{{ end }}{{ end }}
            """;
        var values = new PromptValues(
            "t1", "Tidy up", "openai", "gpt-4o", [new ToolOffer("shell", "Runs"), new ToolOffer("patch", "")],
            [new FewShotExample("r1", "Old task", "Done", 0.75, 0.9, 4, ["a", "b"], [new FewShotStep("why", "a", "{\"x\":1}", "fine")])]);

        var text = PromptSamples.Render(values, "ab\n# RULES\nc", PromptSamples.Set(("openai.sbn", template)));
        var split = PromptRenderer.Render(PromptSamples.Set(("openai.sbn", template)), values, "ab\n# RULES\nc", "RULES").Text!;

        Assert.Equal("ab\n# RULES\nc|ab\n# RULES\nc||t1|Tidy up|openai|gpt-4o\nshell=Runs;patch=;\nOld task,Done,0.75,0.9,4,a+b:why,a,{\"x\":1},fine", text.ReplaceLineEndings("\n"));
        Assert.StartsWith("ab\n# RULES\nc|ab\n|# RULES\nc|t1", split, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_survive_json()
    {
        var values = PromptSamples.Values("gemini", "gemini-2.5-pro", ["öffnen"], PromptSamples.Example(result: "„äöü“ <b> \n \" 🙂"));

        var json = values.ToJson();
        var back = PromptValues.FromJson(json)!;

        Assert.Equal(json, back.ToJson());
        Assert.Equal(values.Examples[0].Steps, back.Examples[0].Steps);
        Assert.Equal(values.Tools, back.Tools);
        Assert.Contains("öffnen", json, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"taskId":"a","taskDescription":"","provider":"openai","model":"","tools":null,"examples":[]}""")]
    [InlineData("""{"taskId":"a","taskDescription":"","provider":"openai","model":"","tools":[],"examples":[null]}""")]
    [InlineData("""{"taskId":"a","taskDescription":"","provider":"openai","model":"","tools":[null],"examples":[]}""")]
    public void A_pin_that_cannot_be_read_is_no_value(string json) => Assert.Null(PromptValues.FromJson(json));

    [Theory]
    [InlineData("{{ for i in 1..100000; for j in 1..100000; 'x'; end; end }}", "Limit")]
    [InlineData("{{ while true; x = 1; end }}", "limit")]
    [InlineData("{{ func f; f; end; f }}", "limit")]
    [InlineData("{{ x = 'aaaaaaaaaaaaaaaa'; for i in 1..40; x = x + x; end; x }}", "")]
    [InlineData("{{ for i in 1..4000; system.text; end }}", "longer than")]
    [InlineData("{{ include 'openai' }}", "limit")]
    [InlineData("{{ include 'missing' }}", "openai.sbn(1,")]
    [InlineData("{{ include '../secret' }}", "openai.sbn(1,")]
    [InlineData("{{ include '/etc/hostname' }}", "openai.sbn(1,")]
    [InlineData("text\n{{ no_function 1 }}", "openai.sbn(2,")]
    [InlineData("{{ if }}", "openai.sbn(1,")]
    [InlineData("{{ date.now }}", "openai.sbn(1,")]
    [InlineData("{{ # nothing }}", "empty")]
    [InlineData("{{ examples[0].task = 'x' }}{{ task.id = 'y' }}z", "openai.sbn(1,")]
    public void What_goes_wrong_is_a_value(string template, string expected)
    {
        var set = PromptSamples.Set(("openai.sbn", template));

        var rendering = PromptRenderer.Render(set, PromptSamples.Values("openai", examples: PromptSamples.Example()), new string('s', 1000), PromptSamples.Heading);

        Assert.Null(rendering.Text);
        Assert.Contains(expected, rendering.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_prompt_of_the_agents_own_is_no_reason_to_fail()
    {
        var systemText = new string('s', PromptLimits.Output + 10);

        Assert.Equal(systemText, PromptSamples.Render(PromptSamples.Values("anthropic"), systemText));
    }

    [Fact]
    public void Names_that_a_template_assigns_do_not_reach_the_next_call()
    {
        var set = PromptSamples.Set(("openai.sbn", "{{ system.text }} {{ count = (count ?? 0) + 1 }}{{ tools = [] }}{{ tools.size }}{{ count }}"));
        var prepared = PromptRenderer.Prepare(set, PromptSamples.Values("openai", tools: ["shell"]));

        Assert.Equal("a 01", prepared.Render("a", PromptSamples.Heading).Text);
        Assert.Equal("b 01", prepared.Render("b", PromptSamples.Heading).Text);
    }

    [Fact]
    public void The_examples_can_be_shown_alone()
    {
        var values = PromptSamples.Values("openai", examples: PromptSamples.Example());

        var section = PromptRenderer.RenderExamples(TemplateSet.Shipped, values).Text!;

        Assert.StartsWith("## Similar Tasks Completed Successfully", section, StringComparison.Ordinal);
        Assert.Contains(section, PromptSamples.Render(values), StringComparison.Ordinal);
        Assert.Equal("", PromptRenderer.RenderExamples(TemplateSet.Shipped, PromptSamples.Values("openai")).Text);
        Assert.NotNull(PromptRenderer.RenderExamples(TemplateSet.Empty, values).Error);
    }

    [Fact]
    public async Task Many_calls_render_at_once()
    {
        var prepared = PromptRenderer.Prepare(TemplateSet.Shipped, PromptSamples.Values("openai", tools: ["shell"], examples: PromptSamples.Example()));
        var expected = Enumerable.Range(0, 8).Select(number => prepared.Render("Prompt " + number, PromptSamples.Heading).Text!).ToArray();

        await Parallel.ForAsync(0, 400, (number, _) =>
        {
            Assert.Equal(expected[number % 8], prepared.Render("Prompt " + (number % 8), PromptSamples.Heading).Text);
            return ValueTask.CompletedTask;
        });
    }
}
