namespace LlmProxy.Core.Outcomes;

/// <summary>A test, build, lint or exit code that a client saw.</summary>
/// <param name="Passed">Whether it passed.</param>
/// <param name="Quote">The line of output that reports it.</param>
public sealed record ReportedVerification(bool Passed, string Quote);

/// <summary>What a client saw of a task's last turn: evidence for the estimate of its outcome, never the outcome.</summary>
/// <param name="Verifications">Verifications in order, in place of those that were reported before; null keeps them. Of more than <see cref="MaxVerifications"/> the last ones count.</param>
/// <param name="IsInterrupted">Whether a person interrupted the turn; null keeps what was reported before.</param>
public sealed record ReportedEvidence(IReadOnlyList<ReportedVerification>? Verifications, bool? IsInterrupted = null)
{
    /// <summary>Most verifications that are kept.</summary>
    public const int MaxVerifications = 20;
}
