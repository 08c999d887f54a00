using FsCheck;
using FsCheck.Fluent;

namespace LlmProxy.Tests.Prompts.Checking;

/// <summary>What holds for any files at all: the checker ends soon and its places are in the file.</summary>
public sealed class CheckerPropertyTests
{
    private static readonly string[] Pieces =
    [
        "{{ ", " }}", "{%{", "}%}", "text", "<recorded_run>", "</recorded_run>", "system.head", "system.tail", "examples", "tools", "$x", "x = ", "$x = ",
        "for e in examples ", "limit:3 ", "e.task", "end ", "; ", "if tools.size > 0 ", "else ", "include 'gemini' ", "include 'openai' a: ", "func f(a); ", "f 1",
        "ret ", "capture $x; ", "case model; when 'a'; ", " | ", "array.map 'task' ", "string.upcase ", "with task; ", "import ", "do; ", "(", ")", "[", "]", "+ ", "? ", ": ", "'s'", "1 ", "$\"{", "}\"", "and ", "$",
    ];

    // Scriban does not end for some texts with errors around and within interpolated strings.
    private static readonly string[] StringPieces =
        ["$\"{", "}\"", "$'a{", "}b'", "{", "}", "$\"", "$'", "\"", "'", "[", "]", "(", ")", "?", ":", ";", "/", "x", "f ", "a: ", ",", "|", ".", "\n", "}}", "{{", "@", "do "];

    // Every kind of token that Scriban's lexer and parser know.
    private static readonly string[] SyntaxPieces =
    [
        "{{", "}}", "{{~", "~}}", "{{-", "-}}", "{%{", "}%}", "{%%{", "}%%}", "while ", "tablerow i in ", "for ", " in ", "if ", "else if ", "else", "end", "unless ", "case ", "when ", "wrap ",
        "with ", "readonly ", "import ", "capture ", "func ", "do", "ret ", "break", "continue", "include ", "this", "empty", "blank", "null", "true", "false", "reversed", "offset: ",
        "limit: ", "cols: ", "??", "?!", "?.", "?", "|>", "|", "&&", "||", "!", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "//", "%", "^", "^^", "&", "<<", ">>", "..", "..<", "...",
        "=>", "=", "+=", "-=", "*=", "//=", "++", "--", "@", "$", "$0", "$$", "x", "x.y", ".", ",", ";", ":", "\n", " ", "(", ")", "[", "]", "{", "}", "`", "`a`", "\"", "'", "\\", "#", "##", "1", "0x1f",
        "1.5e3", "1_000", "0b11", "2m", "3d", "f(a)", "f (", "a: 1", "é", "\u200b", "\r",
    ];

    private static readonly int Inputs = Math.Max(3000, Fuzz.Tries(3000));

    private static readonly Gen<string> Texts = Gen.OneOf(
        Gen.Elements(SyntaxPieces).ListOf().Select(parts => "{{ " + string.Concat(parts)),
        Gen.Elements((string[])[.. SyntaxPieces, .. StringPieces]).ListOf().Select(parts => "{{ " + string.Concat(parts) + " }}"),
        Gen.Elements(StringPieces).ListOf().Select(parts => "{{ " + string.Concat(parts)),
        Gen.Elements(Pieces).ListOf().Select(parts => string.Concat(parts)),
        Gen.Elements(Pieces).ListOf().Select(parts => "{{ " + string.Concat(parts) + "}}{{ end }}"));

