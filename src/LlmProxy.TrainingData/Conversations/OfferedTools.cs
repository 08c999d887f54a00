using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Scanning;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>The tools of a segment: those with a schema that any step offered, and those that were called without being offered.</summary>
internal static class OfferedTools
{
    private const string FreeText = """{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}""";
    private const string Anything = """{"type":"object","properties":{}}""";

    public static IReadOnlyList<OfferedTool> Collect(IReadOnlyList<StepView> steps, List<Turn> turns, ToolNames names)
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
            var native = step.Step.Dialect == DialectKind.AnthropicMessages ? NativeByName(json) : null;
            foreach (var tool in ToolLists.Read(json, [new ByteRange(0, json.Length)]))
            {
                var name = names.Of(StrictJson.Clean(tool.Name));
                var raw = native is not null && name == tool.Name && native.TryGetValue(tool.Name, out var found) ? found : default;

                // A provider's own tool (web search and the like) has no schema: it means nothing to another provider.
                if ((tool.ParametersJson is not null || raw.Length > 0 || called.Contains(name)) && known.Add(name))
                {
                    var schema = tool.ParametersJson is { } parameters ? StrictJson.Clean(parameters) : called.Contains(name) ? FreeText : null;
                    tools.Add(new OfferedTool(name, StrictJson.Clean(tool.Description), schema, raw));
                }
            }
        }

        tools.AddRange(called.Where(known.Add).Order(StringComparer.Ordinal).Select(name => new OfferedTool(name, "", Anything, default)));
        return tools;
    }

    private static Dictionary<string, ReadOnlyMemory<byte>> NativeByName(ReadOnlyMemory<byte> json)
    {
        var native = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        using var document = LenientJson.Parse(json);
        foreach (var tool in document?.RootElement.Items() ?? [])
        {
            if (tool.Text("name"u8) is { Length: > 0 } name)
            {
                native.TryAdd(name, tool.Raw().ToArray());
            }
        }

        return native;
    }
}
