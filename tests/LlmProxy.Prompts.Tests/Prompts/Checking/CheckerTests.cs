using LlmProxy.Core.Prompting;

namespace LlmProxy.Tests.Prompts.Checking;

/// <summary>What the checker says, where, and of what it is silent.</summary>
public sealed class CheckerTests
{
    /// <summary>Enough for a provider's template that lacks nothing.</summary>
    private const string Whole = "{{ system.head }}{{ for e in examples limit:3 }}<recorded_run>{{ e.task }}</recorded_run>{{ end }}{{ system.tail }}";

    [Fact]
    public void The_shipped_templates_and_settings_are_clean()
    {
        var files = TemplateSet.Shipped.Files.Select(file => (file.Key, file.Value));

        Assert.Empty(RulePages.Check([.. files, ("proxy.json", LlmProxy.Core.Configuration.BuiltInConfiguration.Json)]));
    }

    [Theory]
    [InlineData("one\n{{ if model }}\n{{ for t in tools }}x{{ end }}\n", "t(2,4)-(2,5): error LLMP102: `if` is not closed: write `{{ end }}` where it ends.")]
    [InlineData("{{ x = 'a\nb }}", "t(1,8)-(1,8): error LLMP104: The string that begins here is not closed: write the closing ' after it.")]
    [InlineData("a\r\n{{ sytem.text }}", "t(2,4)-(2,8): error LLMP201: There is no variable `sytem`: did you mean `system`?")]
    [InlineData("{{ for e in examples limit:2 }}<recorded_run>{{ e.tsk }}</recorded_run>{{ end }}", "t(1,51)-(1,53): error LLMP202: `e` has no member `tsk`: did you mean `task`?")]
    [InlineData("{{ model | string.upcas }}", "t(1,19)-(1,23): error LLMP203: There is no function `string.upcas`: did you mean `string.upcase`?")]
    [InlineData("{{ string.replace 'a' 'b' }}", "t(1,4)-(1,25): error LLMP204: `string.replace` is given 2 arguments and takes 3: string.replace text match replace.")]
    [InlineData("{{ func f(a, b = 1) }}{{ a }}{{ b }}{{ end }}{{ f }}", "t(1,49)-(1,49): error LLMP204: `f` is given 0 arguments and takes 1 to 2: a, b=1.")]
    [InlineData("{{ if model == 'a' and tools.size > 0 }}{{ end }}", "t(1,20)-(1,22): error LLMP113: `and` is no operator of this language, it is read as a name: write `&&`.")]
    [InlineData("{{ include 'nothing' }}", "t(1,12)-(1,20): error LLMP301: There is no template `nothing`: add nothing.sbn to the folder, or correct the name.")]
    [InlineData("{{ $count = 1 }}", "t(1,4)-(1,9): warning LLMP304: `$count` is given a value that nothing reads: remove it, or is it read under another name?")]
    [InlineData("{{ for i in examples }}{{ i.quality }}{{ end }}", "t(1,13)-(1,20): warning LLMP407: This loop takes as many examples as there are, and a long prompt costs in every call: write `for i in examples limit:3`, or another number.")]
    [InlineData("{{ for i in examples limit:0 }}{{ i.quality }}{{ end }}", "t(1,13)-(1,20): warning LLMP407: This loop takes as many examples as there are, and a long prompt costs in every call: write `for i in examples limit:3`, or another number.")]
    [InlineData("text {{ model", "t(1,6)-(1,7): warning LLMP111: `{{` is still open at the end of the file, so everything after it was read as code: close it with `}}`.")]
    [InlineData("text {%%{ {{ model }}", "t(1,6)-(1,9): warning LLMP111: `{%%{` is still open at the end of the file, so everything after it was read as code: close it with `}%%}`.")]
    [InlineData("{{ date.now }}", "t(1,4)-(1,11): error LLMP405: `date.now` gives another value in every call, which makes the provider's prompt cache useless, and fails when the prompt is rendered: leave it out.")]
    public void A_mistake_is_told_with_its_place_and_what_to_do(string template, string expected) =>
        Assert.Contains(expected, Check(template));

