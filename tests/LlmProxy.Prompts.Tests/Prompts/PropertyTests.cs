using FsCheck;
using FsCheck.Fluent;

using LlmProxy.Prompts;
using Scriban;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LlmProxy.Tests.Prompts;

/// <summary>What holds for every text: it parses, and what parses renders or fails within its limits.</summary>
public sealed class PropertyTests
{
    private const int Longest = 10_000;

    private static readonly string[] Pieces =
    [
        "{{", "}}", "{{-", "-}}", "{{~", "~}}", "{%{", "}%}", "{", "}", "(", ")", "[", "]", " ", "\n", ";", ",", ":", ".", "..", "?.", "?",
        "??", "|", "||", "&&", "=", "==", "!", "!=", "<", ">", "+", "-", "*", "/", "//", "%", "^", "@", "++", "--", "+=", "$", "$0", "$x",
        "$$", "$\"", "\"", "'", "`", "\\", "#", "##", "0", "1", "12345678901234567890", "1.5", "0x1F", "1e3", "a", "b", "items", "if ",
        "else", "end", "for ", "in ", "while ", "case ", "when ", "func ", "do ", "ret ", "with ", "capture ", "include ", "wrap ", "import ",
        "readonly ", "break", "continue", "true", "null", "this", "empty", "limit:1", "reversed", "array.sort", "array.map", "array.each",
        "string.upcase", "string.split ", "object.to_json", "math.plus ", "regex.match ", "date.parse ", "x = ", "text", "é", "\0",
    ];

    private static readonly Gen<string> Templates = Gen.OneOf(
        Gen.Elements(Pieces).ListOf().Select(parts => string.Concat(parts)),
        Gen.Elements(Pieces).ListOf().Select(parts => "{{ " + string.Join(' ', parts) + " }}"),
        ArbMap.Default.GeneratorFor<string>().Select(text => text ?? string.Empty));

    [Fact]
    public void Any_text_parses_without_an_exception() =>
        Prop.ForAll(Templates.ToArbitrary(), static text =>
        {
            var template = Template.Parse(text);
            Assert.Equal(template.HasErrors, template.Messages.Count > 0);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Any_template_renders_or_fails_within_its_limits() =>
        Prop.ForAll(Templates.ToArbitrary(), static text => _ = Outcome(Template.Parse(text, "self"))).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Rendering_gives_the_same_text_every_time() =>
        Prop.ForAll(Templates.ToArbitrary(), static text =>
        {
            var template = Template.Parse(text, "self");
            Assert.Equal(Outcome(template), Outcome(template));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Theory]
    [InlineData("{{")]
    [InlineData("{{ ")]
    [InlineData("{{ [")]
    [InlineData("(")]
    [InlineData("{")]
    [InlineData("}")]
    [InlineData("a.")]
    [InlineData("a ")]
    [InlineData("1+")]
    [InlineData("!")]
    [InlineData("if a\n")]
    [InlineData("if a; end; ")]
    [InlineData("else if a\n")]
    [InlineData("for a in b;")]
    [InlineData("do;")]
    [InlineData("f(")]
    [InlineData("a[")]
    [InlineData("a ? b : ")]
    [InlineData("a | ")]
    [InlineData("$\"{")]
    [InlineData("'\\q'")]
    [InlineData("\"")]
    [InlineData("{a:")]
    [InlineData("#")]
    [InlineData("{%{ ")]
    [InlineData("  {{ a }}\n")]
    [InlineData(" \n {{~ a ~}} ")]
    [InlineData("case a; when 1; ")]
    public void Parsing_costs_grow_linearly_with_the_text(string piece)
    {
        Growth.IsLinear(piece, text => Template.Parse(text));
        Growth.IsLinear(piece, text => Template.Parse("{{ " + text));
    }

    [Fact]
    public void Every_template_that_the_parser_accepts_renders_on_a_small_stack()
    {
        string[] deep =
        [
            "{{ func f(n); " + string.Concat(Enumerable.Repeat("(", 200)) + "f(n + 1)" + string.Concat(Enumerable.Repeat(")", 200)) + "; end; f 1 }}",
            "{{ " + string.Join(" + ", Enumerable.Repeat("1", 240)) + " }}",
            string.Concat(Enumerable.Repeat("{{ if true }}", 200)) + "x" + string.Concat(Enumerable.Repeat("{{ end }}", 200)),
            "{{ a = []; b = []; a[0] = b; b[0] = a; a == b }}",
            "{{ a = []; a[0] = a; a | object.to_json }}",
            "{{ a = {}; a.a = a; [a, a] | array.uniq }}",
            "{{ include 'self' }}",
        ];
        foreach (var text in deep)
        {
            var isDone = false;
            var thread = new Thread(
                () =>
                {
                    _ = Outcome(Template.Parse(text, "self"));
                    isDone = true;
                },
                512 * 1024);
            thread.Start();
            thread.Join();
            Assert.True(isDone, text);
        }
    }

    /// <summary>The text or the reason why there is none; nothing else may come of a rendering.</summary>
    private static string Outcome(Template template)
    {
        if (template.HasErrors)
        {
            return template.Messages.ToString();
        }

        var context = new PromptContext(new Dictionary<string, Template>(StringComparer.Ordinal) { ["self"] = template }, Longest, CancellationToken.None) { StepLimit = 20_000 };
        context.PushGlobal(new ScriptObject
        {
            ["a"] = 1,
            ["b"] = "text",
            ["items"] = new ScriptArray([1, "two", null, new ScriptObject { ["a"] = 2.5 }]),
        });
        try
        {
            var text = template.Render(context);
            Assert.True(text.Length <= Longest);
            return text;
        }
        catch (ScriptRuntimeException problem)
        {
            Assert.NotEmpty(problem.OriginalMessage);
            return problem.Message;
        }
    }
}
