using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary><c>f a b</c> or <c>f(a, b)</c></summary>
public sealed class ScriptFunctionCall : ScriptExpression
{
    /// <summary>What is called.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>The arguments; a named one is a <see cref="ScriptNamedArgument"/>.</summary>
    public List<ScriptExpression> Arguments { get; } = [];

    /// <summary>Whether the arguments stand in parentheses.</summary>
    public bool ExplicitCall { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, .. Arguments];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Target.Print(text);
        text.Append(ExplicitCall ? "(" : string.Empty);
        for (var i = 0; i < Arguments.Count; i++)
        {
            text.Append(!ExplicitCall ? " " : i == 0 ? string.Empty : ",");
            Arguments[i].Print(text);
        }

        text.Append(ExplicitCall ? ")" : string.Empty);
    }

    internal override object? Evaluate(TemplateContext context) => FunctionCaller.Call(context, this, null);
}

/// <summary><c>name: value</c> among the arguments.</summary>
public sealed class ScriptNamedArgument : ScriptExpression
{
    /// <summary>The name.</summary>
    public ScriptVariable Name { get; internal set; } = null!;

    /// <summary>The value; null only for a flag of a loop, such as <c>reversed</c>.</summary>
    public ScriptExpression? Value { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Value is null ? [Name] : [Name, Value];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Name.Print(text);
        if (Value is not null)
        {
            text.Append(':');
            Value.Print(text);
        }
    }

    internal override object? Evaluate(TemplateContext context) => Value?.Evaluate(context);
}

/// <summary><c>value | function arguments</c></summary>
public sealed class ScriptPipeCall : ScriptExpression
{
    /// <summary>The first argument.</summary>
    public ScriptExpression From { get; internal set; } = null!;

    /// <summary>The call that receives it.</summary>
    public ScriptExpression To { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [From, To];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        From.Print(text);
        text.Append('|');
        To.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        return FunctionCaller.Pipe(context, this);
    }
}

/// <summary><c>do … end</c> as a value.</summary>
public sealed class ScriptAnonymousFunction : ScriptExpression
{
    /// <summary>The function.</summary>
    public ScriptFunction Function { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Function];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => Function.Print(text);

    internal override object? Evaluate(TemplateContext context) => Function;
}

/// <summary>A function written in the template. It is its own value at run time.</summary>
public sealed class ScriptFunction : ScriptStatement, IScriptFunction
{
    /// <summary>The name; null for <c>do</c>.</summary>
    public ScriptVariable? Name { get; internal set; }

    /// <summary>The declared parameters; null for a function that takes what it is given in <c>$</c>.</summary>
    public List<ScriptParameter>? Parameters { get; internal set; }

    /// <summary>What is run; an expression statement for <c>f(a) = expression</c>.</summary>
    public ScriptStatement Body { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children
    {
        get
        {
            if (Name is not null)
            {
                yield return Name;
            }

            foreach (var parameter in Parameters ?? [])
            {
                yield return parameter;
            }

            yield return Body;
        }
    }

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append(Name is null ? "do" : "func ");
        Name?.Print(text);
        if (Parameters is not null)
        {
            text.Append('(');
            for (var i = 0; i < Parameters.Count; i++)
            {
                text.Append(i == 0 ? string.Empty : ",");
                Parameters[i].Print(text);
            }

            text.Append(')');
        }

        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        Name!.Assign(context, this);
        return null;
    }
}

/// <summary>A parameter of a function.</summary>
public sealed class ScriptParameter : ScriptNode
{
    /// <summary>The name.</summary>
    public ScriptVariable Name { get; internal set; } = null!;

    /// <summary>The value if no argument is given.</summary>
    public ScriptLiteral? DefaultValue { get; internal set; }

    /// <summary>Whether it takes all further arguments (<c>name...</c>).</summary>
    public bool IsVariadic { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => DefaultValue is null ? [Name] : [Name, DefaultValue];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Name.Print(text);
        text.Append(IsVariadic ? "..." : string.Empty);
        if (DefaultValue is not null)
        {
            text.Append('=');
            DefaultValue.Print(text);
        }
    }

    internal override object? Evaluate(TemplateContext context) => null;
}