    [Fact]
    public void Any_files_are_checked_without_an_exception() =>
        Prop.ForAll(Texts.Two().ToArbitrary(), static texts =>
        {
            var (openai, gemini) = texts;
            var found = RulePages.Check(("openai.sbn", openai), ("gemini.sbn", gemini), ("proxy.json", openai));
            foreach (var diagnostic in found)
            {
                var text = diagnostic.Span.FileName == "gemini.sbn" ? gemini : openai;
                Assert.InRange(diagnostic.Span.Start.Offset, 0, text.Length);
                Assert.InRange(diagnostic.Span.End.Offset, diagnostic.Span.Start.Offset, text.Length);
                Assert.NotEmpty(diagnostic.Message);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Inputs));

    [Theory]
    [InlineData("{{ f a: [b?;$\"{/}\" }}", 11)]
    [InlineData("{{ f a: [b?(;$'x{/}y{1}' }}", 12)]
    [InlineData("{{ if model }}\n{{ $\"a{/}\" }}{{ end }}", 22)]
    [InlineData("{{ $\"a{$'b{model}{/}'}\" }}", 18)]
    [InlineData("{{ $\"a{$'b{model\n}{/}'}\" }}", 16)]
    [InlineData("{{ $\"{$\"{$\"{$\"{$\"{$\"{$\"{$\"{$\"{$\"{model}\"}\"}\"}\"}\"}\"}\"}\"}\"}\" }}", 40)]
    public void An_error_near_an_interpolated_string_has_its_place(string text, int offset)
    {
        var found = RulePages.Check(("openai.sbn", text));

        Assert.Equal(offset, found[0].Span.Start.Offset);
    }

    [Theory]
    [InlineData("{{ model f(a) = 1 }}", 10)]
    [InlineData("{{ model\n string.upcase f(a) = 1\n }}", 25)]
    [InlineData("{{ $\"{model f() = 1}\" }}", 12)]
    public void A_function_is_no_argument(string text, int offset)
    {
        var found = RulePages.Check(("openai.sbn", text));

        Assert.Equal((offset, "LLMP101"), (found[0].Span.Start.Offset, found[0].Rule.Id));
    }

    [Fact]
    public void Strings_within_strings_are_read()
    {
        var found = RulePages.Check(("openai.sbn", "{{ system.text }}{{ $\"a{$'b{model}\n{\"c\"}'}\nd{system.nothing}\" }}"));

        var one = Assert.Single(found);
        Assert.Contains("nothing", one.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{{")]
    [InlineData("{{ [")]
    [InlineData("{{ model }}\n")]
    [InlineData("{{ $a = model }}{{ $a }}")]
    [InlineData("{{ if tools.size > 0 }}a{{ end }}")]
    [InlineData("{{ for t in tools }}{{ t.name }}{{ end }}")]
    [InlineData("{{ include 'gemini' }}")]
    [InlineData("{{ unknown }}")]
    [InlineData("{{ func f; 1; end }}")]
    [InlineData("{{ 'x' | string.upcase }}")]
    [InlineData("{{ case model; when 'a'; 1; end }}")]
    [InlineData("<recorded_run>{{ examples[0].task }}</recorded_run>")]
    [InlineData("'")]
    [InlineData("a = 1\n")]
    [InlineData("{{ $\"{model}\" }}")]
    [InlineData("{{ $\"{")]
    public void Checking_costs_grow_linearly_with_the_text(string piece)
    {
        foreach (var prefix in (string[])["", "{{ "])
        {
            Growth.IsLinear(piece, text => RulePages.Check(("openai.sbn", prefix + text), ("gemini.sbn", "{{ system.text }}")));
        }
    }

    [Theory]
    [InlineData("{{ for a in tools }}", "{{ end }}", 100)]
    [InlineData("{{ if model }}", "{{ end }}", 200)]
    [InlineData("{{ capture $x }}", "{{ end }}", 200)]
    public void Nested_blocks_are_followed_in_a_bounded_number_of_steps(string opening, string closing, int depth)
    {
        var text = string.Concat(Enumerable.Repeat(opening, depth)) + "x" + string.Concat(Enumerable.Repeat(closing, depth));

        var found = RulePages.Check(("openai.sbn", text));

        // Beyond the steps the checker says nothing of what the prompt holds; loops double the work with each level.
        Assert.Equal(opening.Contains("for", StringComparison.Ordinal), !found.Any(one => one.Rule.Id == "LLMP401"));
    }

    [Fact]
    public void Files_that_include_each_other_many_times_are_followed_in_a_bounded_number_of_steps()
    {
        var files = Enumerable.Range(0, 30)
            .Select(i => ($"part{i}.sbn", string.Concat(Enumerable.Range(i + 1, Math.Min(5, 29 - i)).Select(next => $"{{{{ include 'part{next}' }}}}"))))
            .Append(("openai.sbn", "{{ include 'part0' }}"));

        var found = RulePages.Check([.. files]);

        // Followed to the end it would be found that the agent's prompt is lost: the steps ended before.
        Assert.DoesNotContain(found, one => one.Rule.Id == "LLMP401");
    }
}
