using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>Runs as rows of <c>task_trajectory</c>, the same in both databases.</summary>
internal static class TrajectoryRows
{
    private static readonly string[] Names =
    [
        "id", "task_id", "tenant", "conversation_id", "parent_id", "session_id", "provider", "model", "client", "preset",
        "task_description", "status", "success", "quality_score", "iteration_count", "tool_calls_count", "failed_tool_results",
        "clicks_total", "clicks_hit", "stated_error_rate", "stated_click_accuracy", "user_interventions",
        "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "cost_usd",
        "started_at", "last_activity_at", "completed_at", "outcome_source", "is_provisional", "has_content",
        "example_ids", "arm", "tools_used", "comment", "template_set",
    ];

    /// <summary>The columns in the order that <see cref="Read"/> expects, of table alias <c>t</c>.</summary>
    public static string Columns { get; } = string.Join(", ", Names.Append("version").Select(n => "t." + n));

    /// <summary>Inserts a run, or replaces it where the tenant is the same and nobody changed it since; returns its row's number.</summary>
    private static readonly string Upsert =
        $"INSERT INTO task_trajectory ({string.Join(", ", Names)}, version) VALUES ({string.Join(", ", Names.Select(n => "@" + n))}, 1) " +
        $"ON CONFLICT (id) DO UPDATE SET {string.Join(", ", Names.Where(n => n is not ("id" or "tenant")).Select(n => $"{n} = excluded.{n}"))}, version = task_trajectory.version + 1 " +
        "WHERE task_trajectory.tenant = excluded.tenant AND (CAST(@version AS bigint) IS NULL OR task_trajectory.version = CAST(@version AS bigint)) RETURNING row_id";

    private static readonly string Insert =
        $"INSERT INTO task_trajectory ({string.Join(", ", Names)}, version) VALUES ({string.Join(", ", Names.Select(n => "@" + n))}, COALESCE(CAST(@version AS bigint), 1)) ON CONFLICT DO NOTHING";

    /// <summary>Inserts a run where there is none of its task.</summary>
    public static SqlStatement Open(Trajectory run) => Fill(new SqlStatement(Insert), run);

    /// <summary>Inserts a run, or replaces it.</summary>
    public static SqlStatement Save(Trajectory run) => Fill(new SqlStatement(Upsert), run);

    private static SqlStatement Fill(SqlStatement statement, Trajectory run) => statement
        .With("id", run.Id)
        .With("task_id", run.TaskId)
        .With("tenant", run.Tenant)
        .With("conversation_id", run.ConversationId)
        .With("parent_id", run.ParentId)
        .With("session_id", run.SessionId)
        .With("provider", run.Provider)
        .With("model", run.Model)
        .With("client", run.Client)
        .With("preset", run.Preset)
        .With("task_description", run.TaskDescription)
        .With("status", Name(run.Status))
        .With("success", run.Success)
        .With("quality_score", run.QualityScore)
        .With("iteration_count", run.IterationCount)
        .With("tool_calls_count", run.ToolCallsCount)
        .With("failed_tool_results", run.FailedToolResults)
        .With("clicks_total", run.ClicksTotal)
        .With("clicks_hit", run.ClicksHit)
        .With("stated_error_rate", run.StatedErrorRate)
        .With("stated_click_accuracy", run.StatedClickAccuracy)
        .With("user_interventions", run.UserInterventions)
        .With("input_tokens", run.TokenUsage.Input)
        .With("output_tokens", run.TokenUsage.Output)
        .With("cache_read_tokens", run.TokenUsage.CacheRead)
        .With("cache_write_tokens", run.TokenUsage.CacheWrite)
        .With("reasoning_tokens", run.TokenUsage.Reasoning)
        // A millionth of a millionth of a dollar is below one token's price everywhere; both databases keep it exactly.
        .With("cost_usd", run.CostUsd is { } cost ? decimal.Round(cost, 12) : null)
        .With("started_at", run.StartedAt)
        .With("last_activity_at", run.LastActivityAt)
        .With("completed_at", run.CompletedAt)
        .With("outcome_source", run.OutcomeSource is { } source ? Name(source) : null)
        .With("is_provisional", run.IsProvisional)
        .With("has_content", run.HasContent)
        .With("example_ids", ListToJson(run.ExampleIds))
        .With("arm", run.Arm)
        .With("tools_used", ListToJson(run.ToolsUsed))
        .With("comment", run.Comment)
        .With("template_set", run.TemplateSet)
        .With("version", run.Version);

