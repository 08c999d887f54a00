using LlmProxy.Core.Recording;

namespace LlmProxy.Core.Calls;

/// <summary>Opens the record of a call in the spool, if the call is to be recorded.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed partial class CallRecording(
    Spool spool,
    Recorder recorder,
    NotRecordedCounts notRecorded,
    RecordingSwitch recording,
    BufferBudget budget,
    LlmProxyOptions options,
    TimeProvider time,
    ILogger<CallRecording> log)
{
    private const int MostClients = 1_000;
    private const int LongestName = 200;

    private readonly HashSet<string> _undecoded = new(StringComparer.Ordinal);

    /// <summary>Opens the record and gives it its place after its task's earlier calls.</summary>
    public void Begin(CallSession call)
    {
        if (call.Place is not { Task: { } task } place)
        {
            call.NotRecorded = call.Place is null ? NotRecordedReason.Unassigned : NotRecordedReason.SideCall;
            return;
        }

        if (recording.WhyNot(call.Start.Tenant, call.Start.RecordHeader) is { } reason)
        {
            Refuse(call, reason);
            return;
        }

        var start = call.Start;
        var now = time.GetUtcNow();
        var isRewritten = call.Prompt.Body is not null;
        var head = ExchangeHead.Of(place, task, call.Reading, call.Dialect.Kind, call.Provider, now) with
        {
            IsFetch = call.IsFetch,
            KeyName = start.KeyName,
            Client = start.Client,
            Preset = call.Rules.Name,
            Path = start.Path,
            RequestEncoding = start.ContentEncoding.Length == 0 || isRewritten ? null : start.ContentEncoding,
            ExampleIds = isRewritten ? call.Prompt.ExampleIds : [],
            Arm = call.Prompt.Arm,
            TemplateSet = call.Prompt.TemplateSet,
            KeepContent = options.Recording.Providers.Contains(call.Provider, StringComparer.OrdinalIgnoreCase),
            StartedAt = start.StartedAt ?? now - time.GetElapsedTime(start.ArrivedTimestamp),
            Uptime = start.StartedAt is null ? time.GetElapsedTime(0, start.ArrivedTimestamp) : null,
        };

        // The agent's own request is recorded, not the rewritten one: injected examples must never be learnt from.
        var request = isRewritten ? call.Reading.Body : start.Body!.Value;
        call.Record = spool.Begin(head, request, isRewritten ? call.Prompt.SentPrompt ?? "" : null);
        if (call.Record is null)
        {
            Refuse(call, NotRecordedReason.SpoolFull);
            return;
        }

        recorder.Register(call.Record);
    }

    /// <summary>Hands a finished record to the recorder.</summary>
    /// <param name="call">The call.</param>
    /// <param name="reply">Its reply as far as it came.</param>
    /// <param name="reserved">Bytes that are reserved for the reply.</param>
    public void Complete(CallSession call, Wire.AssembledReply? reply, long reserved)
    {
        if (call.Record is { } record)
        {
            recorder.Complete(record, record.IsTruncated ? null : reply, call.Reading, reserved);
        }
        else
        {
            budget.Return(reserved);
        }
    }

    /// <summary>Counts a reply whose encoding is unknown.</summary>
    public void CountUndecoded(CallSession call, string contentEncoding)
    {
        notRecorded.Count(call.Start.Tenant, NotRecordedReason.UnknownEncoding);
        WarnOfEncoding(call, contentEncoding);
    }

    /// <summary>Notes and counts that a call is not recorded.</summary>
    public void Refuse(CallSession call, NotRecordedReason reason)
    {
        call.NotRecorded = reason;
        notRecorded.Count(call.Start.Tenant, reason);
        if (reason == NotRecordedReason.UnknownEncoding)
        {
            WarnOfEncoding(call, call.Start.ContentEncoding);
        }
    }

    /// <summary>Names a client whose bodies cannot be decoded, once.</summary>
    private void WarnOfEncoding(CallSession call, string contentEncoding)
    {
        var client = Short(call.Start.Client);
        lock (_undecoded)
        {
            if (_undecoded.Count >= MostClients || !_undecoded.Add(client))
            {
                return;
            }
        }

        LogUnknownEncoding(client, Short(contentEncoding));
    }

    private static string Short(string text) => text.Length > LongestName ? text[..LongestName] + "…" : text;

    [LoggerMessage(1017, LogLevel.Warning, "Not recording calls of client '{Client}': their Content-Encoding '{Encoding}' is unknown. Known are gzip, deflate, br and zstd, at most two for a body")]
    private partial void LogUnknownEncoding(string client, string encoding);
}
