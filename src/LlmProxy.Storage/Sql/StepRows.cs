using System.Data.Common;
using System.Text.Json;
using LlmProxy.Core.Storage;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>Steps as rows of <c>trajectory_step</c>, the same in both databases.</summary>
internal static class StepRows
{
    public const string Columns =
        "s.idx, s.exchange_id, s.dialect, s.model, s.system_prompt, s.sent_system_prompt, s.tools, s.history_kept, s.messages, s.reply, " +
        "s.stop_reason, s.response_id, s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, " +
        "s.started_at, s.duration_ms, s.time_to_first_byte_ms, s.http_status, s.status, s.rhythm";

    private const string Upsert =
        """
        INSERT INTO trajectory_step (trajectory_row, idx, exchange_id, dialect, model, system_prompt, sent_system_prompt, tools, history_kept,
            messages, reply, stop_reason, response_id, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens,
            started_at, duration_ms, time_to_first_byte_ms, http_status, status, rhythm)
        VALUES (@row, @idx, @exchange_id, @dialect, @model, @system_prompt, @sent_system_prompt, @tools, @history_kept,
            @messages, @reply, @stop_reason, @response_id, @input_tokens, @output_tokens, @cache_read_tokens, @cache_write_tokens, @reasoning_tokens,
            @started_at, @duration_ms, @time_to_first_byte_ms, @http_status, @status, @rhythm)
        ON CONFLICT (trajectory_row, idx) DO UPDATE SET
            exchange_id = excluded.exchange_id, dialect = excluded.dialect, model = excluded.model, system_prompt = excluded.system_prompt,
            sent_system_prompt = excluded.sent_system_prompt, tools = excluded.tools, history_kept = excluded.history_kept,
            messages = excluded.messages, reply = excluded.reply, stop_reason = excluded.stop_reason, response_id = excluded.response_id,
            input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cache_read_tokens = excluded.cache_read_tokens,
            cache_write_tokens = excluded.cache_write_tokens, reasoning_tokens = excluded.reasoning_tokens, started_at = excluded.started_at,
            duration_ms = excluded.duration_ms, time_to_first_byte_ms = excluded.time_to_first_byte_ms, http_status = excluded.http_status,
            status = excluded.status, rhythm = excluded.rhythm
        """;

    public static SqlStatement Save(long row, TrajectoryStep step) => new SqlStatement(Upsert)
        .With("row", row)
        .With("idx", step.Index)
        .With("exchange_id", step.ExchangeId)
        .With("dialect", Name(step.Dialect))
        .With("model", step.Model)
        .With("system_prompt", Bytes(step.SystemPrompt))
        .With("sent_system_prompt", Bytes(step.SentSystemPrompt))
        .With("tools", Bytes(step.Tools))
        .With("history_kept", step.HistoryKept)
        .With("messages", MessagesToJson(step.Messages))
        .With("reply", Bytes(step.Reply))
        .With("stop_reason", step.StopReason)
        .With("response_id", step.ResponseId)
        .With("input_tokens", step.TokenUsage.Input)
        .With("output_tokens", step.TokenUsage.Output)
        .With("cache_read_tokens", step.TokenUsage.CacheRead)
        .With("cache_write_tokens", step.TokenUsage.CacheWrite)
        .With("reasoning_tokens", step.TokenUsage.Reasoning)
        .With("started_at", step.StartedAt)
        .With("duration_ms", step.DurationMs)
        .With("time_to_first_byte_ms", step.TimeToFirstByteMs)
        .With("http_status", step.HttpStatus)
        .With("status", step.Status.ToWord())
        .With("rhythm", step.Rhythm?.ToString());

    public static TrajectoryStep Read(SqlSession session, DbDataReader r, string trajectoryId) => new()
    {
        TrajectoryId = trajectoryId,
        Index = r.GetInt32(0),
        ExchangeId = r.GetString(1),
        Dialect = DialectOf(r.GetString(2)),
        Model = r.GetString(3),
        SystemPrompt = Hash(r, 4),
        SentSystemPrompt = Hash(r, 5),
        Tools = Hash(r, 6),
        HistoryKept = r.GetInt32(7),
        Messages = MessagesFromJson(r.GetString(8)),
        Reply = Hash(r, 9),
        StopReason = r.Text(10),
        ResponseId = r.Text(11),
        TokenUsage = new TokenUsage(r.GetInt64(12), r.GetInt64(13), r.GetInt64(14), r.GetInt64(15), r.GetInt64(16)),
        StartedAt = session.ReadTime(r, 17),
        DurationMs = r.GetDouble(18),
        TimeToFirstByteMs = r.Real(19),
        HttpStatus = r.GetInt32(20),
        Status = StatusOf(r.GetString(21)),
        Rhythm = r.Text(22) is { } rhythm ? StreamRhythm.Parse(rhythm) : null,
    };

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

    private static ContentHash? Hash(DbDataReader reader, int column) =>
        reader.IsDBNull(column) ? null : HashOf(reader.GetFieldValue<byte[]>(column));

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
