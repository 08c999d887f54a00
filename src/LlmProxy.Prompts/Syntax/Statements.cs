using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>An expression whose value is written.</summary>
public sealed class ScriptExpressionStatement : ScriptStatement
{
    /// <summary>The expression.</summary>
    public ScriptExpression Expression { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Expression];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => Expression.Print(text);

    internal override object? Evaluate(TemplateContext context)
    {
        if (Expression.Evaluate(context) is { } value)
        {
            context.WriteValue(value);
        }

        return null;
    }
}

/// <summary><c>end</c></summary>
public sealed class ScriptEndStatement : ScriptStatement
{
    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append("end");

    internal override object? Evaluate(TemplateContext context) => null;
}

/// <summary>What an <c>if</c>, a loop or a <c>case</c> may go on with.</summary>
public abstract class ScriptConditionStatement : ScriptStatement;

/// <summary><c>if condition … end</c></summary>
public sealed class ScriptIfStatement : ScriptConditionStatement
{
    /// <summary>What decides.</summary>
    public ScriptExpression Condition { get; internal set; } = null!;

    /// <summary>What is run if it is true.</summary>
    public ScriptBlockStatement Then { get; internal set; } = new();

    /// <summary>The <c>else</c> or <c>else if</c>.</summary>
    public ScriptConditionStatement? Else { get; internal set; }

    /// <summary>Whether this is the <c>if</c> of an <c>else if</c>.</summary>
    public bool IsElseIf { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Else is null ? [Condition, Then] : [Condition, Then, Else];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append(IsElseIf ? "else if " : "if ");
        Condition.Print(text);
        Then.Print(text);
        Else?.Print(text);
    }

    internal override object? Evaluate(TemplateContext context) =>
        Values.IsTrue(Condition.Evaluate(context)) ? Then.Evaluate(context) : Else?.Evaluate(context);
}

/// <summary><c>else</c></summary>
public sealed class ScriptElseStatement : ScriptConditionStatement
{
    /// <summary>What is run.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("else");
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context) => Body.Evaluate(context);
}

/// <summary><c>case value … end</c></summary>
public sealed class ScriptCaseStatement : ScriptConditionStatement
{
    /// <summary>What is compared.</summary>
    public ScriptExpression Value { get; internal set; } = null!;

    /// <summary>What stands before the first <c>when</c>, and that <c>when</c>.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Value, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("case ");
        Value.Print(text);
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var value = Value.Evaluate(context);
        foreach (var statement in Body.Statements)
        {
            if (statement is ScriptWhenStatement when)
            {
                when.Evaluate(context, value);
                return null;
            }

            // Text before the first "when" is layout; code there is run.
            if (statement is not (ScriptRawStatement or ScriptEscapeStatement))
            {
                statement.Evaluate(context);
                if (context.Flow != Flow.Next)
                {
                    return null;
                }
            }
        }

        return null;
    }
}

/// <summary><c>when a, b</c></summary>
public sealed class ScriptWhenStatement : ScriptConditionStatement
{
    /// <summary>The values that lead into the body.</summary>
    public List<ScriptExpression> Values { get; } = [];

    /// <summary>What is run.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <summary>The next <c>when</c> or the <c>else</c>.</summary>
    public ScriptConditionStatement? Next { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Next is null ? [.. Values, Body] : [.. Values, Body, Next];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("when ");
        for (var i = 0; i < Values.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : ",");
            Values[i].Print(text);
        }

        Body.Print(text);
        Next?.Print(text);
    }

    internal override object? Evaluate(TemplateContext context) => null;

    internal void Evaluate(TemplateContext context, object? value)
    {
        for (ScriptConditionStatement? branch = this; branch is not null;)
        {
            if (branch is not ScriptWhenStatement when)
            {
                branch.Evaluate(context);
                return;
            }

            foreach (var candidate in when.Values)
            {
                var span = candidate.Span;
                var isEqual = Operators.Binary(
                    context, ScriptBinaryOperator.CompareEqual, value, candidate.Evaluate(context), span, span, span);
                if (Runtime.Values.IsTrue(isEqual))
                {
                    when.Body.Evaluate(context);
                    return;
                }
            }

            branch = when.Next;
        }
    }
}

