using LlmProxy.Benchmarks.Wire;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Hosting;
using LlmProxy.Wire;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>Which client sends a call, and whether its system prompt says that the call is beside the task: rules of the shipped presets.</summary>
internal static class ClientParts
{
    public static void Measure(PartLoop loop)
    {
        var catalog = new TaskRulesCatalog(ProxyConfiguration.Load(null).Options.Tasks);
        var body = new AgentRunTemplate(AgentWire.All[0], 40 * 1024, stream: false).Body(1, 5);
        using var keys = new TurnKeys(SampleCalls.Secret);
        var reading = DialectCatalog.Get(DialectKind.AnthropicMessages).ReadRequest(body, "/v1/messages", keys)!;
        var note = $"Claude Code, system prompt of {new SystemPrompt(reading).Text.Length / 1024} KB";
        loop.Measure("Client recognised", note, () => catalog.Select(Header, new SystemPrompt(reading)));
        var rules = catalog.Select(Header, new SystemPrompt(reading));
        loop.Measure("Side call ruled out", note, () => rules.IsSideCall(new SystemPrompt(reading)));
    }

    private static string? Header(string name) =>
        string.Equals(name, "x-claude-code-session-id", StringComparison.OrdinalIgnoreCase) ? "11111111-2222-4333-8444-555555555555" : null;
}
