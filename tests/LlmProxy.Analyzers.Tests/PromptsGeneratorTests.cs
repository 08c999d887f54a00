using Microsoft.CodeAnalysis;

namespace LlmProxy.Analyzers.Tests;

public sealed class PromptsGeneratorTests
{
    [Fact]
    public void Templates_have_names_of_the_language()
    {
        var project = new ProjectInMemory
        {
            Code = """
                using My.App;

                class C
                {
                    const string Name = Prompts.Names.OpenAiGpt4o;
                    string Text => Prompts.OpenAi.Text + Prompts.FewShot.Path + Prompts.OpenAi.Name + Prompts.Files["openai.sbn"] + Prompts.All.Count;
                    object Others => new object[] { Prompts._2nd, Prompts.FewShot_2, Prompts.Files_2 };
                }
                """,
        };
        foreach (var path in (string[])["openai.sbn", "openai/gpt-4o.sbn", "few-shot.sbn", "few_shot.sbn", "2nd.sbn", "files.sbn"])
        {
            project.Template(path, "a \"quoted\"\r\n\ttext {{ \\ }} \u2028 </summary>");
        }

        var (_, result, code) = project.Generate();

        Assert.Empty(result.GetDiagnostics().Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning));
        Assert.Contains("public const string OpenAiGpt4o = \"openai/gpt-4o\";", code, StringComparison.Ordinal);
    }

    [Fact]
    public void Code_that_names_a_template_which_is_not_there_does_not_compile()
    {
        var project = new ProjectInMemory { Code = "class C { object x = My.App.Prompts.Gemini; }" };

        var (_, result, _) = project.Template("openai.sbn", "text").Generate();

        Assert.Equal("CS0117", Assert.Single(result.GetDiagnostics()).Id);
    }

    [Fact]
    public void Without_templates_there_is_no_class() => Assert.Equal("", new ProjectInMemory().Add("notes.txt", "x").Generate().Code);

    [Fact]
    public void An_unchanged_template_is_not_made_anew()
    {
        var project = new ProjectInMemory().Template("openai.sbn", "one").Template("gemini.sbn", "two");
        var (driver, _, before) = project.Generate();

        // The same text in another object, as after a save that changed nothing.
        var (same, _, _) = project.Template("gemini.sbn", "two").Generate(driver);
        Assert.All(Outputs(same), reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));

        var (changed, _, after) = project.Template("gemini.sbn", "three").Generate(same);
        Assert.All(Outputs(changed), reason => Assert.Equal(IncrementalStepRunReason.Modified, reason));
        Assert.NotEqual(before, after);
        Assert.Contains("\"three\"", after, StringComparison.Ordinal);
    }

    private static IEnumerable<IncrementalStepRunReason> Outputs(GeneratorDriver driver) =>
        driver.GetRunResult().Results.Single().TrackedOutputSteps.SelectMany(step => step.Value).SelectMany(run => run.Outputs).Select(output => output.Reason);
}
