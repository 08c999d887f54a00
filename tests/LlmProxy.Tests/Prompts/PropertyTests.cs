using System.Diagnostics;

using FsCheck;
using FsCheck.Fluent;

using LlmProxy.Prompts;
using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Tests.Prompts;

/// <summary>What holds for every text: it parses, and what parses renders or fails within its limits.</summary>
public sealed class PropertyTests
{
    private const int Megabyte = 1 << 20;

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
            Assert.All(template.Messages, message => Assert.True(message.Span.Start.Offset < Math.Max(text.Length, 1)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Any_template_renders_or_fails_within_its_limits() =>
        Prop.ForAll(Templates.ToArbitrary(), static text =>
        {
            var template = Template.Parse(text);
            if (template.HasErrors)
            {
                return;
            }

            var context = new TemplateContext { StepLimit = 20_000, LimitToString = 10_000, TemplateLoader = new SelfLoader(text) };
            context.PushGlobal(new ScriptObject
            {
                ["a"] = 1,
                ["b"] = "text",
                ["items"] = new ScriptArray([1, "two", null, new ScriptObject { ["a"] = 2.5 }]),
            });
            try
            {
                Assert.True(template.Render(context).Length <= 10_003);
            }
            catch (ScriptRuntimeException problem)
            {
                Assert.NotEmpty(problem.OriginalMessage);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void Rendering_gives_the_same_text_every_time() =>
        Prop.ForAll(Templates.ToArbitrary(), static text =>
        {
            var template = Template.Parse(text);
            Assert.Equal(Outcome(template), Outcome(template));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Theory]
    [InlineData("{{")]
    [InlineData("{{ ")]
    [InlineData("{{ [")]
    [InlineData("[")]
    [InlineData("(")]
    [InlineData("{")]
    [InlineData("}")]
    [InlineData(")")]
    [InlineData("a.")]
    [InlineData("a ")]
    [InlineData("1+")]
    [InlineData("!")]
    [InlineData("-")]
    [InlineData("if a\n")]
    [InlineData("if a; end; ")]
    [InlineData("else if a\n")]
    [InlineData("for a in b;")]
    [InlineData("do;")]
    [InlineData("@(do;")]
    [InlineData("f(")]
    [InlineData("a[")]
    [InlineData("a ? b : ")]
    [InlineData("a ? ")]
    [InlineData("a | ")]
    [InlineData("$\"{")]
    [InlineData("'\\q'")]
    [InlineData("\"")]
    [InlineData("{a:")]
    [InlineData("#")]
    [InlineData("1")]
    [InlineData("{%")]
    [InlineData("{%{ ")]
    [InlineData("{{-  ")]
    [InlineData("  {{ a }}\n")]
    [InlineData(" \n {{~ a ~}} ")]
    [InlineData("case a; when 1; ")]
    [InlineData("when 1; ")]
    public void A_megabyte_of_one_thing_parses_in_linear_time(string piece)
    {
        foreach (var prefix in (string[])["", "{{ "])
        {
            var text = prefix + string.Concat(Enumerable.Repeat(piece, Megabyte / piece.Length));
            var watch = Stopwatch.StartNew();
            var template = Template.Parse(text);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{piece} took {watch.Elapsed}");
            Assert.NotNull(template.Page);
        }
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
            "{{ x = '{{ x | object.eval_template }}'; x | object.eval_template }}",
        ];
        foreach (var text in deep)
        {
            var isDone = false;
            var thread = new Thread(
                () =>
                {
                    _ = Outcome(Template.Parse(text));
                    isDone = true;
                },
                512 * 1024);
            thread.Start();
            thread.Join();
            Assert.True(isDone, text);
        }
    }

    private static string Outcome(Template template)
    {
        if (template.HasErrors)
        {
            return string.Join('\n', template.Messages);
        }

        try
        {
            return template.Render(new TemplateContext { StepLimit = 20_000 });
        }
        catch (ScriptRuntimeException problem)
        {
            return problem.Message;
        }
    }

    private sealed class SelfLoader(string text) : ITemplateLoader
    {
        public string? GetPath(TemplateContext context, SourceSpan callerSpan, string templateName) => templateName;

        public string? Load(TemplateContext context, SourceSpan callerSpan, string templatePath) => text;
    }
}
