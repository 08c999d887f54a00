using System.Security.Cryptography;
using System.Text;
using LlmProxy.Core.Trajectories;
using LlmProxy.TrainingData.Export;
using LlmProxy.Wire;

namespace LlmProxy.TrainingData.Import;

/// <summary>A message of an imported conversation, in the form of Anthropic's Messages API.</summary>
/// <param name="Json">Role and content, UTF-8.</param>
/// <param name="IsForeign">An assistant turn that is no reply of this run.</param>
/// <param name="IsIntervention">Whether a person said it while the agent worked.</param>
internal sealed record ImportedMessage(ReadOnlyMemory<byte> Json, bool IsForeign = false, bool IsIntervention = false);

/// <summary>One call of an imported run.</summary>
internal sealed class ImportedStep
{
    public required int Index { get; init; }

    public required IReadOnlyList<ImportedMessage> Messages { get; init; }

    /// <summary>Messages that were condensed into a summary before any call held them: no part of a history, but their results count.</summary>
    public IReadOnlyList<ImportedMessage> Condensed { get; init; } = [];

    /// <summary>How many of its messages, from the first, belong to what the conversation held before: what they say was counted there.</summary>
    public int Resent { get; init; }

    /// <summary>How many messages of the run's history before this step it keeps.</summary>
    public int HistoryKept { get; init; }

    public required ReadOnlyMemory<byte> Reply { get; set; }

    public string Model { get; init; } = "";

    public string? System { get; init; }

    public ReadOnlyMemory<byte>? Tools { get; init; }

    public string? StopReason { get; set; }

    public string? ResponseId { get; init; }

    public TokenUsage? Usage { get; set; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset EndedAt { get; set; }
}

/// <summary>A trajectory as a file describes it.</summary>
internal sealed class ImportedTrajectory
{
    public required string Id { get; init; }

    public required string TaskId { get; init; }

    public required string ConversationId { get; init; }

    public string? SessionId { get; init; }

    public string? ParentId { get; set; }

    /// <summary>The session that started it, where no file of the import says by which run.</summary>
    public string? ParentSessionId { get; set; }

    /// <summary>The form of its messages.</summary>
    public DialectKind Dialect { get; init; } = DialectKind.AnthropicMessages;

    /// <summary>Whether its content is kept only where the settings record the models that responded, as of recorded runs.</summary>
    public bool IsByProviders { get; init; }

    public string Provider { get; set; } = "anthropic";

    /// <summary>The models that responded, where their providers decide about the content.</summary>
    public IReadOnlyList<RespondingModel> AnsweredBy { get; set; } = [];

    public string Client { get; init; } = "";

    public string Preset { get; init; } = "generic";

    public required string TaskDescription { get; init; }

    /// <summary>Working directory that the file states, or null.</summary>
    public string? Project { get; init; }

    /// <summary>What the agent calls the project, where the file does not state its path.</summary>
    public string? ProjectName { get; init; }

    public List<ImportedStep> Steps { get; init; } = [];

    /// <summary>What followed the last reply and belongs to this run: results of its calls, an interruption.</summary>
    public List<ImportedMessage> Trailing { get; } = [];

    /// <summary>Whether the person stopped it.</summary>
    public bool IsInterrupted { get; set; }

    /// <summary>What the file says of the outcome; null: it is judged by the last reply.</summary>
    public ExportOrigin? Origin { get; init; }

    /// <summary>An id that the same source always gets.</summary>
    public static string IdOf(string source) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(source)))[..32];
}

/// <summary>What an import did with a run.</summary>
internal enum RunEffect
{
    /// <summary>Its project or time was not asked for.</summary>
    NotWanted,

    /// <summary>It was added.</summary>
    Added,

    /// <summary>It had continued since an earlier import.</summary>
    Updated,

    /// <summary>The store had it already.</summary>
    Known,
}

/// <summary>A run that an import has met.</summary>
/// <param name="Steps">Number of its steps.</param>
/// <param name="Effect">What became of it.</param>
/// <param name="IsMetrics">Whether it was stored without its content.</param>
internal sealed record TakenRun(int Steps, RunEffect Effect, bool IsMetrics);

/// <summary>What an import found and did.</summary>
public sealed class ImportReport
{
    internal const string Abandoned = "abandoned branch";
    internal const string Repeated = "repeated record";
    internal const string SideCall = "side call";
    internal const string Copied = "copy in a branch or fork";
    internal const string NotWanted = "run of another project or time";

    private const int MaxSkippedLines = 1_000;

    private readonly List<string> _skipped = [];

    /// <summary>Files that were read.</summary>
    public int Files { get; internal set; }

    /// <summary>Runs in them.</summary>
    public int Runs { get; private set; }

    /// <summary>Runs that were added.</summary>
    public int Added { get; private set; }

    /// <summary>Runs that went on since an earlier import.</summary>
    public int Updated { get; private set; }

    /// <summary>Runs that the store had already.</summary>
    public int Known { get; private set; }

    /// <summary>Runs that were added or updated without their content, because <c>Recording:Providers</c> does not name their models' provider.</summary>
    public int MetricsOnly { get; private set; }

    /// <summary>Steps of the runs that were added or updated.</summary>
    public int Steps { get; private set; }

    /// <summary>Records by kind that hold no part of a conversation, as is known of them.</summary>
    public SortedDictionary<string, int> Ignored { get; } = new(StringComparer.Ordinal);

    /// <summary>Records by kind that are not known.</summary>
    public SortedDictionary<string, int> Unknown { get; } = new(StringComparer.Ordinal);

    /// <summary>Records by kind that hold messages and are left out: abandoned branches, repeated records, side calls, copies in branches and forks.</summary>
    public SortedDictionary<string, int> LeftOut { get; } = new(StringComparer.Ordinal);

    /// <summary>Lines that were skipped, each with its file, its number and the reason; the first thousand.</summary>
    public IReadOnlyList<string> SkippedLines => _skipped;

    /// <summary>How many lines were skipped.</summary>
    public int Skipped { get; private set; }

    internal void Skip(string path, int line, string reason)
    {
        Skipped++;
        if (_skipped.Count < MaxSkippedLines)
        {
            _skipped.Add(FormattableString.Invariant($"{path}({line}) {reason}"));
        }
    }

    /// <summary>Counts what became of a run, or takes that back.</summary>
    internal void Add(TakenRun run, int sign)
    {
        if (run.Effect == RunEffect.NotWanted)
        {
            LeftOut[NotWanted] = LeftOut.GetValueOrDefault(NotWanted) + sign;
            return;
        }

        Runs += sign;
        Added += run.Effect == RunEffect.Added ? sign : 0;
        Updated += run.Effect == RunEffect.Updated ? sign : 0;
        Known += run.Effect == RunEffect.Known ? sign : 0;
        Steps += run.Effect == RunEffect.Known ? 0 : sign * run.Steps;
        MetricsOnly += run.IsMetrics ? sign : 0;
    }

    internal static void Count(SortedDictionary<string, int> counts, string kind) => counts[kind] = counts.GetValueOrDefault(kind) + 1;
}
