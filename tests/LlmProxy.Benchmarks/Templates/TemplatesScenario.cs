using System.Globalization;
using System.Text;
using System.Text.Json;
using LlmProxy.Benchmarks.Parts;
using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Prompting;
using LlmProxy.Prompts;
using LlmProxy.Wire;
using Scriban;
using Scriban.Runtime;

namespace LlmProxy.Benchmarks.Templates;

/// <summary>
/// Prompts of three sizes with three examples of ten steps: parsed and rendered, and a StringBuilder that writes the same
/// text in the same process. Times are those of the best round, which a busy machine disturbs least.
/// </summary>
internal static class TemplatesScenario
{
    /// <summary>A prompt is rendered once for each distinct system prompt of a task.</summary>
    private const double MaxMilliseconds = 0.5;
    private const int LimitedKilobytes = 8;

    private const string Heading = "OPERATING PRINCIPLES";

    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Task<int> RunAsync(TemplatesOptions options, CancellationToken cancellationToken)
    {
        var rows = new List<Row>();
        foreach (var kilobytes in (int[])[2, LimitedKilobytes, 30])
        {
            rows.Add(MeasureShipped(kilobytes, cancellationToken));
            rows.Add(MeasureTemplate(kilobytes, cancellationToken));
        }

        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { limits = new { milliseconds = MaxMilliseconds, kilobytes = LimitedKilobytes }, rows }, Indented));
        }
        else
        {
            Print(rows);
        }

        return Task.FromResult(rows.TrueForAll(row => row.Kilobytes != LimitedKilobytes || row.RenderMicroseconds <= MaxMilliseconds * 1000) ? 0 : 1);
    }

    /// <summary>An agent's prompt of a size, rewritten by the shipped template, as each call of a task is.</summary>
    private static Row MeasureShipped(int kilobytes, CancellationToken cancellationToken)
    {
        var head = Filler.Text(7, kilobytes * 512) + "\n\n";
        var tail = Heading + "\n" + Filler.Text(8, kilobytes * 512);
        var values = new PromptValues("task", "Compare the orders", "openai", "gpt-4.1", [new ToolOffer("read_file", "Reads")], ExamplePrompt.Examples);
        var prepared = PromptRenderer.Prepare(TemplateSet.Shipped, values);

        // One character changes each time: the latest rendering is kept for an equal prompt.
        string[] heads = [head + "a\n\n", head + "b\n\n"];
        string[] prompts = [heads[0] + tail, heads[1] + tail];
        var rendered = prepared.Render(prompts[0], Heading).Text!;
        var before = rendered[heads[0].Length..rendered.IndexOf("Example 1 (", StringComparison.Ordinal)];
        var after = rendered[rendered.IndexOf("The records end here.", StringComparison.Ordinal)..^tail.Length];
        var turn = 0;
        return Measure(
            $"shipped openai.sbn, agent's prompt of {kilobytes} KB",
            kilobytes,
            rendered,
            () => TemplateSet.Parse(TemplateSet.Shipped.Files),
            () => prepared.Render(prompts[turn++ & 1], Heading).Text!,
            () => ByHand(heads[turn++ & 1] + before, after + tail),
            () => ByHand(heads[0] + before, after + tail),
            cancellationToken);
    }

    /// <summary>A template that is as long itself.</summary>
    private static Row MeasureTemplate(int kilobytes, CancellationToken cancellationToken)
    {
        var head = Filler.Text(7, kilobytes * 512) + "\n\n";
        var tail = Filler.Text(8, kilobytes * 512);
        var source = head + ExamplePrompt.ExamplesTemplate.ReplaceLineEndings("\n") + "\n" + tail;
        var template = Template.Parse(source, "prompt.sbn");
        var values = new PromptValues("task", "Compare the orders", "openai", "gpt-4.1", [], ExamplePrompt.Examples);
        var model = PromptObjects.OfTask(values);
        return Measure(
            $"template of {kilobytes} KB",
            kilobytes,
            Render(template, model),
            () => Template.Parse(source, "prompt.sbn"),
            () => Render(template, model),
            () => ByHand(head, tail),
            () => ByHand(head, tail),
            cancellationToken);
    }

    private static string Render(Template template, ScriptObject model)
    {
        var context = new PromptContext(new Dictionary<string, Template>(StringComparer.Ordinal), PromptLimits.Output, CancellationToken.None);
        context.PushGlobal(model);
        context.PushGlobal(new ScriptObject());
        return template.Render(context);
    }

    private static string ByHand(string before, string after)
    {
        var text = new StringBuilder();
        text.Append(before);
        ExamplePrompt.WriteExamples(text, ExamplePrompt.Examples);
        return text.Append(after).ToString();
    }

    private static Row Measure(string name, int kilobytes, string rendered, Func<object> parse, Func<string> render, Func<string> byHand, Func<string> sameByHand, CancellationToken cancellationToken)
    {
        if (!string.Equals(rendered, sameByHand(), StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"{name}: the StringBuilder does not write what the template writes.");
        }

        var loop = new PartLoop(new PartsOptions(), cancellationToken);
        loop.Measure("parse", name, () => parse());
        loop.Measure("render", name, () => render());
        loop.Measure("StringBuilder", name, () => byHand());
        var (parsed, made, hand) = (loop.Results[0], loop.Results[1], loop.Results[2]);
        return new Row(name, kilobytes, rendered.Length, parsed.Least, made.Least, hand.Least, made.Least / hand.Least, made.Bytes, hand.Bytes, made.Bytes / hand.Bytes);
    }

    private static void Print(List<Row> rows)
    {
        var table = new Table("prompt", "characters", "parse µs", "render µs", "StringBuilder µs", "times", "with parse", "render KB", "StringBuilder KB", "bytes");
        foreach (var row in rows)
        {
            table.Add(
                row.Name,
                row.Characters.ToString(CultureInfo.InvariantCulture),
                row.ParseMicroseconds.Show(1),
                row.RenderMicroseconds.Show(1),
                row.ByHandMicroseconds.Show(1),
                row.Times.Show(1),
                ((row.ParseMicroseconds + row.RenderMicroseconds) / row.ByHandMicroseconds).Show(1),
                (row.RenderBytes / 1024).Show(1),
                (row.ByHandBytes / 1024).Show(1),
                row.BytesTimes.Show(2));
        }

        Console.Write(table);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nA rendering with a prompt of {LimitedKilobytes} KB may take {MaxMilliseconds} ms. 3 examples of 10 steps.\nA template is parsed once for each change of its file; of the shipped ones it is the whole set."));
    }

    private sealed record Row(
        string Name,
        int Kilobytes,
        int Characters,
        double ParseMicroseconds,
        double RenderMicroseconds,
        double ByHandMicroseconds,
        double Times,
        double RenderBytes,
        double ByHandBytes,
        double BytesTimes);
}

/// <summary>What <c>templates</c> is asked for.</summary>
internal sealed record TemplatesOptions(bool Json)
{
    public static TemplatesOptions Parse(string[] arguments) => arguments switch
    {
        [] => new TemplatesOptions(Json: false),
        ["--json"] => new TemplatesOptions(Json: true),
        _ => throw new UsageException($"There is no option {arguments[0]}."),
    };
}
