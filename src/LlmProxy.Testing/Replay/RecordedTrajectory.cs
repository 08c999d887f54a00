using LlmProxy.Core.Trajectories;
using LlmProxy.Wire;

namespace LlmProxy.Testing.Replay;

/// <summary>
/// A run as the calls that its agent made and what was answered: small enough to keep next to a test, whole enough to be
/// answered again. <see cref="RecordedTrajectoryFile"/> reads and writes it.
/// </summary>
public sealed record RecordedTrajectory
{
    /// <summary>What the run is called: a task's id, or the file's name.</summary>
    public required string Name { get; init; }

    /// <summary>What the agent was asked to do; empty where unknown.</summary>
    public string Task { get; init; } = "";

    /// <summary>The calls in the order in which they were made.</summary>
    public required IReadOnlyList<RecordedCall> Calls { get; init; }

    /// <summary>Makes it from a run of the store.</summary>
    /// <param name="run">The run.</param>
    /// <param name="steps">Its steps with their texts.</param>
    /// <exception cref="ArgumentException">The run's content is not kept.</exception>
    public static RecordedTrajectory Of(Trajectory run, IReadOnlyList<StepView> steps)
    {
        if (steps.Count == 0 || !steps.Any(step => step.Reply is not null))
        {
            throw new ArgumentException($"Run {run.TaskId} has no recorded content: only runs whose content is kept can be replayed (Recording:Providers, and Recording:Failures for failed ones).", nameof(steps));
        }

        return new RecordedTrajectory
        {
            Name = run.TaskId,
            Task = run.TaskDescription,
            Calls = [.. steps.OrderBy(step => step.Step.Index).Select(step => RecordedCall.Of(run, step))],
        };
    }
}

/// <summary>One call and its response.</summary>
/// <param name="Dialect">The wire format of both.</param>
/// <param name="Request">What distinguishes the call from others.</param>
/// <param name="Answer">The response.</param>
public sealed record RecordedCall(DialectKind Dialect, CallMarks Request, RecordedAnswer Answer)
{
    internal static RecordedCall Of(Trajectory run, StepView view) => new(
        view.Step.Dialect,
        CallMarks.Of(ModelPatternOf(run, view.Step), [.. view.Messages.Select(m => m.Message)]),
        RecordedAnswer.Of(view));

    /// <summary>
    /// The model that was asked for. A step keeps the one that answered, which may be a dated version of it
    /// (<c>gpt-4o</c>, <c>gpt-4o-2024-08-06</c>); the run keeps the first that was asked for.
    /// </summary>
    private static string? ModelPatternOf(Trajectory run, TrajectoryStep step) =>
        run.Model.Length == 0 ? null
        : step.Index == 1 || string.Equals(step.Model, run.Model, StringComparison.Ordinal) ? run.Model
        : step.Model.StartsWith(run.Model, StringComparison.Ordinal) ? run.Model + CallMarks.AnyEnd
        : null;
}

/// <summary>The response to a call.</summary>
public sealed record RecordedAnswer
{
    /// <summary>HTTP status; 0 where no response came.</summary>
    public int Status { get; init; } = 200;

    /// <summary>Whether it came as a stream; null where that is unknown.</summary>
    public bool? IsStream { get; init; }

    /// <summary>Time from the request to the response's head; null where unknown.</summary>
    public TimeSpan? FirstByte { get; init; }

    /// <summary>When the parts of a stream came.</summary>
    public StreamRhythm Rhythm { get; init; } = StreamRhythm.Unknown;

    /// <summary>The response, put together; null if there is none.</summary>
    public AssembledReply? Reply { get; init; }

    /// <summary>An error's body as it was sent; null where it was not kept or there was no error.</summary>
    public string? ErrorBody { get; init; }

    /// <summary>Whether the connection broke before the response was whole.</summary>
    public bool BreaksOff { get; init; }

    /// <summary>Whether it is an error, or none at all.</summary>
    public bool IsError => Reply is null || Status is 0 or >= 400;

    internal static RecordedAnswer Of(StepView view)
    {
        var step = view.Step;
        return new RecordedAnswer
        {
            Status = step.HttpStatus,
            IsStream = step.Rhythm is null ? null : !step.Rhythm.IsWhole,
            FirstByte = step.TimeToFirstByteMs is { } first ? TimeSpan.FromMilliseconds(first) : null,
            Rhythm = step.Rhythm is { IsWhole: false } rhythm ? rhythm : StreamRhythm.Unknown,
            Reply = view.Reply is null ? null : new AssembledReply
            {
                ResponseId = step.ResponseId,
                Model = step.Model,
                Message = view.Reply,
                StopReason = step.StopReason,
                Usage = step.TokenUsage ?? TokenUsage.None,
                HasUsage = step.TokenUsage is { } usage && usage != TokenUsage.None,
                Error = step.Status == StepStatus.UpstreamError && step.HttpStatus < 400 ? "api_error: the recorded response ended in an error" : null,
                IsComplete = step.Status.HasWholeAnswer(),
            },
            // What did not come at all, or came in time to be an error, was the proxy's own response.
            BreaksOff = step.HttpStatus == 0 || (step.HttpStatus < 400 && step.Status.BrokeOff()),
        };
    }
}
