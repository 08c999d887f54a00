using System.Globalization;
using System.Text;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Benchmarks.Templates;

/// <summary>A prompt with three examples of ten steps, and how a program writes the examples by hand.</summary>
internal static class ExamplePrompt
{
    /// <summary>The loops over the examples, as a template.</summary>
    public const string ExamplesTemplate = """
        {{ for example in examples limit:20 ~}}
        Example {{ for.index + 1 }} ({{ math.round(example.similarity * 100) }}% similar)
        <recorded_run id="{{ for.index + 1 }}">
        Task: {{ example.task }}
        Approach:
        {{ for step in example.steps limit:40 ~}}
        {{ for.index + 1 }}. {{ step.reasoning }}
           Call: {{ step.tool }}({{ step.arguments }})
           Result: {{ step.result }}
        {{ end ~}}
        Tools used: {{ example.tools_used | array.join ', ' }}
        Outcome: {{ example.outcome }} ({{ example.iterations }} turns in all)
        </recorded_run>

        {{ end ~}}
        """;

    /// <summary>Three examples of ten steps.</summary>
    public static FewShotExample[] Examples { get; } = [.. Enumerable.Range(1, 3).Select(Example)];

    /// <summary>Writes what <see cref="ExamplesTemplate"/> writes.</summary>
    public static void WriteExamples(StringBuilder text, FewShotExample[] examples)
    {
        for (var i = 0; i < examples.Length; i++)
        {
            var example = examples[i];
            text.Append(CultureInfo.InvariantCulture, $"Example {i + 1} ({Math.Round(example.Similarity * 100)}% similar)\n<recorded_run id=\"{i + 1}\">\nTask: ").Append(example.Task).Append("\nApproach:\n");
            for (var s = 0; s < example.Steps.Count; s++)
            {
                var step = example.Steps[s];
                text.Append(s + 1).Append(". ").Append(step.Reasoning).Append("\n   Call: ").Append(step.Tool).Append('(').Append(step.Arguments).Append(")\n   Result: ").Append(step.Result).Append('\n');
            }

            text.Append("Tools used: ").AppendJoin(", ", example.ToolsUsed).Append("\nOutcome: ").Append(example.Outcome).Append(" (").Append(example.Iterations).Append(" turns in all)\n</recorded_run>\n\n");
        }
    }

    private static FewShotExample Example(int number) => new(
        $"run-{number}",
        OneLine(number, 120),
        "Completed successfully",
        0.8,
        0.9,
        10,
        ["read_file", "write_file"],
        [.. Enumerable.Range(1, 10).Select(step => new FewShotStep(OneLine(10 * step, 90), "read_file", $"path: part_{step}.cs", OneLine((10 * step) + 1, 60)))]);

    private static string OneLine(int seed, int length) => Filler.Text(seed, length).Replace('\n', ' ').Replace('\t', ' ').Trim();
}
