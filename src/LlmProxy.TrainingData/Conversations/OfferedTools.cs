using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>The tools of a segment: those with a schema that any step offered, and those that were called without being offered.</summary>
internal static class OfferedTools
{
    private const string FreeText = """{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}""";

    public static IReadOnlyList<OfferedTool> Collect(IReadOnlyList<StepView> steps, List<Turn> turns, ConsumerNames names, ExportNotes notes)
    {
        var tools = new List<OfferedTool>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        var called = turns.SelectMany(t => t.Calls).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        ContentHash? last = null;
        foreach (var step in steps)
        {
            if (step.ToolsJson is not { } json || step.Step.Tools == last)
            {
                continue;
            }

            last = step.Step.Tools;
            foreach (var tool in DialectCatalog.Get(step.Step.Dialect).ReadTools(json))
            {
                var name = names.Of(StrictJson.Clean(tool.Name));
                var raw = name == tool.Name ? tool.NativeJson : default;

                // A provider's own tool (web search and the like) has no schema: it means nothing to another provider.
                if ((tool.ParametersJson is not null || raw.Length > 0 || called.Contains(name)) && known.Add(name))
                {
                    var schema = tool.ParametersJson is { } parameters ? StrictJson.Clean(parameters) : called.Contains(name) ? FreeText : null;
                    tools.Add(new OfferedTool(name, StrictJson.Clean(tool.Description), schema, raw));
                }
            }
        }

        // Only calls were recorded (imports): a tool has the parameters that they gave.
        var inferred = called.Where(known.Add).Order(StringComparer.Ordinal).Select(name => new OfferedTool(name, "", Infer(turns, name), default)).ToList();
        notes.Add("lines without the client's definition of a called tool: its schema is inferred from recorded arguments", inferred.Count > 0 ? 1 : 0);
        tools.AddRange(inferred);
        return tools;
    }

    private static string Infer(List<Turn> turns, string name)
    {
        var schema = new SchemaInference();
        foreach (var call in turns.SelectMany(t => t.Calls).Where(c => c.Name == name))
        {
            schema.Add(call.Arguments);
        }

        return schema.ToJson();
    }
}
