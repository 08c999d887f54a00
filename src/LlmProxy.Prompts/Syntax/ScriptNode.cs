using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>A node of a parsed template.</summary>
public abstract class ScriptNode
{
    /// <summary>The characters that this node stands on.</summary>
    public SourceSpan Span { get; internal set; }

    /// <summary>The node that holds this one; null for the page.</summary>
    public ScriptNode? Parent { get; internal set; }

    /// <summary>The nodes directly below, in the order of the text.</summary>
    public virtual IEnumerable<ScriptNode> Children => [];

    /// <summary>Calls the visitor's method for this kind of node.</summary>
    public abstract void Accept(ScriptVisitor visitor);

    /// <summary>The code of this node, written anew: white space of the template is not kept.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Print(text);
        return text.ToString();
    }

    internal abstract void Print(StringBuilder text);

    internal abstract object? Evaluate(TemplateContext context);
}

/// <summary>A node that has a value.</summary>
public abstract class ScriptExpression : ScriptNode
{
    /// <summary>What this kind of node is called in messages.</summary>
    internal virtual string KindName => "expression";

    /// <summary>The value, where a function is a value and is not called.</summary>
    internal virtual object? EvaluateWithoutCall(TemplateContext context) => Evaluate(context);

    internal virtual void Assign(TemplateContext context, object? value) =>
        throw new ScriptRuntimeException(Span, "Unsupported target expression for assignment.");
}

/// <summary>A node that does something.</summary>
public abstract class ScriptStatement : ScriptNode;

/// <summary>A whole template.</summary>
public sealed class ScriptPage : ScriptStatement
{
    /// <summary>The code between the <c>+++</c> lines; it is parsed, and not run.</summary>
    public ScriptBlockStatement? FrontMatter { get; internal set; }

    /// <summary>The text and code.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => FrontMatter is null ? [Body] : [FrontMatter, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => Body.Print(text);

    internal override object? Evaluate(TemplateContext context)
    {
        Body.Evaluate(context);
        return context.TakeReturnValue();
    }
}

/// <summary>Statements in order.</summary>
public sealed class ScriptBlockStatement : ScriptStatement
{
    private ScriptStatement[]? _fast;

    /// <summary>The statements.</summary>
    public List<ScriptStatement> Statements { get; } = [];

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => Statements;

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        var inCode = true;
        foreach (var statement in Statements)
        {
            if (statement is ScriptEscapeStatement escape)
            {
                inCode = escape.IsEntering;
            }
            else if (inCode && text.Length > 0 && text[text.Length - 1] is not ('{' or ';' or '}'))
            {
                text.Append(';');
            }

            statement.Print(text);
        }
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var statements = _fast ??= Statements.ToArray();
        var indent = context.Indent;
        foreach (var statement in statements)
        {
            if (statement is ScriptEscapeStatement escape)
            {
                if (context.AutoIndent)
                {
                    context.Indent = escape.IsEntering ? escape.Indent : indent;
                }

                continue;
            }

            context.Step(statement);
            statement.Evaluate(context);
            if (context.Flow != Flow.Next)
            {
                break;
            }
        }

        context.Indent = indent;
        return null;
    }
}

/// <summary>Text that is written as it stands.</summary>
public sealed class ScriptRawStatement : ScriptStatement
{
    /// <summary>The text.</summary>
    public string Text { get; internal set; } = string.Empty;

    /// <summary>Whether the text stands in an escape block.</summary>
    public bool IsEscaped { get; internal set; }

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append(Text);

    internal override object? Evaluate(TemplateContext context)
    {
        context.WriteText(Text);
        return null;
    }
}

/// <summary>One of the marks between text and code.</summary>
public sealed class ScriptEscapeStatement : ScriptStatement
{
    /// <summary>Whether code (or an escape block) begins here; otherwise it ends here.</summary>
    public bool IsEntering { get; internal set; }

    /// <summary>The white space before an opening mark that stands first on its line.</summary>
    public string? Indent { get; internal set; }

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text) => text.Append(IsEntering ? "{{" : "}}");

    internal override object? Evaluate(TemplateContext context) => null;
}
