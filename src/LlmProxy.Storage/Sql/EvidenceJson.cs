using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>Evidence as a column of type text: a JSON array.</summary>
internal static class EvidenceJson
{
    public static string Write(IReadOnlyList<OutcomeEvidence> evidence) => evidence.Count == 0 ? "[]" : OutcomeEvidence.ToJson(evidence);

    public static IReadOnlyList<OutcomeEvidence> Read(string json) => json is "[]" ? [] : OutcomeEvidence.Parse(json);
}