    /// <summary>Whether two rows hold the same, their version apart.</summary>
    public static bool AreEqual(Trajectory one, Trajectory other) =>
        Save(one with { Version = null }).Parameters.SequenceEqual(Save(other with { Version = null }).Parameters);

    /// <summary>Reads a run whose columns begin at an ordinal.</summary>
    public static Trajectory Read(SqlSession session, DbDataReader r, int at = 0) => new()
    {
        Id = r.GetString(at),
        TaskId = r.GetString(at + 1),
        Tenant = r.GetString(at + 2),
        ConversationId = r.GetString(at + 3),
        ParentId = r.Text(at + 4),
        SessionId = r.Text(at + 5),
        Provider = r.GetString(at + 6),
        Model = r.GetString(at + 7),
        Client = r.GetString(at + 8),
        Preset = r.GetString(at + 9),
        TaskDescription = r.GetString(at + 10),
        Status = StatusOf(r.GetString(at + 11)),
        Success = r.IsDBNull(at + 12) ? null : r.GetBoolean(at + 12),
        QualityScore = r.Real(at + 13),
        IterationCount = r.GetInt32(at + 14),
        ToolCallsCount = r.GetInt32(at + 15),
        FailedToolResults = r.GetInt32(at + 16),
        ClicksTotal = r.GetInt32(at + 17),
        ClicksHit = r.GetInt32(at + 18),
        StatedErrorRate = r.Real(at + 19),
        StatedClickAccuracy = r.Real(at + 20),
        UserInterventions = r.GetInt32(at + 21),
        TokenUsage = new TokenUsage(r.GetInt64(at + 22), r.GetInt64(at + 23), r.GetInt64(at + 24), r.GetInt64(at + 25), r.GetInt64(at + 26)),
        CostUsd = r.IsDBNull(at + 27) ? null : r.GetDecimal(at + 27),
        StartedAt = session.ReadTime(r, at + 28),
        LastActivityAt = session.ReadTime(r, at + 29),
        CompletedAt = r.IsDBNull(at + 30) ? null : session.ReadTime(r, at + 30),
        OutcomeSource = r.Text(at + 31) is { } source ? SourceOf(source) : null,
        IsProvisional = r.GetBoolean(at + 32),
        HasContent = r.GetBoolean(at + 33),
        ExampleIds = ListFromJson(r.GetString(at + 34)),
        Arm = r.Text(at + 35),
        ToolsUsed = ListFromJson(r.GetString(at + 36)),
        Comment = r.Text(at + 37),
        TemplateSet = r.Text(at + 38),
        Version = r.GetInt64(at + 39),
    };

    /// <summary>A status as it is written everywhere outside of the code.</summary>
    public static string Name(TrajectoryStatus status) => status switch
    {
        TrajectoryStatus.Active => "active",
        TrajectoryStatus.Completed => "completed",
        TrajectoryStatus.Failed => "failed",
        TrajectoryStatus.NeedsHelp => "needs_help",
        TrajectoryStatus.Cancelled => "cancelled",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, null),
    };

    public static string ListToJson(IReadOnlyList<string> list) => list.Count == 0 ? "[]" : JsonSerializer.Serialize(list);

    public static IReadOnlyList<string> ListFromJson(string json) =>
        string.Equals(json, "[]", StringComparison.Ordinal) ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];

    private static TrajectoryStatus StatusOf(string name) => name switch
    {
        "active" => TrajectoryStatus.Active,
        "completed" => TrajectoryStatus.Completed,
        "failed" => TrajectoryStatus.Failed,
        "needs_help" => TrajectoryStatus.NeedsHelp,
        "cancelled" => TrajectoryStatus.Cancelled,
        _ => throw new StoreException($"The store holds a run of the unknown status '{name}'; a newer version wrote it."),
    };

    private static string Name(OutcomeSource source) => source switch
    {
        OutcomeSource.Api => "api",
        OutcomeSource.Tool => "tool",
        OutcomeSource.Idle => "idle",
        OutcomeSource.Error => "error",
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, null),
    };

    private static OutcomeSource SourceOf(string name) => name switch
    {
        "api" => OutcomeSource.Api,
        "tool" => OutcomeSource.Tool,
        "idle" => OutcomeSource.Idle,
        "error" => OutcomeSource.Error,
        _ => throw new StoreException($"The store holds a run with the unknown outcome source '{name}'; a newer version wrote it."),
    };

    public static string? Text(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static double? Real(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetDouble(column);
}
