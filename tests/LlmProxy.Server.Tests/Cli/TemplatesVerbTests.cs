using LlmProxy.Core.Prompting;

namespace LlmProxy.Tests.Cli;

public sealed class TemplatesVerbTests
{
    /// <summary>Five ways to break a shipped template: what is replaced, by what, and what is said of it.</summary>
    public static TheoryData<string, string, string> Faults() => new()
    {
        { "{{ system.head }}{{ include 'gap'", "{{ sytem.head }}{{ include 'gap'", "openai.sbn(8,4): error LLMP201: There is no variable `sytem`: did you mean `system`?" },
        { "include 'few-shot'", "include 'few-shto'", "openai.sbn(9,35): error LLMP301: There is no template `few-shto`: did you mean `few-shot`?" },
        { "{{- end }}\n\nErrors:", "\n\nErrors:", "openai.sbn(17,5): error LLMP102: `else` is not closed: write `{{ end }}` where it ends." },
        { "model | string.downcase", "model | string.downcas", "reasoning-model.sbn(3,31): error LLMP203: There is no function `string.downcas`: did you mean `string.downcase`?" },
        { "{{ system.tail }}{{ end -}}", "{{ system.tial }}{{ end -}}", "openai.sbn(46,11): error LLMP202: `system` has no member `tial`: did you mean `tail`?" },
        { "if string.contains($name, part)", "if string.contains($name)", "reasoning-model.sbn(6,6): error LLMP204: `string.contains` is given 1 argument and takes 2: string.contains text value." },
        { "{{ else }}do exactly that", "{{ elseif true }}do exactly that", "openai.sbn(29,121): error LLMP112: `elseif` is no keyword of this language, it is read as a name: write `else if`." },
    };

    [Fact]
    public async Task The_shipped_templates_have_no_error_and_no_warning()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["templates", "check", .. folder.Alone]);

        Assert.Equal("8 templates, 0 errors, 0 warnings\n", outcome.Output.ReplaceLineEndings("\n"));
        Assert.Equal(0, outcome.Code);
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_broken_template_is_told_as_a_compiler_would(string right, string wrong, string expected)
    {
        using var folder = new TestFolder();
        WriteShipped(folder, right, wrong);

        var outcome = await Llmproxy.RunAsync(["templates", "check", folder["templates"], .. folder.Alone]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains(Path.Combine(folder["templates"], expected), outcome.Output.Split('\n').Select(line => line.TrimEnd('\r')));
    }

    [Fact]
    public async Task The_same_as_json()
    {
        using var folder = new TestFolder();
        WriteShipped(folder, "include 'few-shot'", "include 'few-shto'");

        var outcome = await Llmproxy.RunAsync(["templates", "check", "--json", .. folder.Alone]);

        Assert.Equal(1, outcome.Code);
        Assert.Equal(8, (int?)outcome.Json["templates"]);
        var item = outcome.Json["items"]!.AsArray().Single(one => (string?)one!["severity"] == "error")!;
        Assert.Equal("LLMP301", (string?)item["id"]);
        Assert.Equal((9, 35, 9, 44), ((int?)item["line"], (int?)item["column"], (int?)item["endLine"], (int?)item["endColumn"]));
        Assert.Equal(1, (int?)outcome.Json["errors"]);
    }

    [Fact]
    public async Task Warnings_alone_are_no_failure()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder["templates"]);
        await File.WriteAllTextAsync(Path.Combine(folder["templates"], "openai.sbn"), "{{ system.text }}");

        var outcome = await Llmproxy.RunAsync(["templates", "check", folder["templates"], .. folder.Alone]);

        Assert.Equal(0, outcome.Code);
        Assert.Contains("openai.sbn(1,1): warning LLMP403: ", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_is_wrong_usage()
    {
        using var folder = new TestFolder();

        var outcome = await Llmproxy.RunAsync(["templates", "check", folder["nothing"], .. folder.Alone]);

        Assert.Equal(2, outcome.Code);
        Assert.Contains(folder["nothing"], outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_is_shown_as_it_would_be_sent()
    {
        using var folder = new TestFolder();
        await File.WriteAllTextAsync(folder["system.txt"], "You book flights.\n\nOPERATING PRINCIPLES\nBe quick.");

        var outcome = await Llmproxy.RunAsync(["templates", "render", "--provider", "openai", "--task", "Book a flight", "--system", folder["system.txt"], "--tool", "search", .. folder.Alone]);

        Assert.Equal("", outcome.Error);
        Assert.Equal(0, outcome.Code);
        Assert.StartsWith("You book flights.\n\n## Working Method\n", outcome.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n\nOPERATING PRINCIPLES\nBe quick.\n", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("in the same reply, call the tool", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_prompt_of_a_broken_template_is_not_shown()
    {
        using var folder = new TestFolder();
        WriteShipped(folder, "include 'few-shot'", "include 'few-shto'");

        var outcome = await Llmproxy.RunAsync(["templates", "render", "--provider", "openai", "--task", "Book a flight", .. folder.Alone]);

        Assert.Equal(1, outcome.Code);
        Assert.Contains("openai.sbn(9,35): error LLMP301", outcome.Error, StringComparison.Ordinal);
        Assert.Empty(outcome.Output);
    }

    [Theory]
    [InlineData("--provider", "mistral", "--task", "x")]
    [InlineData("--task", "x")]
    [InlineData("--provider", "openai")]
    public async Task Rendering_needs_a_known_provider_and_a_task(params string[] arguments) =>
        Assert.Equal(2, (await Llmproxy.RunAsync(["templates", "render", .. arguments])).Code);

    private static void WriteShipped(TestFolder folder, string right, string wrong)
    {
        var files = TemplateSet.Shipped.Files.ToDictionary(file => file.Key, file => file.Value.ReplaceLineEndings("\n"), StringComparer.Ordinal);
        var broken = files["openai.sbn"].Contains(right, StringComparison.Ordinal) ? "openai.sbn" : "reasoning-model.sbn";
        Assert.Contains(right, files[broken], StringComparison.Ordinal);
        files[broken] = files[broken].Replace(right, wrong, StringComparison.Ordinal);
        Directory.CreateDirectory(folder["templates"]);
        foreach (var (name, text) in files)
        {
            File.WriteAllText(Path.Combine(folder["templates"], name), text);
        }
    }
}
