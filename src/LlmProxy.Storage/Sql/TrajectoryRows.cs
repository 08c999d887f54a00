using System.Data.Common;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>Runs as rows of <c>task_trajectory</c>, the same in both databases.</summary>
internal static class TrajectoryRows
{
    private static readonly ColumnTable<Trajectory> Table = new();
    private static readonly Column<string> Id = Table.Text("id", run => run.Id);
    private static readonly Column<string> TaskId = Table.Text("task_id", run => run.TaskId);
    private static readonly Column<string> Tenant = Table.Text("tenant", run => run.Tenant);
    private static readonly Column<string> ConversationId = Table.Text("conversation_id", run => run.ConversationId);
    private static readonly Column<string?> ParentId = Table.OptionalText("parent_id", run => run.ParentId);
    private static readonly Column<string?> SessionId = Table.OptionalText("session_id", run => run.SessionId);
    private static readonly Column<string> Provider = Table.Text("provider", run => run.Provider);
    private static readonly Column<string> Model = Table.Text("model", run => run.Model);
    private static readonly Column<string> Client = Table.Text("client", run => run.Client);
    private static readonly Column<string> Preset = Table.Text("preset", run => run.Preset);
    private static readonly Column<string> TaskDescription = Table.Text("task_description", run => run.TaskDescription);
    private static readonly Column<TrajectoryStatus> Status = Table.Add("status", run => Name(run.Status), static (r, i) => StatusOf(r.Reader.GetString(i)));
    private static readonly Column<bool?> Success = Table.OptionalTruth("success", run => run.Success);
    private static readonly Column<double?> QualityScore = Table.OptionalReal("quality_score", run => run.QualityScore);
    private static readonly Column<int> IterationCount = Table.Number("iteration_count", run => run.IterationCount);
    private static readonly Column<int> ToolCallsCount = Table.Number("tool_calls_count", run => run.ToolCallsCount);
    private static readonly Column<int> FailedToolResults = Table.Number("failed_tool_results", run => run.FailedToolResults);
    private static readonly Column<int> ClicksTotal = Table.Number("clicks_total", run => run.ClicksTotal);
    private static readonly Column<int> ClicksHit = Table.Number("clicks_hit", run => run.ClicksHit);
    private static readonly Column<double?> StatedErrorRate = Table.OptionalReal("stated_error_rate", run => run.StatedErrorRate);
    private static readonly Column<double?> StatedClickAccuracy = Table.OptionalReal("stated_click_accuracy", run => run.StatedClickAccuracy);
    private static readonly Column<int> UserInterventions = Table.Number("user_interventions", run => run.UserInterventions);
    private static readonly TokenColumns<Trajectory> Tokens = new(Table, run => run.TokenUsage);
    private static readonly Column<decimal?> CostUsd = Table.Usd("cost_usd", run => run.CostUsd);
    private static readonly Column<DateTimeOffset> StartedAt = Table.Time("started_at", run => run.StartedAt);
    private static readonly Column<DateTimeOffset> LastActivityAt = Table.Time("last_activity_at", run => run.LastActivityAt);
    private static readonly Column<DateTimeOffset?> CompletedAt = Table.OptionalTime("completed_at", run => run.CompletedAt);
    private static readonly Column<OutcomeSource?> Source = Table.Add<OutcomeSource?>(
        "outcome_source", run => run.OutcomeSource is { } source ? Name(source) : null, static (r, i) => r.Reader.Text(i) is { } source ? SourceOf(source) : null);
    private static readonly Column<bool> IsProvisional = Table.Truth("is_provisional", run => run.IsProvisional);
    private static readonly Column<bool> HasContent = Table.Truth("has_content", run => run.HasContent);
    private static readonly Column<IReadOnlyList<string>> ExampleIds = Table.Texts("example_ids", run => run.ExampleIds);
    private static readonly Column<string?> Arm = Table.OptionalText("arm", run => run.Arm);
    private static readonly Column<IReadOnlyList<string>> ToolsUsed = Table.Texts("tools_used", run => run.ToolsUsed);
    private static readonly Column<string?> Comment = Table.OptionalText("comment", run => run.Comment);
    private static readonly Column<string?> TemplateSet = Table.OptionalText("template_set", run => run.TemplateSet);
    private static readonly Column<long> Version = Table.Long("version", run => run.Version);

    /// <summary>The columns in the order that <see cref="Read"/> expects, of table alias <c>t</c>.</summary>
    public static string Columns { get; } = Table.Select("t.");

    /// <summary>Inserts a run, or replaces it where the tenant is the same and nobody changed it since; returns its row's number.</summary>
    private static readonly string Upsert =
        $"INSERT INTO task_trajectory ({Table.Names("version")}, version) VALUES ({Table.Parameters("version")}, 1) " +
        $"ON CONFLICT (id) DO UPDATE SET {Table.Updates("id", "tenant", "version")}, version = task_trajectory.version + 1 " +
        "WHERE task_trajectory.tenant = excluded.tenant AND (CAST(@version AS bigint) IS NULL OR task_trajectory.version = CAST(@version AS bigint)) RETURNING row_id";

    /// <summary>Inserts a run, or replaces it.</summary>
    public static SqlStatement Save(Trajectory run) => Table.Fill(new SqlStatement(Upsert), run);

    /// <summary>Whether two rows hold the same, their version apart.</summary>
    public static bool AreEqual(Trajectory one, Trajectory other) =>
        Save(one with { Version = null }).Parameters.SequenceEqual(Save(other with { Version = null }).Parameters);

    /// <summary>Reads a run whose columns begin at an ordinal.</summary>
    public static Trajectory Read(SqlSession session, DbDataReader reader, int at = 0)
    {
        var row = new Row(session, reader, at);
        return new Trajectory
        {
            Id = Id.Of(row),
            TaskId = TaskId.Of(row),
            Tenant = Tenant.Of(row),
            ConversationId = ConversationId.Of(row),
            ParentId = ParentId.Of(row),
            SessionId = SessionId.Of(row),
            Provider = Provider.Of(row),
            Model = Model.Of(row),
            Client = Client.Of(row),
            Preset = Preset.Of(row),
            TaskDescription = TaskDescription.Of(row),
            Status = Status.Of(row),
            Success = Success.Of(row),
            QualityScore = QualityScore.Of(row),
            IterationCount = IterationCount.Of(row),
            ToolCallsCount = ToolCallsCount.Of(row),
            FailedToolResults = FailedToolResults.Of(row),
            ClicksTotal = ClicksTotal.Of(row),
            ClicksHit = ClicksHit.Of(row),
            StatedErrorRate = StatedErrorRate.Of(row),
            StatedClickAccuracy = StatedClickAccuracy.Of(row),
            UserInterventions = UserInterventions.Of(row),
            TokenUsage = Tokens.Of(row),
            CostUsd = CostUsd.Of(row),
            StartedAt = StartedAt.Of(row),
            LastActivityAt = LastActivityAt.Of(row),
            CompletedAt = CompletedAt.Of(row),
            OutcomeSource = Source.Of(row),
            IsProvisional = IsProvisional.Of(row),
            HasContent = HasContent.Of(row),
            ExampleIds = ExampleIds.Of(row),
            Arm = Arm.Of(row),
            ToolsUsed = ToolsUsed.Of(row),
            Comment = Comment.Of(row),
            TemplateSet = TemplateSet.Of(row),
            Version = Version.Of(row),
        };
    }

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
}
