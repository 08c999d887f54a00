using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>The operators with two operands.</summary>
public enum ScriptBinaryOperator
{
    /// <summary><c>??</c></summary>
    EmptyCoalescing,
    /// <summary><c>?!</c></summary>
    NotEmptyCoalescing,
    /// <summary><c>||</c></summary>
    Or,
    /// <summary><c>&amp;&amp;</c></summary>
    And,
    /// <summary><c>==</c></summary>
    CompareEqual,
    /// <summary><c>!=</c></summary>
    CompareNotEqual,
    /// <summary><c>&lt;</c></summary>
    CompareLess,
    /// <summary><c>&lt;=</c></summary>
    CompareLessOrEqual,
    /// <summary><c>&gt;</c></summary>
    CompareGreater,
    /// <summary><c>&gt;=</c></summary>
    CompareGreaterOrEqual,
    /// <summary><c>+</c></summary>
    Add,
    /// <summary><c>-</c></summary>
    Subtract,
    /// <summary><c>*</c></summary>
    Multiply,
    /// <summary><c>/</c></summary>
    Divide,
    /// <summary><c>//</c></summary>
    DivideRound,
    /// <summary><c>%</c></summary>
    Modulus,
    /// <summary><c>&lt;&lt;</c></summary>
    ShiftLeft,
    /// <summary><c>&gt;&gt;</c></summary>
    ShiftRight,
    /// <summary><c>..</c></summary>
    RangeInclude,
    /// <summary><c>..&lt;</c></summary>
    RangeExclude,
}

/// <summary>An operator between two operands.</summary>
public sealed class ScriptBinaryExpression : ScriptExpression
{
    /// <summary>The left operand.</summary>
    public ScriptExpression Left { get; internal set; } = null!;

    /// <summary>The operator.</summary>
    public ScriptBinaryOperator Operator { get; internal set; }

    /// <summary>Where the operator stands.</summary>
    public SourceSpan OperatorSpan { get; internal set; }

    /// <summary>The right operand.</summary>
    public ScriptExpression Right { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Left, Right];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Left.Print(text);

        // Without the blanks "a-b" could be taken for a name.
        text.Append(Operator == ScriptBinaryOperator.Subtract ? " - " : Operators.Text(Operator));
        Right.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        var left = Left.Evaluate(context);
        switch (Operator)
        {
            case ScriptBinaryOperator.And:
                return Values.Box(Values.IsTrue(left) && Values.IsTrue(Right.Evaluate(context)));
            case ScriptBinaryOperator.Or:
                return Values.Box(Values.IsTrue(left) || Values.IsTrue(Right.Evaluate(context)));
            default:
                return Operators.Binary(context, Operator, left, Right.Evaluate(context), Left.Span, OperatorSpan, Right.Span);
        }
    }
}

/// <summary>The operators with one operand.</summary>
public enum ScriptUnaryOperator
{
    /// <summary><c>!</c></summary>
    Not,
    /// <summary><c>-</c></summary>
    Negate,
    /// <summary><c>+</c></summary>
    Plus,
    /// <summary><c>@</c>: the function itself.</summary>
    FunctionAlias,
    /// <summary><c>^</c>: spreads a list over the arguments.</summary>
    FunctionParametersExpand,
}

/// <summary>An operator before its operand.</summary>
public sealed class ScriptUnaryExpression : ScriptExpression
{
    /// <summary>The operator.</summary>
    public ScriptUnaryOperator Operator { get; internal set; }

    /// <summary>The operand.</summary>
    public ScriptExpression Right { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Right];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append(Operator switch
        {
            ScriptUnaryOperator.Not => '!',
            ScriptUnaryOperator.Negate => '-',
            ScriptUnaryOperator.Plus => '+',
            ScriptUnaryOperator.FunctionAlias => '@',
            _ => '^',
        });
        Right.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        return Operator switch
        {
            ScriptUnaryOperator.FunctionAlias => Right.EvaluateWithoutCall(context),
            ScriptUnaryOperator.FunctionParametersExpand => Right.Evaluate(context),
            ScriptUnaryOperator.Not => Values.Box(!Values.IsTrue(Right.Evaluate(context))),
            _ => Operators.Sign(Operator == ScriptUnaryOperator.Negate, Right.Evaluate(context), Right.Span),
        };
    }
}

