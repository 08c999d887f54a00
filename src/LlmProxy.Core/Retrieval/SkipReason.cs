using System.Globalization;

namespace LlmProxy.Core.Retrieval;

/// <summary>Why a task gets no examples, a search leaves a trajectory out, or a request's prompt stays as it is.</summary>
public enum SkipReason
{
    /// <summary>Few-shot is off, or no examples were asked for.</summary>
    Disabled,
    /// <summary>The caller sent <c>LlmProxy-Few-Shot: off</c>.</summary>
    Header,
    /// <summary>The task belongs to the experiment's holdout.</summary>
    Holdout,
    /// <summary>The task has no description.</summary>
    NoTaskText,
    /// <summary>The search found no trajectory.</summary>
    NoRuns,
    /// <summary>No example fits into the token budget.</summary>
    Budget,
    /// <summary>The search exceeded its time limit.</summary>
    Timeout,
    /// <summary>The call was cancelled; of a trajectory: its task was.</summary>
    Cancelled,
    /// <summary>The search failed.</summary>
    Error,
    /// <summary>The store is unavailable.</summary>
    Store,
    /// <summary>All pinned examples were deleted or retired.</summary>
    Purged,
    /// <summary>The pin could not be read.</summary>
    UnreadablePin,
    /// <summary>Rendering the prompt failed.</summary>
    TemplateFailed,
    /// <summary>No template applies.</summary>
    NoTemplate,
    /// <summary>The request has no system prompt, and none may be added.</summary>
    NoSystemPrompt,
    /// <summary>The template renders the same text.</summary>
    Unchanged,
    /// <summary>The trajectory's similarity is below the threshold.</summary>
    BelowThreshold,
    /// <summary>The trajectory has no embedding of the model.</summary>
    NoVector,
    /// <summary>The trajectory's content is not kept.</summary>
    NoContent,
    /// <summary>The request does not offer the trajectory's tools.</summary>
    Tools,
    /// <summary>A better trajectory records nearly the same task.</summary>
    NearDuplicate,
    /// <summary>Better trajectories took all places.</summary>
    Count,
    /// <summary>The trajectory has not ended.</summary>
    NotEnded,
    /// <summary>The trajectory is of another provider.</summary>
    Provider,
    /// <summary>The trajectory did not succeed.</summary>
    NotSuccessful,
    /// <summary>The trajectory's score is too low.</summary>
    Quality,
    /// <summary>The trajectory was retired as an example.</summary>
    Retired,
    /// <summary>A key took part in the trajectory whose runs may not become examples (<c>CanTeach</c>).</summary>
    KeyMayNotTeach,
    /// <summary>The trajectory is of another project, or of none (<c>FewShot:Scope</c>).</summary>
    OtherProject,
    /// <summary>Only trajectories of the same project may be examples, and the client states none (<c>FewShot:Scope</c>).</summary>
    UnknownProject,
}

/// <summary>The words of <see cref="SkipReason"/> in headers, the API and logs.</summary>
public static class SkipReasons
{
    /// <summary>The reason in lower case with hyphens, such as <c>below-threshold</c>.</summary>
    public static string ToWord(this SkipReason reason) => EnumWords.Kebab(reason);
}

/// <summary>The examples of a task in one line: the only place that knows the text of the header <c>LlmProxy-Few-Shot-Result</c>.</summary>
/// <param name="Injected">Number of examples in the prompt.</param>
/// <param name="Reason">Why there are none, or null.</param>
/// <param name="Best">The best similarity that a search without a result found, or null.</param>
public readonly record struct FewShotResult(int Injected, SkipReason? Reason = null, double? Best = null)
{
    /// <summary>A task without examples.</summary>
    public static FewShotResult None(SkipReason reason, double? best = null) => new(0, reason, best);

    /// <summary>The header's text: <c>injected=2</c>, or <c>none; reason=below-threshold; best=0.61</c>.</summary>
    public override string ToString() => Reason is not { } reason ? string.Create(CultureInfo.InvariantCulture, $"injected={Injected}")
        : $"none; reason={reason.ToWord()}" + (Best is { } best ? string.Create(CultureInfo.InvariantCulture, $"; best={RoundDown(best):0.00}") : "");

    /// <summary>Reads the header's text back, as the store holds it.</summary>
    /// <returns>The result; an unknown reason, of a newer version, is <see cref="SkipReason.UnreadablePin"/>.</returns>
    public static FewShotResult Parse(string text)
    {
        const string CountMark = "injected=", ReasonMark = "none; reason=", BestMark = "; best=";
        if (text.StartsWith(CountMark, StringComparison.Ordinal) && int.TryParse(text.AsSpan(CountMark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return new FewShotResult(count);
        }

        if (!text.StartsWith(ReasonMark, StringComparison.Ordinal))
        {
            return FewShotResult.None(SkipReason.UnreadablePin);
        }

        var end = text.IndexOf(BestMark, StringComparison.Ordinal);
        var reason = EnumWords.ParseKebab<SkipReason>(text[ReasonMark.Length..(end < 0 ? text.Length : end)]) ?? SkipReason.UnreadablePin;
        return FewShotResult.None(reason, end >= 0 && double.TryParse(text.AsSpan(end + BestMark.Length), NumberStyles.Float, CultureInfo.InvariantCulture, out var best) ? best : null);
    }

    // A similarity just below the threshold must not read as if it had reached it. What has two digits stays as it is.
    private static double RoundDown(double best) => Math.Round(best, 2) is var near && near <= best ? near : near - 0.01;
}
