using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using LlmProxy.Wire.Json;

namespace LlmProxy.Core.Trajectories;

/// <summary>The outcome that a terminal tool stated.</summary>
/// <param name="Status">The status.</param>
/// <param name="Text">Its accompanying text, or empty.</param>
public sealed record StatedOutcome(TrajectoryStatus Status, string Text);

/// <summary>A preset, ready to use: the rules by which one kind of client is understood.</summary>
/// <remarks>Safe for concurrent use. Every pattern has a time limit; one that runs out counts as no match.</remarks>
public sealed class TaskRules
{
    /// <summary>Name of the preset that applies to clients that no other preset recognises.</summary>
    public const string Generic = "generic";

    /// <summary>Clients state their context in the first messages, before what a person wrote.</summary>
    private const int MaxContextMessages = 4;

    private static readonly TimeSpan PatternTimeout = TimeSpan.FromMilliseconds(100);

    private readonly TaskPreset _preset;
    private readonly List<(string Header, Regex Pattern)> _recognizeHeaders;
    private readonly SystemPromptAnswers<bool>? _recognizesSystem;
    private readonly SystemPromptAnswers<bool>? _isSideCall;
    private readonly Regex[] _sideCallTexts;
    private readonly Regex[] _errorResults;
    private readonly Regex[] _guardResults;
    private readonly Regex[] _interventions;
    private readonly Regex[] _clickHits;
    private readonly SystemPromptAnswers<string?>? _projectOfSystem;
    private readonly Regex[] _projectTexts;

    /// <summary>Compiles a preset.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="preset">The preset; its patterns are valid (checked with the configuration).</param>
    /// <param name="boundary">The setting <c>Tasks:Boundary</c>, or null for the preset's own.</param>
    public TaskRules(string name, TaskPreset preset, TaskBoundary? boundary)
    {
        Name = name;
        _preset = preset;
        IsTurnBoundary = (boundary ?? preset.Boundary) == TaskBoundary.Turn;
        _recognizeHeaders = [.. preset.RecognizeHeaders.Select(h => (h.Key, Compile(h.Value)))];
        if (!string.IsNullOrEmpty(preset.RecognizeSystem))
        {
            var pattern = Compile(preset.RecognizeSystem);
            _recognizesSystem = new SystemPromptAnswers<bool>(text => IsMatch(pattern, text));
        }

        if (preset.SideCallSystem.Count > 0)
        {
            var patterns = Compile(preset.SideCallSystem);
            _isSideCall = new SystemPromptAnswers<bool>(text => Any(patterns, text));
        }

        _sideCallTexts = Compile(preset.SideCallLastUser);
        _errorResults = Compile(preset.ErrorResults);
        _guardResults = Compile(preset.GuardResults);
        _interventions = Compile(preset.Interventions);
        _clickHits = Compile(preset.ClickHits);
        _projectTexts = Compile(preset.ProjectUser);
        if (preset.ProjectSystem.Count > 0)
        {
            var patterns = Compile(preset.ProjectSystem);
            _projectOfSystem = new SystemPromptAnswers<string?>(text => ProjectOf(patterns, text));
        }
    }

    /// <summary>The preset's name.</summary>
    public string Name { get; }

    /// <summary>Whether a user message after a finished turn opens a new trajectory.</summary>
    public bool IsTurnBoundary { get; }

    /// <summary>Iterations that cost no quality.</summary>
    public int FreeIterations => _preset.FreeIterations ?? 10;

    /// <summary>Whether every conversation of this client's main loop begins with a call that offers tools, so that one that begins without is a side call.</summary>
    public bool SideCallWithoutTools => _preset.SideCallWithoutTools;

    /// <summary>Patterns that are cut from a task's first user message to get its description.</summary>
    public IReadOnlyList<string> Boilerplate => _preset.Boilerplate;

