using System.Globalization;
using System.Text;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Dialects;
using LlmProxy.Core.Prompting;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>A prompt of 8 KB with three examples of ten steps: from its template, and by hand with a StringBuilder.</summary>
internal static class PromptParts
{
    private const string Heading = "OPERATING PRINCIPLES";
    private const string Note = "8 KB, 3 examples of 10 steps";

    public static void Measure(PartLoop loop)
    {
        var head = Filler.Text(7, 4000) + "\n\n";
        var tail = Heading + "\n" + Filler.Text(8, 4000);
        var examples = Enumerable.Range(1, 3).Select(Example).ToArray();
        var values = new PromptValues("task", "Compare the orders", "openai", "gpt-4.1", [new ToolOffer("read_file", "Reads")], examples);
        var set = TemplateSet.Shipped;

        // One character changes each time: the latest rendering is kept for an equal prompt.
        string[] prompts = [head + "a\n\n" + tail, head + "b\n\n" + tail];
        var turn = 0;
        var prepared = PromptRenderer.Prepare(set, values);
        var rendered = prepared.Render(prompts[0], Heading).Text!;
        loop.Measure("Prompt rendered", $"{Note}: {rendered.Length} characters", () => prepared.Render(prompts[turn++ & 1], Heading));
        loop.Measure("Prompt rendered, values new", Note, () => PromptRenderer.Prepare(set, values).Render(prompts[turn++ & 1], Heading));

        // What stands around the examples is taken from the rendering, so both write the same amount of text.
        var section = rendered.IndexOf("Example 1 (", StringComparison.Ordinal);
        var end = rendered.IndexOf("The records end here.", StringComparison.Ordinal);
        var before = rendered[..section];
        var after = rendered[end..];
        loop.Measure("Prompt by StringBuilder", Note, () => ByHand(before, after, examples));
    }

    private static string ByHand(string before, string after, FewShotExample[] examples)
    {
        var text = new StringBuilder();
        text.Append(before);
        for (var i = 0; i < examples.Length; i++)
        {
            var example = examples[i];
            text.Append(CultureInfo.InvariantCulture, $"Example {i + 1} ({Math.Round(example.Similarity * 100)}% similar)\n<recorded_run id=\"{i + 1}\">\nTask: ").Append(example.Task).Append("\nApproach:\n");
            for (var s = 0; s < example.Steps.Count; s++)
            {
                var step = example.Steps[s];
                text.Append(s + 1).Append(". ").Append(step.Reasoning).Append("\n   Call: ").Append(step.Tool).Append('(').Append(step.Arguments).Append(")\n   Result: ").Append(step.Result).Append('\n');
            }

            text.Append("Tools used: ").AppendJoin(", ", example.ToolsUsed).Append("\nOutcome: ").Append(example.Outcome).Append(" (").Append(example.Iterations).Append(" steps in all)\n</recorded_run>\n\n");
        }

        return text.Append(after).ToString();
    }

    private static FewShotExample Example(int number) => new(
        $"run-{number}",
        Filler.Text(number, 120).ReplaceLineEndings(" "),
        "Completed successfully",
        0.8,
        0.9,
        10,
        ["read_file", "write_file"],
        [.. Enumerable.Range(1, 10).Select(step => new FewShotStep(OneLine(10 * step, 90), "read_file", $"path: part_{step}.cs", OneLine((10 * step) + 1, 60)))]);

    private static string OneLine(int seed, int length) => Filler.Text(seed, length).Replace('\n', ' ').Replace('\t', ' ');
}
