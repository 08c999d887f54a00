using System.Text.Json.Nodes;

namespace LlmProxy.Server.Demo;

/// <summary>The scripted run of Claude, and the tasks of the other agents.</summary>
internal sealed class DemoScript
{
    private readonly JsonObject _script;

    private DemoScript(JsonObject script)
    {
        _script = script;
        System = string.Join('\n', script["system"]!.AsArray().Select(line => line!.GetValue<string>()));
        Steps = [.. script["steps"]!.AsArray().Select(step => step!.AsObject())];
    }

    /// <summary>Claude's model.</summary>
    public string Model => _script["model"]!.GetValue<string>();

    /// <summary>Claude's task.</summary>
    public string Task => _script["task"]!.GetValue<string>();

    /// <summary>The agent's system prompt.</summary>
    public string System { get; }

    /// <summary>Claude's steps.</summary>
    public IReadOnlyList<JsonObject> Steps { get; }

    /// <summary>The tools: name, description, parameters.</summary>
    public IEnumerable<JsonObject> Tools => _script["tools"]!.AsArray().Select(tool => tool!.AsObject());

    /// <summary>Reads the embedded script.</summary>
    public static DemoScript Read()
    {
        using var stream = typeof(DemoScript).Assembly.GetManifestResourceStream("demo-run.json")!;
        return new DemoScript(JsonNode.Parse(stream)!.AsObject());
    }

    /// <summary>The agent of a provider: its model, its task, and the reply of its model.</summary>
    public (string Model, string Task, string Answer) Agent(string provider)
    {
        var agent = _script["agents"]![provider]!;
        return (agent["model"]!.GetValue<string>(), agent["task"]!.GetValue<string>(), agent["answer"]!.GetValue<string>());
    }
}