    /// <summary>Whether <c>auto</c> takes this preset for a client with such headers.</summary>
    public bool RecognizesHeaders(Func<string, string?> header) =>
        _recognizeHeaders.Count > 0 && _recognizeHeaders.TrueForAll(rule => header(rule.Header) is { } value && IsMatch(rule.Pattern, value));

    /// <summary>Whether <c>auto</c> takes this preset for a client with such a system prompt. It is read only where the preset has a rule.</summary>
    public bool RecognizesSystem(SystemPrompt prompt) => _recognizesSystem?.Ask(prompt) ?? false;

    /// <summary>The client's session id, or null.</summary>
    public string? SessionId(Func<string, string?> header) => _preset.SessionHeaders.Select(header).FirstOrDefault(value => value is { Length: > 0 });

    /// <summary>The id of the sub-agent that makes a call; null for the main agent.</summary>
    public string? AgentId(Func<string, string?> header) => Value(header, _preset.AgentHeader);

    /// <summary>The id of the sub-agent that started the one that makes a call; null if the main agent did.</summary>
    public string? ParentAgentId(Func<string, string?> header) => Value(header, _preset.ParentAgentHeader);

    /// <summary>The session of the agent that started the one that makes a call; null if that has the same session.</summary>
    internal string? ParentSessionId(Func<string, string?> header) => Value(header, _preset.ParentSessionHeader);

    /// <summary>Whether the last user message may make a call a side call, so that its text is needed.</summary>
    public bool HasSideCallTexts => _sideCallTexts.Length > 0;

    /// <summary>Whether a call with this last user message is a side call.</summary>
    public bool IsSideCall(string lastUserText) => Any(_sideCallTexts, lastUserText);

    /// <summary>Whether a call with this system prompt is a side call. It is read only where a rule needs it.</summary>
    public bool IsSideCall(SystemPrompt prompt) => _isSideCall?.Ask(prompt) ?? false;

    /// <summary>Whether this kind of client states the project that it works on.</summary>
    public bool StatesProject => _projectOfSystem is not null || _projectTexts.Length > 0;

    /// <summary>The project that a conversation's first call states, or null.</summary>
    public string? FindProject(SystemPrompt prompt, RequestReading reading)
    {
        if (_projectOfSystem?.Ask(prompt) is { } project)
        {
            return project;
        }

        var found = default(string);
        for (var i = 0; found is null && _projectTexts.Length > 0 && i < Math.Min(MaxContextMessages, reading.Messages.Count) && !reading.Messages[i].IsAssistant; i++)
        {
            found = ProjectOf(_projectTexts, reading.ReadMessage(i).Text);
        }

        return found;
    }

    /// <summary>Whether a user message is an intervention.</summary>
    public bool IsIntervention(string text) => Any(_interventions, text);

    /// <summary>Whether a tool result is a failure: by the dialect's own flag or a rule, unless a guard message.</summary>
    public bool IsFailure(ToolResult result) =>
        !Any(_guardResults, result.Content) && (result.IsError == true || Any(_errorResults, result.Content));

    /// <summary>Whether a result is the agent's own guard message, which says nothing of the tool.</summary>
    public bool IsGuard(ToolResult result) => Any(_guardResults, result.Content);

    /// <summary>Whether a tool's calls are clicks whose accuracy is measured.</summary>
    public bool IsClick(string tool) => _preset.ClickTools.Contains(tool, StringComparer.Ordinal);

    /// <summary>Whether a click's result says that it hit.</summary>
    public bool IsHit(ToolResult result) => Any(_clickHits, result.Content);

    /// <summary>The outcome that the calls of a reply state, or null.</summary>
    public StatedOutcome? ReadOutcome(IReadOnlyList<ToolCall> calls) =>
        calls.SelectMany(call => _preset.TerminalTools.Where(tool => tool.Name == call.Name).Select(tool => ReadOutcome(tool, call.Arguments)))
            .FirstOrDefault(outcome => outcome is not null);

