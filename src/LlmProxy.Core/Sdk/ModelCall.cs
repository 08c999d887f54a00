using LlmProxy.Core.Prompting;
using LlmProxy.Core.Recording;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;
using Microsoft.Extensions.Logging;

namespace LlmProxy.Core.Sdk;

/// <summary>A call of an application on its way. It is ended exactly once, whatever becomes of it; later ends do nothing.</summary>
internal sealed partial class ModelCall(
    IDialect dialect,
    RequestReading reading,
    TurnKeys keys,
    CallPlace place,
    PromptResult enhanced,
    SpooledExchange? record,
    TaskCorrelator correlator,
    Recorder recorder,
    TimeProvider time,
    ILogger<ModelCall> logger)
{
    private readonly long _started = time.GetTimestamp();
    private TimeSpan? _firstByte;
    private bool _isEnded;

    /// <summary>Its place.</summary>
    public CallPlace Place => place;

    /// <summary>What became of its prompt.</summary>
    public PromptResult Enhanced => enhanced;

    /// <summary>Why it is not recorded, or null.</summary>
    public string? NotRecorded { get; init; }

    /// <summary>How long it took; null: until its end is told.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Says that the answer has begun.</summary>
    public void Begins() => _firstByte ??= time.GetElapsedTime(_started);

    /// <summary>Ends the call. Never throws: what fails is logged.</summary>
    /// <param name="outcome">How it ended.</param>
    /// <param name="status">HTTP status of the answer; 0 where none came.</param>
    /// <param name="answer">The answer, or as much as came of it.</param>
    public void End(ExchangeOutcome outcome, int status, ReadOnlyMemory<byte> answer)
    {
        if (_isEnded)
        {
            return;
        }

        _isEnded = true;
        AssembledReply? reply = null;
        try
        {
            Begins();
            if (status > 0)
            {
                record?.WriteAnswerHead(new AnswerHead(status, "application/json", null, _firstByte!.Value.TotalMilliseconds));
                record?.WriteAnswer(answer);
                var assembler = dialect.CreateAssembler("application/json", false);
                assembler.Append(answer.Span);
                reply = assembler.ToReply();
            }

            if (reply is not null && place.Task is { } continued)
            {
                // The task's next call is found by its answer's keys: they are known before the application has the answer.
                correlator.Publish(continued, reading, reply, keys, place.StepIndex);
            }

            record?.WriteTail(new ExchangeTail(outcome, (Duration ?? time.GetElapsedTime(_started)).TotalMilliseconds, record.IsTruncated));
        }
        catch (Exception error)
        {
            LogEndFailed(error);
        }
        finally
        {
            if (place.Task is { } task)
            {
                correlator.End(task, place.StepIndex, outcome == ExchangeOutcome.Complete && reply is { IsComplete: true }, reply is not null || status == 0);
            }

            if (record is not null)
            {
                recorder.Complete(record, record.IsTruncated ? null : reply, reading);
            }

            keys.Dispose();
        }
    }

    [LoggerMessage(6201, LogLevel.Error, "The end of a model call could not be recorded; the application has its answer")]
    private partial void LogEndFailed(Exception error);
}
