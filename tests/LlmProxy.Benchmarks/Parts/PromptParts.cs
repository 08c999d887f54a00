using System.Text;
using LlmProxy.Benchmarks.Templates;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Prompting;
using LlmProxy.Wire;

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
        var values = new PromptValues("task", "Compare the orders", "openai", "gpt-4.1", [new ToolOffer("read_file", "Reads")], ExamplePrompt.Examples);
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
        loop.Measure("Prompt by StringBuilder", Note, () => ByHand(before, after));
    }

    private static string ByHand(string before, string after)
    {
        var text = new StringBuilder();
        text.Append(before);
        ExamplePrompt.WriteExamples(text, ExamplePrompt.Examples);
        return text.Append(after).ToString();
    }
}
