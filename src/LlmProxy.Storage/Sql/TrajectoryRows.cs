using System.Data.Common;
using System.Globalization;
using LlmProxy.Core;
using LlmProxy.Core.Trajectories;

namespace LlmProxy.Storage.Sql;

/// <summary>Runs as rows of <c>task_trajectory</c>, the same in both databases.</summary>
internal static class TrajectoryRows
{
    private static readonly ColumnTable<Trajectory> Table = new ColumnTable<Trajectory>()
        .Text("id", run => run.Id)
        .Text("task_id", run => run.TaskId)
        .Text("tenant", run => run.Tenant)
        .Text("conversation_id", run => run.ConversationId)
        .OptionalText("parent_id", run => run.ParentId)
        .OptionalText("session_id", run => run.SessionId)
        .Text("provider", run => run.Provider)
        .Text("model", run => run.Model)
        .Text("client", run => run.Client)
        .Text("preset", run => run.Preset)
        .Text("task_description", run => run.TaskDescription)
        .Add("status", run => run.Status, static (r, i) => StoredWord.Parse<TrajectoryStatus>(r.Reader.GetString(i)), EnumWords.Snake)
        .OptionalTruth("success", run => run.Success)
        .OptionalReal("quality_score", run => run.QualityScore)
        .Number("iteration_count", run => run.IterationCount)
        .Number("tool_calls_count", run => run.ToolCallsCount)
        .Number("failed_tool_results", run => run.FailedToolResults)
        .Number("clicks_total", run => run.ClicksTotal)
        .Number("clicks_hit", run => run.ClicksHit)
        .OptionalReal("stated_error_rate", run => run.StatedErrorRate)
        .OptionalReal("stated_click_accuracy", run => run.StatedClickAccuracy)
        .Number("user_interventions", run => run.UserInterventions)
        .Tokens(run => run.TokenUsage)
        .Usd("cost_usd", run => run.CostUsd)
        .Time("started_at", run => run.StartedAt)
        .Time("last_activity_at", run => run.LastActivityAt)
        .OptionalTime("completed_at", run => run.CompletedAt)
        .Add(
            "outcome_source",
            run => run.OutcomeSource,
            static (r, i) => r.Reader.Text(i) is { } source ? StoredWord.Parse<OutcomeSource>(source) : null,
            source => source is { } value ? EnumWords.Snake(value) : null)
        .OptionalText("stated_by", run => run.StatedBy)
        .OptionalReal("success_probability", run => run.SuccessProbability)
        .Add("evidence", run => run.Evidence, static (r, i) => EvidenceJson.Read(r.Reader.GetString(i)), EvidenceJson.Write)
        .Truth("is_provisional", run => run.IsProvisional)
        .Truth("has_content", run => run.HasContent)
        .Add(
            "why_no_content",
            run => run.WhyNoContent,
            static (r, i) => r.Reader.Text(i) is { } reason ? EnumWords.ParseKebab<NotRecordedReason>(reason) ?? NotRecordedReason.ContentNotKept : null,
            reason => reason?.ToWord())
        .OptionalTime("erase_at", run => run.EraseAt)
        .OptionalText("project", run => run.Project)
        .Texts("example_ids", run => run.ExampleIds)
        .OptionalText("arm", run => run.Arm)
        .Texts("tools_used", run => run.ToolsUsed)
        .OptionalText("comment", run => run.Comment)
        .OptionalText("template_set", run => run.TemplateSet)
        .Texts("key_names", run => run.KeyNames)
        .OptionalText("task_type", run => run.TaskType)
        .Truth("task_type_stated", run => run.IsTaskTypeStated)
        .OptionalText("import_batch", run => run.ImportBatch)
        .Add("answered_by", run => run.AnsweredBy, static (r, i) => ReadModels(r.Reader.GetString(i)), models => JsonLists.Write([.. models.SelectMany(WriteModel)]))
        .Add("version", run => run.Version, static (r, i) => r.Reader.GetInt64(i));

    /// <summary>The columns in the order that <see cref="Read"/> expects, of table alias <c>t</c>.</summary>
    public static string Columns { get; } = Table.Select("t.");

    /// <summary>Inserts a run, or replaces it if the tenant is the same and it was not changed since; returns its row's number. The type of its task stays: the run to save may hold an older one.</summary>
    private static readonly string Upsert =
        $"INSERT INTO task_trajectory ({Table.Names("version")}, version) VALUES ({Table.Parameters("version")}, 1) " +
        $"ON CONFLICT (id) DO UPDATE SET {Table.Updates("id", "tenant", "version", "task_type", "task_type_stated")}, version = task_trajectory.version + 1 " +
        "WHERE task_trajectory.tenant = excluded.tenant AND (CAST(@version AS bigint) IS NULL OR task_trajectory.version = CAST(@version AS bigint)) RETURNING row_id";

    /// <summary>Inserts a run, or replaces it.</summary>
    public static SqlStatement Save(Trajectory run) => Table.Fill(new SqlStatement(Upsert), run);

    // ["anthropic","claude-sonnet-4-6","3","proxy","glm-4.6","1"]
    private static IEnumerable<string> WriteModel(RespondingModel model) => [model.Provider, model.Model, model.Steps.ToString(CultureInfo.InvariantCulture)];

    private static IReadOnlyList<RespondingModel> ReadModels(string json) => json.Length == 2
        ? []
        : [.. JsonLists.Read(json).Chunk(3).Select(m => new RespondingModel(m[0], m[1], int.Parse(m[2], NumberStyles.None, CultureInfo.InvariantCulture)))];

    /// <summary>Whether two rows hold the same, apart from what <see cref="Save"/> does not replace.</summary>
    public static bool AreEqual(Trajectory one, Trajectory other)
    {
        return Replaced(one).SequenceEqual(Replaced(other));

        static List<KeyValuePair<string, object?>> Replaced(Trajectory run) => Save(run with { Version = null, TaskType = null, IsTaskTypeStated = false }).Parameters;
    }

    /// <summary>Reads a run whose columns begin at an ordinal.</summary>
    public static Trajectory Read(SqlSession session, DbDataReader reader, int at = 0) => Table.Read(new Row(session, reader, at));
}
