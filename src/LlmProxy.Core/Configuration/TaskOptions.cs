namespace LlmProxy.Core.Configuration;

/// <summary>Settings <c>LlmProxy:Tasks</c>.</summary>
public sealed class TaskOptions
{
    /// <summary><c>auto</c> recognises the client by its headers and its system prompt; else a preset's name.</summary>
    public string Preset { get; init; } = "auto";

    /// <summary>Where a task ends. Null: as the preset says.</summary>
    public TaskBoundary? Boundary { get; init; }

    /// <summary>After a turn that ended cleanly: how long until the outcome is final. A later call of the task reopens it.</summary>
    [Setting(Range = "0s..21d")] public TimeSpan EndOfTurnGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A task in any other state is closed after this time without a call.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>An alias of <c>Outcome:RequireStated</c>: <c>never</c> means true.</summary>
    public IdleSuccess IdleSuccess { get; init; }

    /// <summary>Presets by name: the shipped generic, bytebot, claude-code, codex, opencode and gemini-cli, and your own. Entries are merged with the shipped ones by key. Sources of the shipped rules: those of bytebot come from its source; the session headers of claude-code, codex and opencode and the title prompts of claude-code and opencode were seen on the wire; the user agent of gemini-cli, the prompts of older versions, of compaction and of loop detection, and the texts of refused or failed tools are matched tolerantly, since clients change them.</summary>
    public IReadOnlyDictionary<string, TaskPreset> Presets { get; init; } = new Dictionary<string, TaskPreset>(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Settings <c>LlmProxy:Outcome</c>: which trajectories may become examples by their outcome.</summary>
public sealed class OutcomeOptions
{
    /// <summary>If no outcome was stated, judged or claimed: the least probability of success at which a trajectory may become an example. It ranks below the others and is shown as not verified.</summary>
    [Setting(Range = "0..1")] public double MinProbability { get; init; } = 0.6;

    /// <summary>Use stated and judged outcomes only.</summary>
    public bool RequireStated { get; init; }
}

/// <summary>Rules of one kind of client. What is not given keeps the shipped preset of that name. Regular expressions are .NET's, culture-invariant and case-sensitive.</summary>
public sealed class TaskPreset
{
    /// <summary>How <c>auto</c> recognises the client: header name to a regular expression of its value; all must match. Null removes an entry of the shipped preset. Empty: not by headers.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyDictionary<string, string> RecognizeHeaders { get; init; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Recognises the client by its system prompt, if no header does.</summary>
    [Setting(Kind = TextKind.Expression)] public string? RecognizeSystem { get; init; }

    /// <summary>Where a task ends.</summary>
    public TaskBoundary Boundary { get; init; }

    /// <summary>Headers that hold the client's session id; the first one found wins.</summary>
    public IReadOnlyList<string> SessionHeaders { get; init; } = [];

    /// <summary>A call is a side call (a title, a summary) when one of these matches its system prompt.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> SideCallSystem { get; init; } = [];

    /// <summary>A call is a side call (a suggestion, a recap, a compaction) when one of these matches the text of its last user message, whatever history and tools it has.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> SideCallLastUser { get; init; } = [];

    /// <summary>Header with the id of the sub-agent that makes a call; the main agent sends none. Null: the client has no such header.</summary>
    public string? AgentHeader { get; init; }

    /// <summary>Header with the id of the sub-agent that started it; none if the main agent did.</summary>
    public string? ParentAgentHeader { get; init; }

    /// <summary>Header of a sub-agent's calls with the session of the agent that started it, for clients whose sub-agents have sessions of their own.</summary>
    public string? ParentSessionHeader { get; init; }

    /// <summary>Whether a call without tools that continues no recorded response is a side call, for clients whose main loop always offers tools.</summary>
    public bool SideCallWithoutTools { get; init; }

    /// <summary>Tools whose call ends a task.</summary>
    public IReadOnlyList<TerminalTool> TerminalTools { get; init; } = [];

    /// <summary>A tool result that matches one of these is a failure, in addition to the dialect's own error flag.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> ErrorResults { get; init; } = [];

    /// <summary>A tool result that matches one of these is no failure, whatever the flag says.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> GuardResults { get; init; } = [];

    /// <summary>A user message that matches one of these is an intervention.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> Interventions { get; init; } = [];

    /// <summary>Tools whose calls are clicks.</summary>
    public IReadOnlyList<string> ClickTools { get; init; } = [];

    /// <summary>A click whose result matches one of these hit.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> ClickHits { get; init; } = [];

    /// <summary>How the system prompt states the working directory or repository: group <c>project</c> of the first expression that matches, so put that of a repository's root first. It is read on a conversation's first call.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> ProjectSystem { get; init; } = [];

    /// <summary>The same for the messages before the first reply, if the system prompt states none.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> ProjectUser { get; init; } = [];

    /// <summary>Text that is removed from the first user message to get the task's description.</summary>
    [Setting(Kind = TextKind.Expression)] public IReadOnlyList<string> Boilerplate { get; init; } = [];

    /// <summary>Iterations that cost no quality. Null: <c>Quality:FreeIterations</c>, else 10.</summary>
    [Setting(Range = "0..")] public int? FreeIterations { get; init; }
}

/// <summary>A tool whose call ends a task.</summary>
public sealed class TerminalTool
{
    /// <summary>The tool's name.</summary>
    [Setting(Required = "write the tool's name.")] public string Name { get; init; } = "";

    /// <summary>Property of its arguments that holds the status.</summary>
    public string StatusProperty { get; init; } = "status";

    /// <summary>Values that mean success.</summary>
    public IReadOnlyList<string> Completed { get; init; } = ["completed"];

    /// <summary>Values that mean failure.</summary>
    public IReadOnlyList<string> Failed { get; init; } = ["failed"];

    /// <summary>Values that mean that help is needed.</summary>
    public IReadOnlyList<string> NeedsHelp { get; init; } = ["needs_help"];
}
