using LlmProxy.Core.Retrieval;
using Scriban.Parsing;

namespace LlmProxy.Core.Prompting;

/// <summary>
/// Renders every template of a set for made-up requests, so that a wrong name or a missing include is found when the
/// file is saved and not in a request.
/// </summary>
internal static class TemplateTrial
{
    private const string Heading = "HEADING";

    public static IReadOnlyList<TemplateProblem> Run(TemplateSet set)
    {
        var problems = new List<TemplateProblem>();
        foreach (var root in set.Roots)
        {
            var problem = Try(set, root, Full, "Before\n\nHEADING\nAfter") ?? Try(set, root, Bare, "");
            if (problem is not null && !problems.Contains(problem))
            {
                problems.Add(problem);
            }
        }

        return problems;
    }

    public static TemplateProblem ProblemAt(SourceSpan span, string message)
        => new(span.FileName ?? "", span.Start.Line + 1, span.Start.Column + 1, message);

    private static PromptValues Full { get; } = new(
        "task-1",
        "Make a folder",
        "proxy",
        "sample-model",
        [new ToolOffer("take_screenshot", "Takes a picture"), new ToolOffer("detect_elements", ""), new ToolOffer("click_element", "")],
        [
            new FewShotExample("run-1", "Make a file", "Completed successfully", 0.83, 0.9, 2, ["shell"],
                [new FewShotStep("Look first.", "shell", "{\"command\":\"ls\"}", "nothing"), new FewShotStep("Done.", "", "", "")]),
            new FewShotExample("run-2", "Make two files", "Completed successfully", 0.8, 0.9, 1, ["shell"], [new FewShotStep("", "shell", "{}", "ok")]),
        ]);

    private static PromptValues Bare { get; } = new("", "", "proxy", "", [], []);

    private static TemplateProblem? Try(TemplateSet set, string root, PromptValues values, string systemText)
        => PreparedPrompt.ForFile(set, root, values).TryRender(systemText, Heading).Problem;
}
