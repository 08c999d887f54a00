using LlmProxy.Prompts;
using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Tests.Prompts;

/// <summary>The language, told by small templates that need nothing beside the repository.</summary>
public sealed class LanguageTests
{
    [Theory]
    [InlineData("Dear {{ who }},", "Dear Ada,")]
    [InlineData("{{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }}", "14 20 3.5 3 1")]
    [InlineData("{{ 'no' + 'te' * 2 }}", "notete")]
    [InlineData("{{ nothing ?? 'default' }} {{ nothing?.deeper }}", "default ")]
    [InlineData("{{ who | string.upcase | string.append '!' }}", "ADA!")]
    [InlineData("{{ string.replace who 'A' 'E' }}", "Eda")]
    [InlineData("{{ [3, 1, 2] | array.sort | array.join '-' }}", "1-2-3")]
    [InlineData("{{ {name: 'x', n: [1, null, true]} }}", "{name: \"x\", n: [1, null, true]}")]
    [InlineData("{{ $'{who} has {tools.size} tools' }}", "Ada has 2 tools")]
    [InlineData("{{ who == 'Ada' ? 'yes' : 'no' }}", "yes")]
    [InlineData("{%{ {{ literal }} }%}", " {{ literal }} ")]
    [InlineData("a {{- ' ' -}} b {{ # comment }}c", "a b c")]
    public void Expressions_are_written(string template, string expected) => Assert.Equal(expected, Render(template));

    [Theory]
    [InlineData("{{ if tools.size > 1 }}many{{ else if tools.size == 1 }}one{{ else }}none{{ end }}", "many")]
    [InlineData("{{ for t in tools }}{{ for.index }}:{{ t.name }}{{ if !for.last }}, {{ end }}{{ end }}", "0:search, 1:read")]
    [InlineData("{{ for t in [] }}x{{ else }}empty{{ end }}", "empty")]
    [InlineData("{{ for i in 1..9 offset:2 limit:3 }}{{ if i == 4; continue; end; i }}{{ end }}", "35")]
    [InlineData("{{ n = 0; while n < 3; n++; end; n }}", "0123")]
    [InlineData("{{ case who; when 'Bob', 'Ada'; 'known'; else; 'unknown'; end }}", "known")]
    [InlineData("{{ with tools[0]; name; end }}", "search")]
    [InlineData("{{ capture text }}[{{ who }}]{{ end; text + text }}", "[Ada][Ada]")]
    [InlineData("{{ func twice(x, times = 2); ret x * times; end; twice 4; ' '; twice 4 times: 3 }}", "8 12")]
    [InlineData("{{ square(x) = x * x; 5 | square }}", "25")]
    [InlineData("{{ tools | array.each do; ret $0.name; end }}", "[\"search\", \"read\"]")]
    [InlineData("{{ func frame; '<'; $$; '>'; end; wrap frame; who; end }}", "<Ada>")]
    public void Statements_are_run(string template, string expected) => Assert.Equal(expected, Render(template));

    [Fact]
    public void A_line_that_holds_only_a_statement_vanishes_with_tildes() =>
        Assert.Equal("Tools:\n- search\n- read\nEnd", Render("Tools:\n{{~ for t in tools ~}}\n- {{ t.name }}\n{{~ end ~}}\nEnd"));

    [Fact]
    public void A_value_of_several_lines_keeps_the_indent_of_its_section() =>
        Assert.Equal("List:\n  one\n  two\nEnd", Render("List:\n  {{ \"one\\ntwo\" }}\nEnd"));

    [Fact]
    public void An_include_sees_its_arguments_and_is_parsed_once()
    {
        var loader = new Loader { ["greet"] = "Hello {{ $1 }}{{ $mark }}" };
        var context = new TemplateContext { TemplateLoader = loader };
        var template = Template.Parse("{{ include 'greet' 'Ada' mark: '!' }} {{ include 'greet' 'Bob' mark: '?' }}");
        Assert.Equal("Hello Ada! Hello Bob?", template.Render(context));
        Assert.Equal(1, loader.Loads);
    }

    [Fact]
    public void Included_templates_can_be_supplied_parsed()
    {
        var context = new TemplateContext();
        context.CachedTemplates["part"] = Template.Parse("part of {{ who }}");
        context.PushGlobal(Model());
        Assert.Equal("part of Ada", Template.Parse("{{ include 'part' }}").Render(context));
    }

    [Theory]
    [InlineData("line\n{{ 1 + }}", "t.sbn(2,8) : error : Error while parsing binary expression: Expecting an <expression> to the right of the operator instead of `}}` in: <expression> operator <expression>")]
    [InlineData("{{ if a }}x", "t.sbn(1,11) : error : Error while parsing if statement: The <end> statement was not found in: if <expression> ... end|else|else if")]
    [InlineData("{{ a. }}", "t.sbn(1,7) : error : Invalid token `CodeExit`. The dot operator is expected to be followed by a plain identifier")]
    public void A_faulty_template_says_where_and_why(string text, string expected)
    {
        var template = Template.Parse(text, "t.sbn");
        Assert.True(template.HasErrors);
        Assert.Equal(expected, template.Messages[0].ToString());
        Assert.Throws<InvalidOperationException>(() => template.Render());
    }

