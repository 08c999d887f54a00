using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking;

/// <summary>Which names a file gives a value to and which it reads, and what it includes.</summary>
internal sealed class NameUse : ScriptVisitor
{
    public static NameUse None { get; } = new();

    /// <summary>Names without <c>$</c>.</summary>
    public NameTable Globals { get; } = new();

    /// <summary>Names with <c>$</c>, given without it.</summary>
    public NameTable Locals { get; } = new();

    /// <summary>The calls of <c>include</c> and <c>include_join</c>, in the order of the text.</summary>
    public List<ScriptFunctionCall> Includes { get; } = [];

    /// <summary>Whether the arguments are read in a way that does not tell their names: <c>$</c> or <c>this</c> as a whole.</summary>
    public bool ReadsAnyArgument { get; private set; }

    public static NameUse Of(ScriptPage? page)
    {
        var use = new NameUse();
        use.Visit(page);
        return use;
    }

    /// <summary>The name of the template that a call includes, if it stands there as a text.</summary>
    public static string? IncludedName(ScriptFunctionCall include) =>
        include.Arguments.Count > 0 && include.Arguments[0] is ScriptLiteral { Value: string name } ? name : null;

    public override void Visit(ScriptVariableGlobal node) => Globals.Read.Add(node.Name);

    public override void Visit(ScriptVariableLocal node)
    {
        ReadsAnyArgument |= node.BaseName.Length == 0;
        Locals.Read.Add(node.BaseName);
    }

    public override void Visit(ScriptMemberExpression node)
    {
        // $.name reads the argument of that name.
        if (node.Target is ScriptVariableLocal { BaseName: "" })
        {
            Locals.Read.Add(node.Member?.Name ?? string.Empty);
            return;
        }

        Visit(node.Target);
    }

    public override void Visit(ScriptIsEmptyExpression node) => Visit(node.Target);

    public override void Visit(ScriptIndexerExpression node)
    {
        // $0, $1 and so on are arguments by position.
        if (!node.IsArgumentShorthand())
        {
            base.Visit(node);
        }
    }

    public override void Visit(ScriptAssignExpression node)
    {
        if (node.Target is ScriptVariable variable)
        {
            Assign(variable, isFunction: node.Value is ScriptAnonymousFunction);
        }
        else
        {
            Visit(node.Target);
        }

        Visit(node.Value);
    }

    public override void Visit(ScriptIncrementDecrementExpression node)
    {
        if (node.Right is ScriptVariable variable)
        {
            Assign(variable, isFunction: false);
        }

        Visit(node.Right);
    }

    public override void Visit(ScriptCaptureStatement node)
    {
        if (node.Target is ScriptVariable variable)
        {
            Assign(variable, isFunction: false);
        }
        else
        {
            Visit(node.Target);
        }

        Visit(node.Body);
    }

    public override void Visit(ScriptForStatement node)
    {
        Bind(node.Variable);
        VisitAfterVariable(node);
    }

    public override void Visit(ScriptTableRowStatement node)
    {
        Bind(node.Variable);
        VisitAfterVariable(node);
    }

    public override void Visit(ScriptFunction node)
    {
        if (node.Name() is { } name)
        {
            Assign(name, isFunction: true);
        }

        foreach (var parameter in node.DeclaredParameters())
        {
            Bind(parameter.Name);
        }

        Visit(node.Body);
    }

    public override void Visit(ScriptFunctionCall node)
    {
        if (node.Target is ScriptVariableGlobal { Name: "include" or "include_join" })
        {
            Includes.Add(node);
        }

        base.Visit(node);
    }

    public override void Visit(ScriptNamedArgument node) => Visit(node.Value);

    public override void Visit(ScriptObjectMember node) => Visit(node.Value);

    private void VisitAfterVariable(ScriptForStatement node)
    {
        foreach (var child in node.Children.Where(child => !ReferenceEquals(child, node.Variable)))
        {
            Visit(child);
        }
    }

    private void Assign(ScriptVariable variable, bool isFunction)
    {
        var table = variable is ScriptVariableLocal ? Locals : Globals;
        if (!table.Assigned.ContainsKey(variable.BaseName))
        {
            table.Assigned.Add(variable.BaseName, (variable.Span, isFunction));
        }
    }

    /// <summary>Loop variables and parameters: known, and no fault if they are not read.</summary>
    private void Bind(ScriptExpression? variable)
    {
        if (variable is ScriptVariable named)
        {
            (named is ScriptVariableLocal ? Locals : Globals).Bound.Add(named.BaseName);
        }
        else
        {
            Visit(variable);
        }
    }
}

/// <summary>Names of one kind in a file.</summary>
internal sealed class NameTable
{
    /// <summary>The names that are assigned, each with the first place and whether it is a function.</summary>
    public Dictionary<string, (Scriban.Parsing.SourceSpan Span, bool IsFunction)> Assigned { get; } = new(StringComparer.Ordinal);

    /// <summary>Loop variables and parameters.</summary>
    public HashSet<string> Bound { get; } = new(StringComparer.Ordinal);

    /// <summary>The names that are read.</summary>
    public HashSet<string> Read { get; } = new(StringComparer.Ordinal);

    public bool Knows(string name) => Assigned.ContainsKey(name) || Bound.Contains(name);
}
