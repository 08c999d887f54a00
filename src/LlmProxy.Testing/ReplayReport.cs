using System.Globalization;
using System.Text;
using LlmProxy.Testing.Replay;

namespace LlmProxy.Testing;

/// <summary>What became of a replay.</summary>
/// <param name="Recorded">How many calls the recording holds.</param>
/// <param name="NotMade">Recorded calls that were not made, for people.</param>
/// <param name="WithoutRecording">Calls that had no recording: what came, which recorded call comes nearest, and why it is not it.</param>
public sealed record ReplayReport(int Recorded, IReadOnlyList<string> NotMade, IReadOnlyList<string> WithoutRecording)
{
    internal static ReplayReport Empty { get; } = new(0, [], []);

    /// <summary>Whether each recorded call was made, and no other.</summary>
    public bool IsComplete => NotMade.Count == 0 && WithoutRecording.Count == 0;

    /// <summary>The report for people.</summary>
    public override string ToString()
    {
        if (IsComplete)
        {
            return string.Create(CultureInfo.InvariantCulture, $"All {Recorded} recorded calls were made, and no other.");
        }

        var text = new StringBuilder();
        Add(text, WithoutRecording, WithoutRecording.Count == 1 ? "call had no recording" : "calls had no recording");
        Add(text, NotMade, string.Create(CultureInfo.InvariantCulture, $"of {Recorded} recorded calls {(NotMade.Count == 1 ? "was" : "were")} not made"));
        return text.Append("Run the test with LLMPROXY_RECORD=1 to record it anew if the change is wanted.").ToString();
    }

    internal static ReplayReport Of(ReplaySession session) => new(
        session.Run.Calls.Count,
        [.. session.NotMade.Select(session.Describe)],
        [.. session.Unrecorded.Select(missed => missed.Nearest is { } nearest ? $"{missed.Call}\n    nearest is {session.Describe(nearest)}\n    but {missed.Reason}" : $"{missed.Call}\n    {missed.Reason}")]);

    private static void Add(StringBuilder text, IReadOnlyList<string> lines, string title)
    {
        if (lines.Count == 0)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"{lines.Count} {title}:\n");
        foreach (var line in lines)
        {
            text.Append("  ").Append(line).Append('\n');
        }
    }
}

/// <summary>A replay did not go as the recording.</summary>
public sealed class ReplayMismatchException : Exception
{
    /// <summary>With a report.</summary>
    public ReplayMismatchException(ReplayReport report)
        : base("The calls are not the recorded ones. " + report)
    {
        Report = report;
    }

    /// <summary>With a message alone.</summary>
    public ReplayMismatchException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and its cause.</summary>
    public ReplayMismatchException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Without a message.</summary>
    public ReplayMismatchException()
    {
    }

    /// <summary>What was called and what was not.</summary>
    public ReplayReport Report { get; } = ReplayReport.Empty;
}
