using System.Text.Json;

namespace LlmProxy.Core.Trajectories;

/// <summary>One reason for a trajectory's success probability.</summary>
/// <param name="Signal">Name of the signal, such as <c>verification</c>.</param>
/// <param name="Weight">What it adds to the log-odds of success; negative speaks for failure.</param>
/// <param name="Text">What it rests on, with quoted text of the trajectory.</param>
public sealed record OutcomeEvidence(string Signal, double Weight, string Text)
{
    /// <summary>Writes evidence as a JSON array.</summary>
    public static string ToJson(IReadOnlyList<OutcomeEvidence> evidence) => JsonSerializer.Serialize(evidence, OutlineJson.Default.IReadOnlyListOutcomeEvidence);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="JsonException">It is no such array.</exception>
    public static IReadOnlyList<OutcomeEvidence> Parse(string json) => JsonSerializer.Deserialize(json, OutlineJson.Default.IReadOnlyListOutcomeEvidence) ?? [];
}
