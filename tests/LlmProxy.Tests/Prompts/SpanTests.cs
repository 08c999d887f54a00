using System.Text.Json;

using LlmProxy.Prompts.Syntax;

using Xunit.Abstractions;

namespace LlmProxy.Tests.Prompts;

/// <summary>Compares the places of nodes with the recorded trees. Nodes whose end was not recorded are not compared.</summary>
public sealed class SpanTests(ITestOutputHelper output)
{
    // How many templates have every recorded node at its recorded place.
    private const int Floor = 245;

    [ScribanFact]
    public void Nodes_stand_where_they_were_recorded()
    {
        var cases = ScribanCases.Read("corpus.jsonl").Concat(ScribanCases.Read("broken.jsonl")).ToDictionary(c => c.Id);
        var (equal, total) = (0, 0);
        foreach (var line in File.ReadLines(Path.Combine(ScribanCases.Folder!, "spans.jsonl")))
        {
            using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
            if (!json.RootElement.TryGetProperty("ast", out var ast))
            {
                continue;
            }

            var item = cases[json.RootElement.GetProperty("id").GetString()!];
            var expected = new List<string>();
            Flatten(ast, expected);
            var collector = new Collector();
            collector.Visit(item.Parse().Page);
            var missing = expected.Except(collector.Found).ToList();
            total++;
            equal += missing.Count == 0 ? 1 : 0;
            if (missing.Count > 0)
            {
                output.WriteLine($"{item.Id} {JsonSerializer.Serialize(item.Text)}: {string.Join(' ', missing.Take(5))}");
            }
        }

        output.WriteLine($"spans.jsonl: {equal} of {total} trees equal");
        Assert.True(equal >= Floor, $"{equal} of {total}");
    }

    private static void Flatten(JsonElement node, List<string> found)
    {
        if (node[0].ValueKind == JsonValueKind.Array)
        {
            foreach (var child in node.EnumerateArray())
            {
                Flatten(child, found);
            }

            return;
        }

        var (start, end) = (node[1].GetInt32(), node[2].GetInt32());
        var name = node[0].GetString()!;
        if (end >= start && !name.StartsWith("ScriptList", StringComparison.Ordinal))
        {
            found.Add($"{name}@{start}-{end}");
        }

        if (node.GetArrayLength() > 7)
        {
            Flatten(node[7], found);
        }
    }

    private sealed class Collector : ScriptVisitor
    {
        public HashSet<string> Found { get; } = [];

        protected override void DefaultVisit(ScriptNode node)
        {
            Found.Add($"{node.GetType().Name}@{node.Span.Start.Offset}-{node.Span.End.Offset}");
            base.DefaultVisit(node);
        }
    }
}