    [Theory]
    [InlineData("{{ x = 1 }}{{ x }}{{ x += 1 }}{{ x++ }}")]
    [InlineData("{{ for t in tools }}{{ for.index }}{{ t.name | string.downcase }}{{ for.last ? '' : ', ' }}{{ end }}")]
    [InlineData("{{ tools | array.map 'name' | array.join ', ' }}{{ tools[0].name }}{{ tools[0]?.description }}")]
    [InlineData("{{ $list = [] }}{{ for t in tools; $list = $list | array.add t.name; end }}{{ $list.size }}{{ $list | array.first | string.upcase }}")]
    [InlineData("{{ func f; $0; $.key; end }}{{ f 1 2 key: 3 }}{{ func g(a, b...); a; b; end }}{{ g 1 2 3 }}{{ h(x) = x * 2 }}{{ h 2 }}")]
    [InlineData("{{ capture $text }}{{ model }}{{ end }}{{ $text | string.strip }}")]
    [InlineData("{{ with task }}{{ description }}{{ end }}{{ with { a: 1 } }}{{ a }}{{ end }}")]
    [InlineData("{{ case provider; when 'openai', 'gemini'; 'a'; else; 'b'; end }}")]
    [InlineData("{{ o = { a: 1, 'b-c': [1, 2] } }}{{ o.a }}{{ o['b-c'] }}{{ o | object.to_json }}")]
    [InlineData("{{ ['a', 'b'] | array.each @string.upcase | array.join ',' }}{{ $big = [1, 2] | array.filter do; ret $0 > 1; end; $big.size }}")]
    [InlineData("{{ if !examples.empty? && (model ?? '') != '' }}x{{ end }}{{ $\"{model} {tools.size}\" }}")]
    [InlineData("{{ 1..3 | array.join ' ' }}{{ -5 }}{{ math.round 1.5 precision: 1 }}{{ date.parse '2020-01-01' | date.to_string '%Y' }}")]
    [InlineData("{{ string.truncate model 10 '…' }}{{ model | string.replace '-' ' ' | string.capitalize }}")]
    [InlineData("{{ i = 0; while i < 3; i = i + 1; while.index; end }}")]
    public void What_is_right_is_let_through(string template) => Assert.Empty(Check(Whole + template));

    [Theory]
    [InlineData("{{ if examples.size > 0 }}{{ system.head }}{{ system.tail }}{{ else }}{{ system.text }}{{ end }}")]
    [InlineData("{{ system.head }}{{ if system.tail != '' }}\n{{ system.tail }}{{ end }}")]
    [InlineData("{{ if system.head }}{{ system.head }}{{ else }}You are an agent.{{ end }}{{ system.tail | string.strip }}")]
    [InlineData("{{ capture $p }}{{ system.text }}{{ end }}{{ $p }}")]
    [InlineData("{{ $head = system.head | string.rstrip }}{{ $head }}{{ system.tail }}")]
    [InlineData("{{ include 'head' }}{{ system.tail }}")]
    [InlineData("{{ if tools.size == 0; system.text; ret; end }}{{ system.text }}")]
    [InlineData("{{ 'Intro: ' + system.text }}")]
    [InlineData("{{ case provider; when 'openai'; system.text; else; system.head + system.tail; end }}")]
    public void The_agents_prompt_may_take_any_way_into_the_prompt_once(string template) =>
        Assert.DoesNotContain(Rules(template), id => id is "LLMP401" or "LLMP402");

    [Theory]
    [InlineData("text", "LLMP401", "t(1,1)")]
    [InlineData("a {{ system.head }}", "LLMP401", "t(1,6)")]
    [InlineData("{{ if tools.size > 0 }}{{ system.text }}{{ end }}", "LLMP401", "t(1,4)")]
    [InlineData("{{ if string.contains system.text 'x' }}{{ system.text }}{{ end }}", "LLMP401", "t(1,4)")]
    [InlineData("{{ for t in tools }}{{ system.text }}{{ end }}", "LLMP402", "t(1,24)")]
    [InlineData("{{ system.text }}{{ system.tail }}", "LLMP402", "t(1,21)")]
    [InlineData("{{ system.text }}{{ include 'head' }}", "LLMP402", "t(1,21)")]
    [InlineData("{{ $x = system.text }}{{ system.text }}{{ if tools.size > 0 }}{{ $x }}{{ end }}", "LLMP402", "t(1,66)")]
    public void A_lost_or_doubled_prompt_is_seen_on_every_way(string template, string rule, string place) =>
        Assert.Contains(Check(template), found => found.StartsWith(place, StringComparison.Ordinal) && found.Contains(rule, StringComparison.Ordinal));