/// <summary><c>break</c></summary>
public sealed class ScriptBreakStatement : ScriptStatement
{
    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append("break");

    internal override object? Evaluate(TemplateContext context)
    {
        context.LeaveStep(this, Flow.Break, "break");
        return null;
    }
}

/// <summary><c>continue</c></summary>
public sealed class ScriptContinueStatement : ScriptStatement
{
    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append("continue");

    internal override object? Evaluate(TemplateContext context)
    {
        context.LeaveStep(this, Flow.Continue, "continue");
        return null;
    }
}

/// <summary><c>ret value</c></summary>
public sealed class ScriptReturnStatement : ScriptStatement
{
    /// <summary>The value, if there is one.</summary>
    public ScriptExpression? Expression { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Expression is null ? [] : [Expression];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("ret ");
        Expression?.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.Return(Expression?.Evaluate(context));
        return null;
    }
}

/// <summary><c>capture target … end</c></summary>
public sealed class ScriptCaptureStatement : ScriptStatement
{
    /// <summary>Where the text goes.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>What writes the text.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("capture ");
        Target.Print(text);
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var outer = context.PushOutput();
        string captured;
        try
        {
            Body.Evaluate(context);
        }
        finally
        {
            captured = context.PopOutput(outer);
        }

        Target.Assign(context, captured);
        return null;
    }
}

/// <summary><c>with object … end</c></summary>
public sealed class ScriptWithStatement : ScriptStatement
{
    /// <summary>The object whose members are seen as names.</summary>
    public ScriptExpression Name { get; internal set; } = null!;

    /// <summary>What is run.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Name, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("with ");
        Name.Print(text);
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var target = Name.Evaluate(context);
        var scope = Values.AsObject(target)
            ?? throw new ScriptRuntimeException(
                Name.Span,
                $"Invalid target property `{Name}` used for [with] statement. Must be a ScriptObject instead of `{Values.ShortTypeName(target)}`");
        var frame = context.EnterWith(scope);
        try
        {
            Body.Evaluate(context);
        }
        finally
        {
            context.LeaveWith(frame);
        }

        return null;
    }
}

/// <summary><c>wrap function arguments … end</c></summary>
public sealed class ScriptWrapStatement : ScriptStatement
{
    /// <summary>The function or the call.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>What <c>$$</c> runs in the function.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("wrap ");
        Target.Print(text);
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var call = Target as ScriptFunctionCall;
        var target = call?.Target ?? Target;
        var value = target is ScriptNestedExpression ? null : target.EvaluateWithoutCall(context);
        if (value is not IScriptFunction function)
        {
            throw value is null && call is not null
                ? new ScriptRuntimeException(target.Span, $"The function `{target}` was not found")
                : new ScriptRuntimeException(
                    target.Span, $"Expecting a direct function instead of the expression `{target}/{target.KindName}`");
        }

        if (FunctionCaller.Invoke(context, (ScriptNode?)call ?? target, function, call?.Arguments, null, Body) is { } result)
        {
            context.WriteValue(result);
        }

        return null;
    }
}

/// <summary><c>import object</c></summary>
public sealed class ScriptImportStatement : ScriptStatement
{
    /// <summary>The object whose members become names.</summary>
    public ScriptExpression Expression { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Expression];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("import ");
        Expression.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        if (Expression.Evaluate(context) is not { } value)
        {
            return null;
        }

        var members = Values.AsObject(value)
            ?? throw new ScriptRuntimeException(
                Expression.Span,
                $"Unexpected value `{Values.TypeName(value)}` for import. Expecting an plain script object.");
        foreach (var member in members)
        {
            context.TrySetGlobal(member.Key, member.Value);
        }

        return null;
    }
}

/// <summary><c>readonly name</c></summary>
public sealed class ScriptReadOnlyStatement : ScriptStatement
{
    /// <summary>The name that can no longer be written.</summary>
    public ScriptVariable Variable { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Variable];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("readonly ");
        Variable.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.MakeReadOnly(Variable);
        return null;
    }
}
