namespace LlmProxy.Prompts.Checking.Flow;

/// <summary>Names and output at one point of a rendering.</summary>
internal sealed class FlowState
{
    /// <summary>Names without <c>$</c> that the templates gave a value to.</summary>
    public Dictionary<string, FlowValue> Globals { get; private init; } = new(StringComparer.Ordinal);

    /// <summary>What begins with <c>$</c>, of the page, include or function at hand.</summary>
    public FlowFrame Frame { get; set; } = new(null, isCall: false);

    /// <summary>Where text goes.</summary>
    public FlowOutput Output { get; set; } = new();

    /// <summary>Whether a <c>ret</c> ended this way.</summary>
    public bool IsDone { get; set; }

    public FlowState Clone() => new()
    {
        Globals = new Dictionary<string, FlowValue>(Globals, StringComparer.Ordinal),
        Frame = Frame.Clone(),
        Output = Output.Clone(),
        IsDone = IsDone,
    };

    /// <summary>Goes on behind a branch with the names and the text of either way.</summary>
    public void Join(FlowState other, AgentParts asked, SourceSpan branch)
    {
        Join(Globals, other.Globals);
        Join(Frame.Locals, other.Frame.Locals);
        Output.Join(other.Output, asked, branch);
        IsDone = IsDone && other.IsDone;
    }

    private static void Join(Dictionary<string, FlowValue> into, Dictionary<string, FlowValue> from)
    {
        foreach (var pair in from)
        {
            into[pair.Key] = into.TryGetValue(pair.Key, out var value) ? FlowValue.Either(value, pair.Value) : pair.Value;
        }
    }
}

/// <summary>The names with <c>$</c> of a page, an include or a function.</summary>
/// <param name="arguments">The named arguments of an include; null where arguments are not known.</param>
/// <param name="isCall">Whether it is a function's: its arguments may have any name.</param>
internal sealed class FlowFrame(IReadOnlyDictionary<string, FlowValue>? arguments, bool isCall)
{
    public Dictionary<string, FlowValue> Locals { get; } = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, FlowValue>? Arguments { get; } = arguments;

    public bool IsCall { get; } = isCall;

    /// <summary>The ways that ended with <c>ret</c>.</summary>
    public List<FlowState> Exits { get; private set; } = [];

    public FlowFrame Clone()
    {
        // The ways that ended belong to the page, on whichever branch.
        var copy = new FlowFrame(Arguments, IsCall) { Exits = Exits };
        foreach (var pair in Locals)
        {
            copy.Locals[pair.Key] = pair.Value;
        }

        return copy;
    }
}
