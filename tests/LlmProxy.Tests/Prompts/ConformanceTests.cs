using System.Text;

using Xunit.Abstractions;

namespace LlmProxy.Tests.Prompts;

/// <summary>Renders every recorded case and compares output, or phase, place and text of the first error.</summary>
public sealed class ConformanceTests(ITestOutputHelper output)
{
    [ScribanFact]
    public void The_corpus_renders_as_recorded() => Check("corpus.jsonl", Floors.Corpus);

    [ScribanFact]
    public void Faulty_templates_fail_as_recorded() => Check("broken.jsonl", Floors.Broken);

    [ScribanFact]
    public void The_upstream_templates_render_as_recorded() => Check("upstream-cases.jsonl", Floors.Upstream);

    private void Check(string file, double floor)
    {
        var perTag = new SortedDictionary<string, (int Passed, int Total)>(StringComparer.Ordinal);
        var failures = new StringBuilder();
        var (passed, deviating, total) = (0, 0, 0);
        foreach (var item in ScribanCases.Read(file))
        {
            var difference = Run(item);
            total++;
            if (difference is not null && KnownDeviations.ById.ContainsKey(item.Id))
            {
                deviating++;
            }
            else if (difference is not null)
            {
                failures.AppendLine($"{item.Id} [{item.Tags[0]}] {item.Text.ReplaceLineEndings("\\n")}\n    {difference}");
            }

            passed += difference is null ? 1 : 0;
            foreach (var tag in item.Tags)
            {
                var (p, t) = perTag.GetValueOrDefault(tag);
                perTag[tag] = (p + (difference is null ? 1 : 0), t + 1);
            }
        }

        var summary = $"{file}: {passed} of {total} pass, {deviating} deviate deliberately, {total - passed - deviating} fail";
        output.WriteLine(summary);
        foreach (var (tag, (p, t)) in perTag)
        {
            output.WriteLine($"  {tag}: {p} of {t}");
        }

        output.WriteLine(failures.ToString());
        Assert.True(passed + deviating >= floor * total, summary + Environment.NewLine + failures);
    }

    private static string? Run(ScribanCase item)
    {
        try
        {
            return item.Run(decimalModel: false) ?? (item.Run(decimalModel: true) is { } d ? "decimal model: " + d : null);
        }
#pragma warning disable CA1031 // Any exception that is not an error of the template is a failure of the case.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            return problem.ToString();
        }
    }

    /// <summary>The share of each file that must pass or deviate deliberately.</summary>
    private static class Floors
    {
        public const double Corpus = 1;
        public const double Broken = 1;
        public const double Upstream = 1;
    }
}
