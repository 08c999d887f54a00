using System.Text.Json.Nodes;

namespace LlmProxy.Server.Demo;

/// <summary>A scripted run of Claude.</summary>
/// <param name="Task">The task.</param>
/// <param name="System">The agent's system prompt.</param>
/// <param name="Tools">The tools: name, description, parameters.</param>
/// <param name="Steps">Claude's steps.</param>
internal sealed record DemoRun(string Task, string System, IReadOnlyList<JsonObject> Tools, IReadOnlyList<JsonObject> Steps)
{
    public static DemoRun Read(JsonNode script) => new(
        script["task"]!.GetValue<string>(),
        string.Join('\n', script["system"]!.AsArray().Select(line => line!.GetValue<string>())),
        [.. script["tools"]!.AsArray().Select(tool => tool!.AsObject())],
        [.. script["steps"]!.AsArray().Select(step => step!.AsObject())]);
}

/// <summary>The scripted runs of Claude, and the tasks of the other agents.</summary>
internal sealed class DemoScript
{
    private readonly JsonObject _script;

    private DemoScript(JsonObject script)
    {
        _script = script;
        Run = DemoRun.Read(script);
        Verified = DemoRun.Read(script["verified"]!);
        Abandoned = DemoRun.Read(script["abandoned"]!);
    }

    /// <summary>Claude's model.</summary>
    public string Model => _script["model"]!.GetValue<string>();

    /// <summary>The run that is shown to other models.</summary>
    public DemoRun Run { get; }

    /// <summary>A run that ends with passed tests and without a statement.</summary>
    public DemoRun Verified { get; }

    /// <summary>A run whose agent stops in the middle.</summary>
    public DemoRun Abandoned { get; }

    /// <summary>The run of a request.</summary>
    public DemoRun Of(JsonObject request) =>
        new[] { Run, Verified, Abandoned }.First(run => request["messages"]![0]!["content"]!.GetValue<string>() == run.Task);

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
