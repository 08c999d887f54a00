using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>Steps as rows of <c>trajectory_step</c>, the same in both databases.</summary>
internal static class StepRows
{
    private static readonly ColumnTable<TrajectoryStep> Table = new();
    private static readonly Column<int> Index = Table.Number("idx", step => step.Index);
    private static readonly Column<string> ExchangeId = Table.Text("exchange_id", step => step.ExchangeId);
    private static readonly Column<DialectKind> Dialect = Table.Add("dialect", step => Name(step.Dialect), static (r, i) => DialectOf(r.Reader.GetString(i)));
    private static readonly Column<string> Model = Table.Text("model", step => step.Model);
    private static readonly Column<ContentHash?> SystemPrompt = Table.Add("system_prompt", step => Bytes(step.SystemPrompt), Hash);
    private static readonly Column<ContentHash?> SentSystemPrompt = Table.Add("sent_system_prompt", step => Bytes(step.SentSystemPrompt), Hash);
    private static readonly Column<ContentHash?> Tools = Table.Add("tools", step => Bytes(step.Tools), Hash);
    private static readonly Column<int> HistoryKept = Table.Number("history_kept", step => step.HistoryKept);
    private static readonly Column<IReadOnlyList<StepMessage>> Messages = Table.Add("messages", step => MessagesToJson(step.Messages), static (r, i) => MessagesFromJson(r.Reader.GetString(i)));
    private static readonly Column<ContentHash?> Reply = Table.Add("reply", step => Bytes(step.Reply), Hash);
    private static readonly Column<string?> StopReason = Table.OptionalText("stop_reason", step => step.StopReason);
    private static readonly Column<string?> ResponseId = Table.OptionalText("response_id", step => step.ResponseId);
    private static readonly TokenColumns<TrajectoryStep> Tokens = new(Table, step => step.TokenUsage);
    private static readonly Column<DateTimeOffset> StartedAt = Table.Time("started_at", step => step.StartedAt);
    private static readonly Column<double> DurationMs = Table.Real("duration_ms", step => step.DurationMs);
    private static readonly Column<double?> TimeToFirstByteMs = Table.OptionalReal("time_to_first_byte_ms", step => step.TimeToFirstByteMs);
    private static readonly Column<int> HttpStatus = Table.Number("http_status", step => step.HttpStatus);
    private static readonly Column<StepStatus> Status = Table.Add("status", step => step.Status.ToWord(), static (r, i) => StatusOf(r.Reader.GetString(i)));
    private static readonly Column<StreamRhythm?> Rhythm = Table.Add("rhythm", step => step.Rhythm?.ToString(), static (r, i) => r.Reader.IsDBNull(i) ? null : StreamRhythm.Parse(r.Reader.GetString(i)));

    /// <summary>The columns in the order that <see cref="Read"/> expects, of table alias <c>s</c>.</summary>
    public static string Columns { get; } = Table.Select("s.");

    private static readonly string Upsert =
        $"INSERT INTO trajectory_step (trajectory_row, {Table.Names()}) VALUES (@row, {Table.Parameters()}) " +
        $"ON CONFLICT (trajectory_row, idx) DO UPDATE SET {Table.Updates("idx")}";

    public static SqlStatement Save(long row, TrajectoryStep step) => Table.Fill(new SqlStatement(Upsert).With("row", row), step);

    public static TrajectoryStep Read(SqlSession session, DbDataReader reader, string trajectoryId)
    {
        var row = new Row(session, reader);
        return new TrajectoryStep
        {
            TrajectoryId = trajectoryId,
            Index = Index.Of(row),
            ExchangeId = ExchangeId.Of(row),
            Dialect = Dialect.Of(row),
            Model = Model.Of(row),
            SystemPrompt = SystemPrompt.Of(row),
            SentSystemPrompt = SentSystemPrompt.Of(row),
            Tools = Tools.Of(row),
            HistoryKept = HistoryKept.Of(row),
            Messages = Messages.Of(row),
            Reply = Reply.Of(row),
            StopReason = StopReason.Of(row),
            ResponseId = ResponseId.Of(row),
            TokenUsage = Tokens.Of(row),
            StartedAt = StartedAt.Of(row),
            DurationMs = DurationMs.Of(row),
            TimeToFirstByteMs = TimeToFirstByteMs.Of(row),
            HttpStatus = HttpStatus.Of(row),
            Status = Status.Of(row),
            Rhythm = Rhythm.Of(row),
        };
    }

    /// <summary>Every piece of content that a step refers to.</summary>
    public static IEnumerable<ContentHash> References(TrajectoryStep step)
    {
        ContentHash?[] single = [step.SystemPrompt, step.SentSystemPrompt, step.Tools, step.Reply];
        return single.Where(h => h.HasValue).Select(h => h!.Value).Concat(step.Messages.Select(m => m.Content));
    }

    /// <summary>A hash as its 32 bytes.</summary>
    public static byte[] Bytes(ContentHash hash)
    {
        try
        {
            return Convert.FromHexString(hash.Value);
        }
        catch (FormatException e)
        {
            throw new ArgumentException($"'{hash.Value}' is no content hash.", nameof(hash), e);
        }
    }

    public static ContentHash HashOf(byte[] bytes) => new(Convert.ToHexStringLower(bytes));

    private static byte[]? Bytes(ContentHash? hash) => hash is { } value ? Bytes(value) : null;

    private static ContentHash? Hash(Row row, int column) =>
        row.Reader.IsDBNull(column) ? null : HashOf(row.Reader.GetFieldValue<byte[]>(column));

    // [["hash","role"],["hash","role",1]]: short, and still readable with the database's own tools.
    private static string MessagesToJson(IReadOnlyList<StepMessage> messages)
    {
        if (messages.Count == 0)
        {
            return "[]";
        }

        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            foreach (var message in messages)
            {
                json.WriteStartArray();
                json.WriteStringValue(message.Content.Value);
                json.WriteStringValue(message.Role);
                if (message.IsForeign)
                {
                    json.WriteNumberValue(1);
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static IReadOnlyList<StepMessage> MessagesFromJson(string json)
    {
        if (string.Equals(json, "[]", StringComparison.Ordinal))
        {
            return [];
        }

        using var document = JsonDocument.Parse(json);
        return document.RootElement.EnumerateArray()
            .Select(m => new StepMessage(new ContentHash(m[0].GetString()!), m[1].GetString()!, m.GetArrayLength() > 2))
            .ToArray();
    }

    // The column holds the dialect's name with underscores.
    private static string Name(DialectKind dialect) => DialectCatalog.Get(dialect).Name.Replace('-', '_');

    private static StepStatus StatusOf(string word) =>
        StepStatuses.Parse(word) ?? throw new StoreException($"The store holds a step of the unknown status '{word}'; a newer version wrote it.");

    private static DialectKind DialectOf(string name) => DialectCatalog.Find(name.Replace('_', '-'))?.Kind
        ?? throw new StoreException($"The store holds a step of the unknown dialect '{name}'; a newer version wrote it.");
}
