using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>A number, a string, <c>true</c>, <c>false</c> or <c>null</c>.</summary>
public sealed class ScriptLiteral : ScriptExpression
{
    /// <summary>The value.</summary>
    public object? Value { get; internal set; }

    internal string Code { get; set; } = string.Empty;

    internal override string KindName => "literal";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append(Code);

    internal override object? Evaluate(TemplateContext context) => Value;
}

/// <summary>A string with holes: <c>$"…{expression}…"</c>.</summary>
public sealed class ScriptInterpolatedStringExpression : ScriptExpression
{
    /// <summary>Literals and holes in order.</summary>
    public List<ScriptExpression> Parts { get; } = [];

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Parts;

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        foreach (var part in Parts)
        {
            part.Print(text);
        }
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var text = new StringBuilder();
        foreach (var part in Parts)
        {
            text.Append(part is ScriptLiteral literal
                ? (string?)literal.Value
                : Values.ToInterpolatedText(context, part.Evaluate(context)));
            context.CheckStringLength(this, text.Length);
        }

        return text.ToString();
    }
}

/// <summary>A hole of an interpolated string.</summary>
public sealed class ScriptInterpolatedExpression : ScriptExpression
{
    /// <summary>What is written there.</summary>
    public ScriptExpression Expression { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Expression];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => Expression.Print(text);

    internal override object? Evaluate(TemplateContext context) => Expression.Evaluate(context);
}

/// <summary><c>[1, 2, 3]</c></summary>
public sealed class ScriptArrayInitializerExpression : ScriptExpression
{
    /// <summary>The elements.</summary>
    public List<ScriptExpression> Values { get; } = [];

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Values;

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append('[');
        for (var i = 0; i < Values.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : ",");
            Values[i].Print(text);
        }

        text.Append(']');
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        var array = new ScriptArray(Values.Count);
        foreach (var value in Values)
        {
            array.Add(value.Evaluate(context));
        }

        return array;
    }
}

/// <summary><c>{name: value}</c></summary>
public sealed class ScriptObjectInitializerExpression : ScriptExpression
{
    /// <summary>The members.</summary>
    public List<ScriptObjectMember> Members { get; } = [];

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Members;

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append('{');
        for (var i = 0; i < Members.Count; i++)
        {
            text.Append(i == 0 ? string.Empty : ",");
            Members[i].Print(text);
        }

        text.Append('}');
    }

    internal override object? Evaluate(TemplateContext context)
    {
        context.CheckStack(this);
        var result = new ScriptObject();
        foreach (var member in Members)
        {
            result[member.Name] = member.Value.Evaluate(context);
        }

        return result;
    }
}

/// <summary>A member of an object initialiser.</summary>
public sealed class ScriptObjectMember : ScriptExpression
{
    /// <summary>The name.</summary>
    public string Name { get; internal set; } = string.Empty;

    /// <summary>The value.</summary>
    public ScriptExpression Value { get; internal set; } = null!;

    internal string NameCode { get; set; } = string.Empty;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Value];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append(NameCode).Append(':');
        Value.Print(text);
    }

    internal override object? Evaluate(TemplateContext context) => Value.Evaluate(context);
}
