using LlmProxy.Core.Retrieval;

namespace LlmProxy.Core.Outcomes;

/// <summary>Tests, builds and exit codes after the last change. A verification before it says nothing of the result.</summary>
internal sealed class VerificationSignal : IOutcomeSignal
{
    public string Name => "verification";

    public (double Value, string Text)? Read(OutcomeFacts facts)
    {
        var outline = facts.Outline;
        if (outline.Verifications.Count == 0)
        {
            return null;
        }

        var last = outline.Verifications[^1];
        for (var i = last.Call + 1; i < outline.Calls.Count; i++)
        {
            // A shell both changes and looks; only the tools that write count as a change after it.
            if (outline.Calls[i] is { Result: not CallResult.Failed } later && !ToolNames.IsObservation(later.Tool) && !ToolNames.IsShell(later.Tool))
            {
                return (-0.2, $"Not verified after the last change ({later.Tool}).");
            }
        }

        return last.Passed ? (1.2, $"Passed after the last change: “{last.Quote}”") : (-2, $"Failed after the last change: “{last.Quote}”");
    }
}
