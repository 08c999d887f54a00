using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>A name, global or local.</summary>
public abstract class ScriptVariable : ScriptExpression
{
    /// <summary>The name without <c>$</c>.</summary>
    public string Name { get; internal set; } = string.Empty;

    internal override string KindName => "variable";

    internal override object? Evaluate(TemplateContext context)
    {
        var value = EvaluateWithoutCall(context);
        return value is IScriptFunction function ? FunctionCaller.CallPath(context, this, function) : value;
    }
}

/// <summary>A variable of the model, a loop, a parameter or a built-in name.</summary>
public sealed class ScriptVariableGlobal : ScriptVariable
{
    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append(Name);

    internal override object? EvaluateWithoutCall(TemplateContext context)
    {
        if (context.TryGetGlobal(Name, out var value))
        {
            return value;
        }

        return context.StrictVariables
            ? throw new ScriptRuntimeException(Span, $"The variable or function `{Name}` was not found")
            : null;
    }

    internal override void Assign(TemplateContext context, object? value)
    {
        if (!context.TrySetGlobal(Name, value))
        {
            throw new ScriptRuntimeException(Span, $"Cannot set the readonly variable `{Name}`");
        }
    }
}

/// <summary>A variable that starts with <c>$</c>. The bare <c>$</c> (an empty name) holds the arguments.</summary>
public sealed class ScriptVariableLocal : ScriptVariable
{
    /// <summary>Whether this is <c>$$</c>, the block that was given to <c>wrap</c>.</summary>
    public bool IsBlockDelegate { get; internal set; }

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append(IsBlockDelegate ? "$$" : "$" + Name);

    internal override object? EvaluateWithoutCall(TemplateContext context)
    {
        if (IsBlockDelegate)
        {
            context.RunBlockDelegate();
            return null;
        }

        if (context.TryGetLocal(Name, out var value))
        {
            return value;
        }

        return context.StrictVariables
            ? throw new ScriptRuntimeException(Span, $"The variable or function `${Name}` was not found")
            : null;
    }

    internal override void Assign(TemplateContext context, object? value)
    {
        if (!context.TrySetLocal(Name, value))
        {
            throw new ScriptRuntimeException(Span, $"Cannot set the readonly variable `${Name}`");
        }
    }
}

/// <summary><c>this</c>: the object that unqualified names are written to.</summary>
public sealed class ScriptThisExpression : ScriptExpression
{
    internal override string KindName => "this";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append("this");

    internal override object? Evaluate(TemplateContext context) => context.CurrentGlobal;

    internal override void Assign(TemplateContext context, object? value) =>
        throw new ScriptRuntimeException(Span, "Cannot set this variable");
}

/// <summary>A name after a dot: <c>target.member</c> or <c>target?.member</c>.</summary>
public sealed class ScriptMemberExpression : ScriptExpression
{
    /// <summary>What the member is looked up on.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>The member's name.</summary>
    public ScriptVariable Member { get; internal set; } = null!;

    /// <summary>Whether the dot is <c>?.</c>, which gives null for null.</summary>
    public bool IsNullConditional { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, Member];

    internal override string KindName => "member";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Target.Print(text);
        text.Append(IsNullConditional ? "?." : ".");
        Member.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var value = EvaluateWithoutCall(context);
        return value is IScriptFunction function ? FunctionCaller.CallPath(context, this, function) : value;
    }

    internal override object? EvaluateWithoutCall(TemplateContext context) => Get(context, out _);

    private object? Get(TemplateContext context, out bool stopped)
    {
        stopped = false;
        object? target;
        if (Target is ScriptMemberExpression inner)
        {
            target = inner.Get(context, out stopped);
            if (target is IScriptFunction function)
            {
                target = FunctionCaller.CallPath(context, inner, function);
            }
        }
        else
        {
            target = Target.Evaluate(context);
        }

        if (target is null)
        {
            if (stopped || IsNullConditional || context.EnableRelaxedTargetAccess)
            {
                stopped = true;
                return null;
            }

            throw new ScriptRuntimeException(Member.Span, $"Cannot get the member {this} for a null object.");
        }

        if (Members.TryGet(context, target, Member.Name, out var value) || context.EnableRelaxedMemberAccess)
        {
            return value;
        }

        throw new ScriptRuntimeException(Member.Span, $"Cannot get member with name {Member.Name}.");
    }

    internal override void Assign(TemplateContext context, object? value)
    {
        var target = Target.Evaluate(context)
            ?? throw new ScriptRuntimeException(Member.Span, $"Object `{Target}` is null. Cannot access member: {this}");
        if (!Members.TrySet(context, target, Member.Name, value))
        {
            throw new ScriptRuntimeException(Member.Span, $"Cannot set a value for the readonly member: {this}");
        }
    }
}

/// <summary>An element: <c>target[index]</c>. <c>$0</c> is one too.</summary>
public sealed class ScriptIndexerExpression : ScriptExpression
{
    /// <summary>What is indexed.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>Which element.</summary>
    public ScriptExpression Index { get; internal set; } = null!;

    internal bool IsArgumentShorthand { get; set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, Index];

    internal override string KindName => "indexer";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Target.Print(text);
        if (IsArgumentShorthand)
        {
            Index.Print(text);
            return;
        }

        text.Append('[');
        Index.Print(text);
        text.Append(']');
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var value = EvaluateWithoutCall(context);
        return value is IScriptFunction function ? FunctionCaller.CallPath(context, this, function) : value;
    }

    internal override object? EvaluateWithoutCall(TemplateContext context)
    {
        var target = Target.Evaluate(context);
        if (target is null)
        {
            return context.EnableRelaxedTargetAccess
                ? null
                : throw new ScriptRuntimeException(Target.Span, $"Object `{Target}` is null. Cannot access indexer: {this}");
        }

        return Indexers.Get(context, this, target, Index.Evaluate(context));
    }

    internal override void Assign(TemplateContext context, object? value)
    {
        var target = Target.Evaluate(context)
            ?? throw new ScriptRuntimeException(Target.Span, $"Object `{Target}` is null. Cannot access indexer: {this}");
        Indexers.Set(context, this, target, Index.Evaluate(context), value);
    }
}

/// <summary><c>target.empty?</c></summary>
public sealed class ScriptIsEmptyExpression : ScriptExpression
{
    /// <summary>What is asked about.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Target.Print(text);
        text.Append(".empty?");
    }

    internal override object? Evaluate(TemplateContext context) =>
        Values.Box(Values.IsEmpty(Target.Evaluate(context)));
}
