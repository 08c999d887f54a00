using System.Text;
using System.Text.Json.Nodes;
using LlmProxy.Core.Configuration;
using LlmProxy.Core.Outcomes;
using LlmProxy.Core.Redaction;
using LlmProxy.Core.Retrieval;
using LlmProxy.Core.Trajectories;
using LlmProxy.Storage;
using LlmProxy.Tests;
using LlmProxy.Wire;
using Microsoft.Extensions.Configuration;

namespace LlmProxy.Benchmarks.Learning;

/// <summary>A recorded run with a checked reward (tau-bench), as an outline.</summary>
/// <param name="Id">The run's id.</param>
/// <param name="Task">Its task, of which there may be several trials.</param>
/// <param name="Text">The first user message.</param>
/// <param name="Tools">The tools that it called.</param>
/// <param name="Outline">What it did.</param>
/// <param name="Succeeded">Whether its reward is above 0.</param>
internal sealed record RewardedTask(string Id, string Task, string Text, IReadOnlyList<string> Tools, TrajectoryOutline Outline, bool Succeeded)
{
    // As the product compares trajectories.
    private readonly float[] _vector = LexicalEmbedder.Embed($"{Text} {string.Join(' ', Tools)}");

    /// <summary>All of the shared data.</summary>
    public static List<RewardedTask> ReadAll()
    {
        var catalog = new TaskRulesCatalog(OptionsReader.Read(new ConfigurationBuilder().Add(new BuiltInConfigurationSource()).Build(), new Dictionary<string, string?>(), ConnectionStrings.Read, []).Tasks);
        var redactor = new Redactor(new RedactionOptions { Enabled = false });
        return [.. new[] { "tasks-01.jsonl.gz", "tasks-02.jsonl.gz" }.SelectMany(SharedData.ReadJsonLines)
            .Select(line => JsonNode.Parse(line.RootElement.GetRawText())!.AsObject())
            .Where(run => run["reward"] is JsonValue)
            .Select(run => Of(run, catalog.Get(TaskRules.Generic), redactor))];
    }

    /// <summary>What is known of it without its own outcome and those of its task's other trials.</summary>
    public OutcomeFacts FactsFrom(IEnumerable<RewardedTask> others) => new()
    {
        Outline = Outline,
        Task = Text,
        Near = [.. others.Where(o => o.Task != Task)
            .Select(o => new NearTrajectory(o.Id, o.Succeeded, Math.Max(0, System.Numerics.Tensors.TensorPrimitives.Dot<float>(_vector, o._vector)), o.Outline))
            .OrderByDescending(n => n.Similarity).ThenBy(n => n.Id, StringComparer.Ordinal)],
    };

    private static RewardedTask Of(JsonObject run, TaskRules rules, Redactor redactor)
    {
        var dialect = DialectCatalog.Get(DialectKind.OpenAiChat);
        var outline = new OutlineBuilder();
        var tools = new List<string>();
        var step = 0;
        foreach (var message in run["messages"]!.AsArray().Skip(1).Select(m => dialect.ReadMessage(Encoding.UTF8.GetBytes(m!.ToJsonString()))))
        {
            if (message.IsAssistant)
            {
                outline.AddReply(++step, message, message.ToolCalls.Count > 0 ? "tool_calls" : "stop", redactor);
                tools.AddRange(message.ToolCalls.Select(c => c.Name));
            }
            else
            {
                outline.AddResults([message], rules, redactor);
            }
        }

        var name = run["run"]!.GetValue<string>();
        return new RewardedTask(run["id"]!.GetValue<string>(), name[..name.IndexOf("-trial", StringComparison.Ordinal)], run["task"]!.GetValue<string>(), [.. tools.Distinct(StringComparer.Ordinal)], outline.Build(), run["reward"]!.GetValue<double>() > 0);
    }
}
