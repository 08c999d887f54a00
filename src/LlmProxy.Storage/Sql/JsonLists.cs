using System.Text.Json;

namespace LlmProxy.Storage.Sql;

/// <summary>Lists of strings as columns of type text: a JSON array.</summary>
internal static class JsonLists
{
    public static string Write(IReadOnlyList<string> list) => list.Count == 0 ? "[]" : JsonSerializer.Serialize(list);

    public static IReadOnlyList<string> Read(string json) =>
        string.Equals(json, "[]", StringComparison.Ordinal) ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];
}
