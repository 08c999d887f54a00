using LlmProxy.TrainingData.Pairs;

namespace LlmProxy.TrainingData.Export;

/// <summary>An event of an export, in order: one <see cref="ExportStart"/>, lines and images, one <see cref="ExportSummary"/>.</summary>
public abstract record ExportEvent;

/// <summary>What is about to come.</summary>
/// <param name="Runs">Runs that were selected.</param>
/// <param name="Providers">Runs by the provider whose outputs they hold.</param>
/// <param name="Notice">What people have to know before they train on these outputs.</param>
public sealed record ExportStart(int Runs, IReadOnlyDictionary<string, int> Providers, string Notice) : ExportEvent;

/// <summary>One example.</summary>
/// <param name="Json">The line, UTF-8, without its line end.</param>
/// <param name="IsValidation">Whether it belongs to the validation file.</param>
/// <param name="Origin">Where it comes from.</param>
public sealed record ExportLine(ReadOnlyMemory<byte> Json, bool IsValidation, ExportOrigin Origin) : ExportEvent;

/// <summary>An image that lines name by file.</summary>
/// <param name="Name">File name: hash and ending.</param>
/// <param name="Bytes">The image.</param>
public sealed record ExportImage(string Name, ReadOnlyMemory<byte> Bytes) : ExportEvent;

/// <summary>One run was worked off, whether or not it gave lines.</summary>
/// <param name="Done">Runs so far.</param>
public sealed record ExportProgress(int Done) : ExportEvent;

/// <summary>What came of it.</summary>
/// <param name="Lines">Lines of the training file.</param>
/// <param name="ValidationLines">Lines of the validation file.</param>
/// <param name="Runs">Runs that gave lines.</param>
/// <param name="LeftOut">Runs that gave none, counted by reason.</param>
/// <param name="Notes">What was changed or left out within lines, counted.</param>
/// <param name="NextSince">What <c>--since</c> takes to continue later without losing a run.</param>
public sealed record ExportSummary(
    int Lines,
    int ValidationLines,
    int Runs,
    IReadOnlyDictionary<string, int> LeftOut,
    IReadOnlyDictionary<string, int> Notes,
    DateTimeOffset NextSince) : ExportEvent;

/// <summary>Where a line comes from. Written to a file next to the training file: consumers refuse keys that they do not know.</summary>
public sealed record ExportOrigin
{
    /// <summary>The run; in preference formats the better one.</summary>
    public required string TrajectoryId { get; init; }

    /// <summary>Its task.</summary>
    public required string TaskId { get; init; }

    /// <summary>Its conversation.</summary>
    public required string ConversationId { get; init; }

    /// <summary>Same for all runs that must be on one side of a split.</summary>
    public string TaskKey { get; init; } = "";

    /// <summary>What the task was.</summary>
    public string TaskDescription { get; init; } = "";

    /// <summary>The provider whose outputs it holds.</summary>
    public required string Provider { get; init; }

    /// <summary>Models whose replies it holds.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    /// <summary>The run's score.</summary>
    public double? QualityScore { get; init; }

    /// <summary>Whether the run succeeded.</summary>
    public bool? Success { get; init; }

    /// <summary>Who gave the outcome, in the API's word (<c>human</c>, <c>agent</c>, <c>inferred</c>…); null in files of earlier versions.</summary>
    public string? OutcomeSource { get; init; }

    /// <summary>The run's first request.</summary>
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>The run's end.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The agent, as it names itself.</summary>
    public string Client { get; init; } = "";

    /// <summary>Preset whose rules were applied.</summary>
    public string Preset { get; init; } = "";

    /// <summary>Number of this line among the run's lines, from 1: a run whose history was rewritten gives several.</summary>
    public int Segment { get; init; } = 1;

    /// <summary>For each assistant turn of the line the step that it answers, or 0 where it is not to be learned from here.</summary>
    public IReadOnlyList<int> Replies { get; init; } = [];

    /// <summary>For each of <see cref="Replies"/> when its request came.</summary>
    public IReadOnlyList<DateTimeOffset> Times { get; init; } = [];

    /// <summary>In preference formats the other run and how the two were paired.</summary>
    public PairOrigin? Pair { get; init; }
}

/// <summary>The worse run of a pair.</summary>
/// <param name="TrajectoryId">Its id.</param>
/// <param name="QualityScore">Its score.</param>
/// <param name="Success">Whether it succeeded.</param>
/// <param name="Similarity">How alike the two tasks are, 0 to 1; 1 for the same task.</param>
/// <param name="Reason">Why one is better, such as <c>success over failure</c>.</param>
/// <param name="Compared">Which replies are compared, such as <c>step 3</c> or <c>final answer</c>.</param>
public sealed record PairOrigin(string TrajectoryId, double? QualityScore, bool? Success, double Similarity, string Reason, string Compared)
{
    /// <summary>What it rests on: <c>facts</c>, <c>facts+comparison</c> or <c>rubric+comparison</c>.</summary>
    public string Origin { get; init; } = PairAgreement.Facts;
}