/// <summary><c>x++</c>, <c>++x</c>, <c>x--</c>, <c>--x</c></summary>
public sealed class ScriptIncrementDecrementExpression : ScriptExpression
{
    /// <summary>What is changed.</summary>
    public ScriptExpression Right { get; internal set; } = null!;

    /// <summary>Whether it is <c>--</c>.</summary>
    public bool IsDecrement { get; internal set; }

    /// <summary>Whether the operator stands after its operand, so that the value is the one before the change.</summary>
    public bool IsPost { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Right];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        var sign = IsDecrement ? "--" : "++";
        text.Append(IsPost ? string.Empty : sign);
        Right.Print(text);
        text.Append(IsPost ? sign : string.Empty);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var before = Operators.Sign(negate: false, Right.Evaluate(context), Right.Span, forIncrement: true);
        var after = Operators.Binary(
            context,
            IsDecrement ? ScriptBinaryOperator.Subtract : ScriptBinaryOperator.Add,
            before,
            Values.Box(1),
            Right.Span,
            Right.Span,
            Right.Span);
        Right.Assign(context, after);
        return IsPost ? before : after;
    }
}

/// <summary><c>condition ? a : b</c></summary>
public sealed class ScriptConditionalExpression : ScriptExpression
{
    /// <summary>What decides.</summary>
    public ScriptExpression Condition { get; internal set; } = null!;

    /// <summary>The value if it is true.</summary>
    public ScriptExpression ThenValue { get; internal set; } = null!;

    /// <summary>The value if it is not.</summary>
    public ScriptExpression ElseValue { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Condition, ThenValue, ElseValue];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Condition.Print(text);
        text.Append('?');
        ThenValue.Print(text);
        text.Append(':');
        ElseValue.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        return Values.IsTrue(Condition.Evaluate(context)) ? ThenValue.Evaluate(context) : ElseValue.Evaluate(context);
    }
}

/// <summary>An expression in parentheses.</summary>
public sealed class ScriptNestedExpression : ScriptExpression
{
    /// <summary>What stands between them.</summary>
    public ScriptExpression Expression { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Expression];

    internal override string KindName => "nested expression";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append('(');
        Expression.Print(text);
        text.Append(')');
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        var value = Expression.Evaluate(context);
        return Expression is ScriptAnonymousFunction anonymous
            ? FunctionCaller.CallPath(context, this, anonymous.Function)
            : value;
    }

    internal override object? EvaluateWithoutCall(TemplateContext context) => Expression.EvaluateWithoutCall(context);

    internal override void Assign(TemplateContext context, object? value) => Expression.Assign(context, value);
}

/// <summary><c>target = value</c>, also with an operator: <c>target += value</c>.</summary>
public sealed class ScriptAssignExpression : ScriptExpression
{
    /// <summary>What is written to.</summary>
    public ScriptExpression Target { get; internal set; } = null!;

    /// <summary>The operator of a compound assignment.</summary>
    public ScriptBinaryOperator? Operator { get; internal set; }

    /// <summary>What is written.</summary>
    public ScriptExpression Value { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Target, Value];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        Target.Print(text);
        text.Append(Operator is { } op ? Operators.Text(op) + "=" : "=");
        Value.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        object? value;
        if (Operator is { } op)
        {
            var before = Target.Evaluate(context);
            value = Operators.Binary(context, op, before, Value.Evaluate(context), Span, Span, Span);
        }
        else
        {
            value = Value.Evaluate(context);
        }

        Target.Assign(context, value);
        return null;
    }
}