    private static StatedOutcome? ReadOutcome(TerminalTool tool, string arguments)
    {
        try
        {
            using var json = JsonDocument.Parse(arguments);
            if (json.RootElement.Text(Encoding.UTF8.GetBytes(tool.StatusProperty)) is not { } value)
            {
                return null;
            }

            TrajectoryStatus? status =
                tool.Completed.Contains(value, StringComparer.OrdinalIgnoreCase) ? TrajectoryStatus.Completed
                : tool.NeedsHelp.Contains(value, StringComparer.OrdinalIgnoreCase) ? TrajectoryStatus.NeedsHelp
                : tool.Failed.Contains(value, StringComparer.OrdinalIgnoreCase) ? TrajectoryStatus.Failed
                : null;
            if (status is null)
            {
                return null;
            }

            var text = json.RootElement.EnumerateObject()
                .FirstOrDefault(p => p.Value.ValueKind == JsonValueKind.String && p.NameText() is "description" or "summary" or "message");
            return new StatedOutcome(status.Value, text.Value.Text() ?? "");
        }
        catch (JsonException)
        {
            // Arguments cut off by a token limit state nothing.
            return null;
        }
    }

    private static string? Value(Func<string, string?> header, string? name) => name is not null && header(name) is { Length: > 0 } value ? value : null;

    private static string? ProjectOf(Regex[] patterns, string text)
    {
        foreach (var pattern in patterns)
        {
            try
            {
                if (pattern.Match(text) is { Success: true } match && ProjectPath.Normalize(match.Groups["project"].Value) is { } project)
                {
                    return project;
                }
            }
            catch (RegexMatchTimeoutException)
            {
                // It counts as no match.
            }
        }

        return null;
    }

    private static Regex[] Compile(IReadOnlyList<string> patterns) => [.. patterns.Select(Compile)];

    private static Regex Compile(string pattern) => new(pattern, RegexOptions.CultureInvariant, PatternTimeout);

    private static bool Any(Regex[] patterns, string text) => Array.Exists(patterns, pattern => IsMatch(pattern, text));

    private static bool IsMatch(Regex pattern, string text)
    {
        try
        {
            return pattern.IsMatch(text);
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
    }
}

/// <summary>All presets, and which one a client gets.</summary>
public sealed class TaskRulesCatalog
{
    private readonly Dictionary<string, TaskRules> _rules;
    private readonly TaskRules? _fixed;
    private readonly TaskRules _generic;

    /// <summary>Compiles the presets of the settings.</summary>
    public TaskRulesCatalog(TaskOptions options)
    {
        _rules = options.Presets.ToDictionary(p => p.Key, p => new TaskRules(p.Key, p.Value, options.Boundary), StringComparer.OrdinalIgnoreCase);
        _generic = _rules.GetValueOrDefault(TaskRules.Generic) ?? new TaskRules(TaskRules.Generic, new TaskPreset(), options.Boundary);
        _fixed = string.Equals(options.Preset, "auto", StringComparison.OrdinalIgnoreCase) ? null : _rules.GetValueOrDefault(options.Preset) ?? _generic;
    }

    /// <summary>The rules of a preset; those of <c>generic</c> if there is none of that name.</summary>
    public TaskRules Get(string name) => _rules.GetValueOrDefault(name) ?? _generic;

    /// <summary>The rules for a client of which only the headers are known.</summary>
    internal TaskRules SelectByHeaders(Func<string, string?> header) => _fixed ?? _rules.Values.FirstOrDefault(rules => rules.RecognizesHeaders(header)) ?? _generic;

    /// <summary>The rules for a client: the preset that is set, else the first that knows its headers, else the first that knows its system prompt, else <c>generic</c>.</summary>
    public TaskRules Select(Func<string, string?> header, SystemPrompt prompt) =>
        _fixed
        ?? _rules.Values.FirstOrDefault(rules => rules.RecognizesHeaders(header))
        ?? _rules.Values.FirstOrDefault(rules => rules.RecognizesSystem(prompt))
        ?? _generic;
}
