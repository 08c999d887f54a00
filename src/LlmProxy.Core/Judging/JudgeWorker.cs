using System.IO.Hashing;
using System.Text;
using LlmProxy.Core.Assistants;

namespace LlmProxy.Core.Judging;

/// <summary>
/// Judges finished trajectories that are due, one claim at a time. Processes that share a store share the work; what a
/// stopped process had begun is due again after its lease, and what it had paid for already is not asked again.
/// </summary>
internal sealed partial class JudgeWorker(TrajectoryJudge judge, IJudgementStore store, JudgeOptions options, TimeProvider time, ILogger<JudgeWorker> logger)
{
    /// <summary>Far longer than judging a claim takes.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(30);

    /// <summary>Older trajectories are judged by <c>llmproxy judge run</c> alone.</summary>
    public static readonly TimeSpan LookBack = TimeSpan.FromDays(7);

    private const int AtOnce = 10;

    // After this many calls without an answer: the model's server is down.
    private const int MaxFailures = 3;

    private readonly string _owner = Guid.NewGuid().ToString("N");

    /// <summary>Judges what is due until nothing is left or the model gives no answer; returns how many judgements are new.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var judged = 0;
        var failures = 0;
        while (await store.ClaimJudgingAsync(_owner, time.GetUtcNow() - LookBack, options.Providers, Lease, AtOnce, cancellationToken) is { Count: > 0 } due)
        {
            for (var i = 0; i < due.Count; i++)
            {
                try
                {
                    judged += await JudgeAsync(due[i], cancellationToken);
                    failures = 0;
                }
                catch (AssistantException error)
                {
                    // One that its own content makes fail keeps its claim, so that it does not hold up the others.
                    var isOwn = error.Failure is AssistantFailure.Timeout or AssistantFailure.Unavailable;
                    if (isOwn && ++failures < MaxFailures)
                    {
                        continue;
                    }

                    LogStopped(error.Failure, error.Message);
                    foreach (var left in due.Skip(isOwn ? i + 1 : i))
                    {
                        await store.EndJudgingAsync(_owner, left, isDone: false, cancellationToken);
                    }

                    return judged;
                }
            }
        }

        return judged;
    }

    /// <summary>Whether a share of trajectories has this one: the same answer in all processes.</summary>
    internal static bool IsSampled(string id, double share) => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(id)) / (double)ulong.MaxValue < share;

    private async Task<int> JudgeAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        var judged = 0;
        try
        {
            if (options.Sample >= 1 || IsSampled(trajectory.Id, options.Sample))
            {
                var result = await judge.JudgeAsync(trajectory, calibrates: false, cancellationToken);
                judged = result.IsNew ? 1 : 0;
                judged += await judge.CompareAsync(trajectory, cancellationToken) > 0 ? 1 : 0;
            }
        }
        catch (Exception error) when (error is not (StoreException or AssistantException or OperationCanceledException))
        {
            // A damaged record fails alone, and is not due again before its next step.
            LogSkipped(trajectory.TaskId, error);
        }

        await store.EndJudgingAsync(_owner, trajectory, isDone: true, cancellationToken);
        return judged;
    }

    [LoggerMessage(6400, LogLevel.Warning, "Judging stopped until the next look: {Failure}. {Message}")]
    private partial void LogStopped(AssistantFailure failure, string message);

    [LoggerMessage(6401, LogLevel.Warning, "Task {TaskId} could not be judged")]
    private partial void LogSkipped(string taskId, Exception error);
}
