using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>Steps as rows of <c>trajectory_step</c>, the same in both databases.</summary>
internal static class StepRows
{
    private static readonly ColumnTable<TrajectoryStep> Table = new ColumnTable<TrajectoryStep>()
        .Number("idx", step => step.Index)
        .Text("exchange_id", step => step.ExchangeId)
        .Add("dialect", step => step.Dialect, static (r, i) => DialectOf(r.Reader.GetString(i)), Name)
        .Text("model", step => step.Model)
        .Add("system_prompt", step => step.SystemPrompt, Hash, Bytes)
        .Add("sent_system_prompt", step => step.SentSystemPrompt, Hash, Bytes)
        .Add("tools", step => step.Tools, Hash, Bytes)
        .Number("history_kept", step => step.HistoryKept)
        .Add("messages", step => step.Messages, static (r, i) => MessagesFromJson(r.Reader.GetString(i)), MessagesToJson)
        .Add("reply", step => step.Reply, Hash, Bytes)
        .OptionalText("stop_reason", step => step.StopReason)
        .OptionalText("response_id", step => step.ResponseId)
        .Tokens(step => step.TokenUsage)
        .Time("started_at", step => step.StartedAt)
        .Real("duration_ms", step => step.DurationMs)
        .OptionalReal("time_to_first_byte_ms", step => step.TimeToFirstByteMs)
        .Number("http_status", step => step.HttpStatus)
        .Add("status", step => step.Status, static (r, i) => StatusOf(r.Reader.GetString(i)), status => status.ToWord())
        .Add("rhythm", step => step.Rhythm, static (r, i) => r.Reader.IsDBNull(i) ? null : StreamRhythm.Parse(r.Reader.GetString(i)), rhythm => rhythm?.ToString());

    /// <summary>The columns in the order that <see cref="Read"/> expects, of table alias <c>s</c>.</summary>
    public static string Columns { get; } = Table.Select("s.");

    private static readonly string Upsert =
        $"INSERT INTO trajectory_step (trajectory_row, {Table.Names()}) VALUES (@row, {Table.Parameters()}) " +
        $"ON CONFLICT (trajectory_row, idx) DO UPDATE SET {Table.Updates("idx")}";

    public static SqlStatement Save(long row, TrajectoryStep step) => Table.Fill(new SqlStatement(Upsert).With("row", row), step);

    public static TrajectoryStep Read(SqlSession session, DbDataReader reader, string trajectoryId) => Table.Read(new Row(session, reader)) with { TrajectoryId = trajectoryId };

    /// <summary>Whether two steps are stored as the same row.</summary>
    public static bool AreEqual(TrajectoryStep one, TrajectoryStep other) =>
        Save(0, one).Parameters.Zip(Save(0, other).Parameters).All(p => p.First.Value is byte[] hash
            ? p.Second.Value is byte[] second && hash.AsSpan().SequenceEqual(second)
            : Equals(p.First.Value, p.Second.Value));

    /// <summary>All content that a step refers to.</summary>
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
