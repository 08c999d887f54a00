using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Core.Retrieval;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// Takes runs out of the prompts that other tasks have pinned: a pin holds the text of its examples, which must not
/// outlive the run that it comes from.
/// </summary>
internal static class PinnedExamples
{
    /// <summary>Rewrites every pin that names one of the runs. Runs in the caller's transaction.</summary>
    public static async Task RemoveAsync(SqlSession session, IReadOnlyCollection<long> rows, CancellationToken cancellationToken)
    {
        var ids = await session.QueryAsync(
            new SqlStatement("SELECT id FROM task_trajectory WHERE row_id " + session.Any("rows")).With("rows", rows),
            r => r.GetString(0),
            cancellationToken);
        var pins = await session.QueryAsync(
            new SqlStatement(
                $"""
                SELECT p.tenant, p.task_id, p.values_json, p.example_ids FROM prompt_pin p
                WHERE p.example_ids <> '[]' AND EXISTS (SELECT 1 FROM {session.ElementsOf("p.example_ids")} WHERE value {session.Any("ids")})
                ORDER BY p.tenant, p.task_id
                """).With("ids", ids),
            r => (Tenant: r.GetString(0), TaskId: r.GetString(1), Values: r.GetString(2), Examples: JsonLists.Read(r.GetString(3))),
            cancellationToken);
        await session.ExecuteAsync(
            pins.Select(pin =>
            {
                var left = pin.Examples.Except(ids, StringComparer.Ordinal).ToList();
                return new SqlStatement("UPDATE prompt_pin SET values_json = @values, example_ids = @examples, result = @result WHERE tenant = @tenant AND task_id = @task")
                    .With("values", Without(pin.Values, ids)).With("examples", JsonLists.Write(left))
                    .With("result", (left.Count > 0 ? new FewShotResult(left.Count) : FewShotResult.None(SkipReason.Purged)).ToString())
                    .With("tenant", pin.Tenant).With("task", pin.TaskId);
            }).ToList(),
            cancellationToken);
    }

    /// <summary>The values without the examples of some runs; empty, which no prompt is made from, where they cannot be read.</summary>
    private static string Without(string values, List<string> ids)
    {
        try
        {
            var json = JsonNode.Parse(values);
            (json?["examples"] as JsonArray)?.RemoveAll(example => ids.Contains((string?)example?["trajectoryId"] ?? "", StringComparer.Ordinal));
            return json?.ToJsonString(Relaxed) ?? "";
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return "";
        }
    }

    // As the values were written: letters of other languages need no escapes.
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
