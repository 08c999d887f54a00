using LlmProxy.Benchmarks.Wire;

namespace LlmProxy.Benchmarks.Parts;

/// <summary>Requests of about 40 KB whose history holds 60 messages.</summary>
internal static class SampleCalls
{
    public const string KeysNote = "60 messages of 600 bytes";

    // 30 calls and results, and the first message before them.
    private const int Steps = 31;

    public static byte[] Secret { get; } = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    public static AgentRunTemplate Template(AgentWire wire)
    {
        // The last request is the one of 40 KB here, so the mean is less.
        var template = new AgentRunTemplate(wire, 24 * 1024, stream: true, Steps);
        return template;
    }

    public static byte[] LastBody(AgentWire wire) => Template(wire).Body(1, Steps);
}
