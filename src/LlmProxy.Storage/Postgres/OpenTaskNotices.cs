using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Postgres;

/// <summary>
/// Open tasks as payloads of PostgreSQL's NOTIFY, by which the other processes have them in memory before they are
/// asked for. A payload holds less than 8000 bytes (PostgreSQL documentation, NOTIFY); a task with a longer description
/// is not announced and is found in its table.
/// </summary>
internal sealed partial class OpenTaskNotices
{
    public const string Channel = "llmproxy_open_task";

    private const int MaxBytes = 7_900;

    // A process hears its own notices too.
    private readonly string _own = Guid.NewGuid().ToString("N");

    /// <summary>Payloads that hold as many tasks each as go into one.</summary>
    public IEnumerable<string> Write(IReadOnlyList<ReplicaTask> tasks)
    {
        var waiting = new List<string>();
        var length = 0;
        foreach (var task in tasks)
        {
            var text = JsonSerializer.Serialize(Notice.Of(task), NoticeJson.Relaxed.Notice);
            var bytes = System.Text.Encoding.UTF8.GetByteCount(text) + 1;
            if (bytes + _own.Length + 2 > MaxBytes)
            {
                continue;
            }

            if (length + bytes + _own.Length + 2 > MaxBytes)
            {
                yield return Payload();
            }

            waiting.Add(text);
            length += bytes;
        }

        if (waiting.Count > 0)
        {
            yield return Payload();
        }

        string Payload()
        {
            var payload = $"{_own}[{string.Join(',', waiting)}]";
            waiting.Clear();
            length = 0;
            return payload;
        }
    }

    /// <summary>Passes on what another process announced. A notice that cannot be read is of another version of this program.</summary>
    public void Read(string payload, Action<ReplicaTask> announce)
    {
        if (payload.StartsWith(_own, StringComparison.Ordinal) || payload.Length < _own.Length)
        {
            return;
        }

        Notice[]? notices;
        try
        {
            notices = JsonSerializer.Deserialize(payload.AsSpan(_own.Length), NoticeJson.Relaxed.NoticeArray);
        }
        catch (JsonException)
        {
            return;
        }

        foreach (var notice in notices ?? [])
        {
            announce(notice.ToTask());
        }
    }

    internal sealed record Notice(ReplicaTask Task, IReadOnlyList<string> Keys)
    {
        public static Notice Of(ReplicaTask task) => new(
            task with { Keys = [] },
            [.. task.Keys.Select(k => string.Create(CultureInfo.InvariantCulture, $"{k.Key}{(int)k.Kind}"))]);

        public ReplicaTask ToTask() => Task with { Keys = [.. Keys.Select(Entry)] };

        private CorrelationEntry Entry(string text) => new(
            new TurnKey(ulong.Parse(text.AsSpan(0, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture), ulong.Parse(text.AsSpan(16, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture)),
            (CorrelationKind)int.Parse(text.AsSpan(32), NumberStyles.None, CultureInfo.InvariantCulture),
            Task.TaskId,
            Task.LastStep,
            Task.At);
    }

    [JsonSerializable(typeof(Notice))]
    [JsonSerializable(typeof(Notice[]))]
    internal sealed partial class NoticeJson : JsonSerializerContext
    {
        public static NoticeJson Relaxed { get; } = new(new JsonSerializerOptions
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
