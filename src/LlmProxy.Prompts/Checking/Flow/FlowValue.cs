using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking.Flow;

/// <summary>What is known of a value before it is rendered. Nothing known is <see cref="Unknown"/>.</summary>
internal sealed record FlowValue
{
    public static FlowValue Unknown { get; } = new();

    /// <summary>Nothing is written for it: an assignment.</summary>
    public static FlowValue Nothing { get; } = new();

    /// <summary>Its shape in the prompt model; null for values of the template's own making.</summary>
    public PromptType? Type { get; init; }

    /// <summary>Whether its text comes from a recorded run.</summary>
    public bool IsRecorded { get; init; }

    /// <summary>The parts of the agent's own prompt that its text holds.</summary>
    public AgentParts Agent { get; init; }

    /// <summary>Whether it is another one for every task.</summary>
    public bool IsPerTask { get; init; }

    /// <summary>The text, where it stands in the template.</summary>
    public string? Constant { get; init; }

    /// <summary>The function of the template's own that it is.</summary>
    public ScriptFunction? Function { get; init; }

    /// <summary>The built-in function that it is.</summary>
    public PromptFunction? Builtin { get; init; }

    /// <summary>Whether it is <c>include</c> or <c>include_join</c>.</summary>
    public bool IsInclude => BuiltinName is "include" or "include_join";

    /// <summary>Whether its name alone calls it.</summary>
    public bool IsCallable => Function is not null || Builtin is not null || IsInclude;

    /// <summary>The name of the built-in function, or of the group of functions.</summary>
    public string? BuiltinName { get; init; }

    /// <summary>The group of built-in functions that it is.</summary>
    public IReadOnlyDictionary<string, PromptFunction?>? Group { get; init; }

    /// <summary>Whether it is a list that was cut to some length.</summary>
    public bool IsLimited { get; init; }

    /// <summary>The text as it was put together, with what it holds: of a capture, an include, a concatenation.</summary>
    public FlowOutput? Output { get; init; }

    /// <summary>Whether text of a recorded run is written when the value is.</summary>
    public bool WritesRecorded => IsRecorded || Type?.HoldsRecorded == true;

    /// <summary>A value of the prompt model.</summary>
    public static FlowValue OfMember(PromptMember member, PromptType owner) => new()
    {
        Type = member.Type,
        IsRecorded = member.Origin == PromptOrigin.Recorded,
        IsPerTask = member.Origin == PromptOrigin.Task,
        Agent = !ReferenceEquals(owner, PromptModel.System) ? AgentParts.None
            : member.Name == "head" ? AgentParts.Head
            : member.Name == "tail" ? AgentParts.Tail
            : AgentParts.Head | AgentParts.Tail,
    };

    /// <summary>A text made from others.</summary>
    public static FlowValue MadeFrom(IEnumerable<FlowValue> values)
    {
        var result = Unknown;
        foreach (var value in values)
        {
            if (value.WritesRecorded || value.Agent != AgentParts.None || value.IsPerTask || value.Output is not null)
            {
                result = result with
                {
                    IsRecorded = result.IsRecorded || value.WritesRecorded || value.Output?.Unfenced.Count > 0,
                    Agent = result.Agent | value.Agent | (value.Output?.Agent ?? AgentParts.None),
                    IsPerTask = result.IsPerTask || value.IsPerTask,
                };
            }
        }

        return result;
    }

    /// <summary>One of two values, whichever it will be.</summary>
    public static FlowValue Either(FlowValue a, FlowValue b)
    {
        if (ReferenceEquals(a, b))
        {
            return a;
        }

        return new FlowValue
        {
            Type = ReferenceEquals(a.Type, b.Type) ? a.Type : null,
            IsRecorded = a.WritesRecorded || b.WritesRecorded,
            Agent = a.Agent | b.Agent,
            IsPerTask = a.IsPerTask || b.IsPerTask,
            Constant = a.Constant == b.Constant ? a.Constant : null,
            Function = ReferenceEquals(a.Function, b.Function) ? a.Function : null,
            Builtin = ReferenceEquals(a.Builtin, b.Builtin) ? a.Builtin : null,
            BuiltinName = a.BuiltinName == b.BuiltinName ? a.BuiltinName : null,
            Group = ReferenceEquals(a.Group, b.Group) ? a.Group : null,
            IsLimited = a.IsLimited && b.IsLimited,
            Output = a.Output ?? b.Output,
        };
    }
}

/// <summary>The two parts of the agent's own prompt.</summary>
[Flags]
internal enum AgentParts
{
    None = 0,
    Head = 1,
    Tail = 2,
}