    [Theory]
    [InlineData("a\n {{ a.b }}", "<input>(2,7) : error : Cannot get the member a.b for a null object.")]
    [InlineData("{{ who | string.shout }}", "<input>(1,10) : error : The function `string.shout` was not found")]
    [InlineData("{{ 'x' | string.replace 'y' }}", "<input>(1,28) : error : Invalid number of arguments `2` passed to `string.replace 'y'` while expecting `3` arguments")]
    [InlineData("{{ math.random 1 2 }}", "<input>(1,4) : error : The function `math.random` is not available: a template must give the same text every time.")]
    [InlineData("{{ date.now }}", "<input>(1,4) : error : The time is not available: a template must give the same text every time.")]
    [InlineData("{{ 1.5 | math.format 'N1' 'de-DE' }}", "<input>(1,27) : error : The culture `de-DE` is not available: templates render in the invariant culture.")]
    public void A_failing_template_says_where_and_why(string text, string expected) =>
        Assert.Equal(expected, Assert.Throws<ScriptRuntimeException>(() => Render(text)).Message);

    [Fact]
    public void An_undefined_name_is_an_error_only_in_strict_mode()
    {
        Assert.Equal("[]", Render("[{{ whoo }}]"));
        var problem = Assert.Throws<ScriptRuntimeException>(() => Render("[{{ whoo }}]", c => c.StrictVariables = true));
        Assert.Equal("The variable or function `whoo` was not found", problem.OriginalMessage);
        Assert.Equal(4, problem.Span.Start.Offset);
    }

    [Fact]
    public void Limits_stop_a_rendering()
    {
        Assert.Contains("iteration limit `5`", Fails("{{ while true; end }}", c => c.LoopLimit = 5), StringComparison.Ordinal);
        Assert.Contains("recursive depth limit", Fails("{{ func f; f; end; f }}", _ => { }), StringComparison.Ordinal);
        Assert.Contains("steps limit `50`", Fails("{{ while true; 1; end }}", c => (c.LoopLimit, c.StepLimit) = (0, 50)), StringComparison.Ordinal);
        Assert.Contains("nested", Fails("{{ a = []; a[0] = a; a }}", _ => { }), StringComparison.Ordinal);
        Assert.Equal("0123456789...", Render("{{ for i in 0..99; i; end }}", c => c.LimitToString = 10));
        Assert.Contains("timed out", Fails("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex.match '^(a+)+$' }}", c => c.RegexTimeOut = TimeSpan.FromMilliseconds(20)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_rendering_stops()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
        var token = source.Token;
        Assert.Throws<OperationCanceledException>(() => Render("{{ while true; end }}", c => (c.LoopLimit, c.StepLimit, c.CancellationToken) = (0, 0, token)));
    }

    [Fact]
    public void A_context_can_be_used_again_after_a_failure()
    {
        var context = new TemplateContext();
        context.PushGlobal(Model());
        Assert.Throws<ScriptRuntimeException>(() => Template.Parse("{{ for i in 1..3; capture x; func f(p); p.q.r; end; f 1; end; end }}").Render(context));
        Assert.Equal("Ada ", Template.Parse("{{ who }} {{ i }}{{ p }}").Render(context));
    }

    [Fact]
    public void A_visitor_sees_every_variable_with_its_place()
    {
        var names = new NameCollector();
        names.Visit(Template.Parse("{{ if a }}{{ b.c | f d }}{{ for x in e }}{{ $y }}{{ end }}{{ end }}").Page);
        Assert.Equal(["a@6", "b@13", "c@15", "f@19", "d@21", "x@32", "e@37", "$y@44"], names.Found);
    }

    private static ScriptObject Model() => new()
    {
        ["who"] = "Ada",
        ["tools"] = new ScriptArray([new ScriptObject { ["name"] = "search" }, new ScriptObject { ["name"] = "read" }]),
    };

    private static string Render(string text, Action<TemplateContext>? configure = null)
    {
        var context = new TemplateContext();
        configure?.Invoke(context);
        context.PushGlobal(Model());
        return Template.Parse(text).Render(context);
    }

    private static string Fails(string text, Action<TemplateContext> configure) =>
        Assert.Throws<ScriptRuntimeException>(() => Render(text, configure)).Message;

    private sealed class NameCollector : ScriptVisitor
    {
        public List<string> Found { get; } = [];

        public override void Visit(ScriptVariableGlobal node) => Found.Add($"{node.Name}@{node.Span.Start.Offset}");

        public override void Visit(ScriptVariableLocal node) => Found.Add($"${node.Name}@{node.Span.Start.Offset}");
    }

    private sealed class Loader : Dictionary<string, string>, ITemplateLoader
    {
        public int Loads { get; private set; }

        public string? GetPath(TemplateContext context, SourceSpan callerSpan, string templateName) => templateName;

        public string? Load(TemplateContext context, SourceSpan callerSpan, string templatePath)
        {
            Loads++;
            return this[templatePath];
        }
    }
}