    [Theory]
    [InlineData("{{ examples[0].task }}")]
    [InlineData("{{ for e in examples limit:3 }}<recorded_run>x</recorded_run>{{ e.outcome }}{{ end }}")]
    [InlineData("{{ $x = examples | array.map 'task' | array.join ', ' }}{{ $x }}")]
    [InlineData("{{ capture $x }}{{ examples[0].steps[0].result }}{{ end }}<b>{{ $x }}</b>")]
    [InlineData("{{ examples | object.to_json }}")]
    [InlineData("{{ for e in examples limit:3 }}{{ include 'task' text: e.task }}{{ end }}")]
    [InlineData("{{ if tools.size > 0 }}<recorded_run>{{ end }}{{ examples[0].tools_used | array.join ' ' }}")]
    [InlineData("{{ func show(e); e.task; end }}{{ show examples[0] }}")]
    [InlineData("{{ examples[0].task | string.truncate 20 }}")]
    [InlineData("{{ $\"Did: {examples[0].task}\" }}")]
    [InlineData("{{ with examples[0] }}{{ task }}{{ end }}")]
    public void Recorded_text_is_followed_to_where_it_is_written(string template)
    {
        Assert.Contains("LLMP404", Rules(template));
        Assert.DoesNotContain("LLMP404", Rules("<recorded_run id=\"1\">" + template + "</recorded_run>"));
    }

    [Theory]
    [InlineData("{{ examples.size }}{{ examples[0].similarity }}{{ examples[0].steps.size }}")]
    [InlineData("{{ if examples[0].task == 'x' }}y{{ end }}")]
    [InlineData("{{ '<recorded_run>' + examples[0].task + '</recorded_run>' }}")]
    [InlineData("{{ '<recorded_run>' }}{{ examples[0].task }}{{ '</recorded_run>' }}")]
    [InlineData("{{ examples[0].task | string.size }}")]
    public void Numbers_and_questions_about_recorded_text_may_stand_anywhere(string template) => Assert.DoesNotContain("LLMP404", Rules(template));

    [Fact]
    public void An_include_with_its_arguments_is_followed()
    {
        var found = RulePages.Check(
            ("openai.sbn", Whole + "{{ include 'part' title: 'x' }}{{ include 'part' titel: 'y' }}"),
            ("gemini.sbn", Whole + "{{ include 'part' title: 'x' }}"),
            ("part.sbn", "{{ $title ?? '' }}{{ $subtitle }}"));

        Assert.Equal(
            [
                "openai.sbn(1,165): error LLMP205: part.sbn does not read $titel: did you mean `title`?",
                "part.sbn(1,22): error LLMP201: There is no variable `$subtitle`: there are $titel, $title.",
            ],
            found.Select(diagnostic => diagnostic.ToString()));
    }

    [Fact]
    public void A_provider_without_a_template_is_told_where_the_settings_name_it()
    {
        const string settings = """
            {
              // "LlmProxy.Provider": "comment"
              "ReverseProxy": { "Routes": { "a": { "Metadata": { "LlmProxy.Provider": "openai", } } } },
              "LlmProxy": {
                "Models": [ { "pattern": "gemini-*", "provider": "gemini" }, { "pattern": "x", "provider": "mistral" } ],
                "Embeddings": { "Provider": "lexical" }
              }
            }
            """;

        var found = RulePages.Check(("openai.sbn", Whole), ("proxy.sbn", Whole), ("mistral.sbn", Whole), ("proxy.json", settings));

        var only = Assert.Single(found);
        Assert.Equal("proxy.json(5,54): warning LLMP305: The provider \"gemini\" has no template, so its models get the advice of proxy.sbn, which is made for unknown ones: add gemini.sbn, or name another provider here.", only.ToString());
    }

    private static string[] Check(string template)
    {
        var found = RulePages.Check(("openai.sbn", template), ("head.sbn", "{{ system.head }}"), ("task.sbn", "{{ $text }}"));
        return
        [
            .. found.Where(diagnostic => diagnostic.Span.FileName == "openai.sbn" || diagnostic.Rule.Id == "LLMP404")
                .Select(diagnostic => $"t({diagnostic.Line},{diagnostic.Column})-({diagnostic.Span.End.Line + 1},{diagnostic.Span.End.Column + 1})" + diagnostic.ToString()[diagnostic.ToString().IndexOf("): ", StringComparison.Ordinal)..][1..]),
        ];
    }

    private static string[] Rules(string template) => [.. Check(template).Select(found => found[found.IndexOf("LLMP", StringComparison.Ordinal)..][..7])];
}
