namespace LlmProxy.Analyzers.Tests;

public sealed class TemplateAnalyzerTests
{
    private const string Whole = "{{ system.head }}{{ for e in examples limit:3 }}<recorded_run>{{ e.task }}</recorded_run>{{ end }}{{ system.tail }}";

    private const string Nope = "error LLMP201: There is no variable `nope`: there are array, date, e, examples, html, math, model, object, provider, regex, string, system, task, timespan, tools.";

    [Fact]
    public async Task A_sound_set_gives_nothing() =>
        await new TemplateProject().Template("openai.sbn", Whole + "{{ include 'part' }}").Template("part.sbn", "a").Settings("""{ "LlmProxy.Provider": "openai" }""").ReportsAsync();

    [Fact]
    public async Task A_mistake_stands_in_the_template_from_its_first_to_behind_its_last_character() =>
        await new TemplateProject().Template("openai.sbn", "text\r\n{{ sytem.text }}")
            .ReportsAsync("templates/openai.sbn(2,4,2,9): error LLMP201: There is no variable `sytem`: did you mean `system`?");

    [Fact]
    public async Task Rules_over_the_set_stand_in_the_file_that_they_are_about() =>
        await new TemplateProject()
            .Template("openai.sbn", Whole + "{{ include 'more' }}")
            .Template("opena.sbn", Whole)
            .Settings("""{"LlmProxy.Provider": "gemini"}""")
            .ReportsAsync(
                "proxy.json(1,23,1,31): warning LLMP305: The provider \"gemini\" has no template, so the prompts of its models stay as they are, without examples: add gemini.sbn, or name another provider here.",
                "templates/opena.sbn(1,1,1,2): warning LLMP303: Nothing renders this template: it is no provider's and nothing includes it; is it meant for the provider `openai`?",
                "templates/openai.sbn(1,127,1,133): error LLMP301: There is no template `more`: add more.sbn to the folder, or correct the name.");

    [Fact]
    public async Task Files_of_which_the_project_says_nothing_are_templates_below_a_folder_of_that_name() =>
        await new TemplateProject().Add("templates/sub/x.sbn", "{{ nope }}").Add("notes.txt", "{{ nope }}").ReportsAsync(
            "templates/sub/x.sbn(1,1,1,2): warning LLMP303: Nothing renders this template: include it, remove it, or name it after a provider (openai, gemini, proxy, anthropic).",
            "templates/sub/x.sbn(1,4,1,8): error LLMP201: There is no variable `nope`: there are array, date, examples, html, math, model, object, provider, regex, string, system, task, timespan, tools.");

    [Fact]
    public async Task A_severity_for_the_code_holds_for_templates_and_one_for_a_template_holds_there()
    {
        var project = new TemplateProject
        {
            EditorConfig = """
                [*.cs]
                dotnet_diagnostic.LLMP304.severity = error
                dotnet_diagnostic.LLMP403.severity = none
                [templates/openai.sbn]
                llmproxy_severity.LLMP304 = none
                """,
        };

        await project.Template("openai.sbn", "{{ system.text }}{{ $x = 1 }}").Template("gemini.sbn", "{{ system.text }}{{ $x = 1 }}")
            .ReportsAsync("templates/gemini.sbn(1,21,1,23): error LLMP304: `$x` is given a value that nothing reads: remove it, or is it read under another name?");
    }

    [Theory]
    [InlineData("var x = \"opena.sbn\";", "Code.cs(1,37,1,48): error LLMP501: There is no template \"opena.sbn\": did you mean \"openai.sbn\"?")]
    [InlineData("var x = \"templates/opena.sbn\";", "Code.cs(1,37,1,58): error LLMP501: There is no template \"templates/opena.sbn\": did you mean \"openai.sbn\"?")]
    [InlineData("Use(\"opena\");", "Code.cs(1,33,1,40): error LLMP501: There is no template \"opena\": did you mean \"openai\"?")]
    [InlineData("var x = \"something.sbn\";", "Code.cs(1,37,1,52): error LLMP501: There is no template \"something.sbn\": add it to the folder of the templates, or write one of the constants in Prompts.Names.")]
    [InlineData("var x = \"openai.sbn\" + \"/a/templates/openai.sbn\" + \".sbn\" + \"*.sbn\" + \"opena\";", null)]
    [InlineData("Use(\"openai\"); Use(\"openai.sbn\"); Other(\"opena\");", null)]
    public async Task Code_that_names_a_template_in_a_text_is_checked(string statement, string? expected)
    {
        var project = new TemplateProject { Code = "class C { static void M() { " + statement + " } static void Use(string templateName) { } static void Other(string text) { } }" }.Template("openai.sbn", Whole);

        await project.ReportsAsync(expected is null ? [] : [expected]);
    }

    [Fact]
    public async Task A_project_without_templates_is_left_alone() =>
        await new TemplateProject { Code = "class C { string x = \"opena.sbn\"; }" }.Add("notes.txt", "x").ReportsAsync();

    [Fact]
    public async Task A_changed_text_is_checked_anew_and_an_old_one_as_before()
    {
        var project = new TemplateProject().Template("openai.sbn", Whole);
        await project.ReportsAsync();

        await project.Template("openai.sbn", Whole + "{{ nope }}").ReportsAsync("templates/openai.sbn(1,119,1,123): " + Nope);
        await project.Template("openai.sbn", Whole).ReportsAsync();
        await project.Template("gemini.sbn", Whole + "{{ nope }}").ReportsAsync("templates/gemini.sbn(1,119,1,123): " + Nope);
    }
}
