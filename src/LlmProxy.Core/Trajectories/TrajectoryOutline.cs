using System.Text.Json;
using System.Text.Json.Serialization;

namespace LlmProxy.Core.Trajectories;

/// <summary>What came back for a tool call.</summary>
public enum CallResult
{
    /// <summary>Nothing yet.</summary>
    None,
    /// <summary>A result that is no failure.</summary>
    Ok,
    /// <summary>A failure.</summary>
    Failed,
}

/// <summary>What the reply that ended a turn said.</summary>
public enum ReplyKind
{
    /// <summary>No reply ended the turn.</summary>
    None,
    /// <summary>Text.</summary>
    Text,
    /// <summary>Nothing.</summary>
    Empty,
    /// <summary>Reasoning alone.</summary>
    ReasoningOnly,
    /// <summary>A refusal.</summary>
    Refused,
    /// <summary>Text that a limit cut off.</summary>
    Cut,
}

/// <summary>One tool call without its values.</summary>
/// <param name="Step">Number of the step that made it.</param>
/// <param name="Tool">The tool's name.</param>
/// <param name="Arguments">Names and kinds of its arguments: <c>path:s,limit:n</c> (s string, n number, b truth, o object, l list, z null).</param>
/// <param name="Digest">Digest of tool and arguments, by which the same call again is recognised.</param>
/// <param name="Result">What came back.</param>
public sealed record CallOutline(int Step, string Tool, string Arguments, long Digest, CallResult Result);

/// <summary>A test, build, lint or exit code in a tool result.</summary>
/// <param name="Call">Index of the call that it answers in <see cref="TrajectoryOutline.Calls"/>.</param>
/// <param name="Passed">Whether it passed.</param>
/// <param name="Quote">The line of output that reports it.</param>
public sealed record VerificationOutline(int Call, bool Passed, string Quote)
{
    /// <summary>Whether a client reported it; else it was read in a tool result.</summary>
    public bool IsReported { get; init; }
}

/// <summary>
/// A trajectory without its content: what outcome signals read, and what stays when content is erased. It holds names of
/// tools, kinds of arguments and results, and the redacted lines that name a test, build or exit code.
/// </summary>
public sealed record TrajectoryOutline
{
    /// <summary>Tool calls in order; of more than <see cref="MaxCalls"/> the last ones.</summary>
    public IReadOnlyList<CallOutline> Calls { get; init; } = [];

    /// <summary>Verifications in order.</summary>
    public IReadOnlyList<VerificationOutline> Verifications { get; init; } = [];

    /// <summary>What the last reply said.</summary>
    public ReplyKind End { get; init; }

    /// <summary>Its stop reason in the dialect's word, or null.</summary>
    public string? StopReason { get; init; }

    /// <summary>Whether a client reported that a person interrupted the last turn.</summary>
    public bool IsInterrupted { get; init; }

    /// <summary>Characters of all replies' text.</summary>
    public int TextLength { get; init; }

    /// <summary>Whether steps are missing whose content was not kept, so that calls may be missing.</summary>
    public bool IsPartial { get; init; }

    /// <summary>Most calls that an outline holds.</summary>
    public const int MaxCalls = 500;

    /// <summary>Writes it for the store.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, OutlineJson.Default.TrajectoryOutline);

    /// <summary>Reads what <see cref="ToJson"/> wrote; null if it cannot be read.</summary>
    public static TrajectoryOutline? Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, OutlineJson.Default.TrajectoryOutline);
        }
        catch (JsonException)
        {
            // A later version's, or damaged: the trajectory has no outline then, and the signals that need one say nothing.
            return null;
        }
    }
}

/// <summary>JSON of outlines and evidence, without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(TrajectoryOutline))]
[JsonSerializable(typeof(IReadOnlyList<OutcomeEvidence>))]
internal sealed partial class OutlineJson : JsonSerializerContext;
