using System.Text;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Syntax;

/// <summary>A <c>for</c>, <c>tablerow</c> or <c>while</c>.</summary>
public abstract class ScriptLoopStatementBase : ScriptStatement
{
    /// <summary>What is repeated.</summary>
    public ScriptBlockStatement Body { get; internal set; } = new();
}

/// <summary><c>for variable in list … end</c></summary>
public class ScriptForStatement : ScriptLoopStatementBase
{
    /// <summary>What each element is written to.</summary>
    public ScriptExpression Variable { get; internal set; } = null!;

    /// <summary>The list.</summary>
    public ScriptExpression Iterator { get; internal set; } = null!;

    /// <summary><c>offset</c>, <c>limit</c>, <c>reversed</c> and, for a table row, <c>cols</c>.</summary>
    public List<ScriptNamedArgument> NamedArguments { get; } = [];

    /// <summary>What is run instead if the list is empty.</summary>
    public ScriptElseStatement? Else { get; internal set; }

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children =>
        Else is null ? [Variable, Iterator, .. NamedArguments, Body] : [Variable, Iterator, .. NamedArguments, Body, Else];

    internal virtual string Keyword => "for";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append(Keyword).Append(' ');
        Variable.Print(text);
        text.Append(" in ");
        Iterator.Print(text);
        foreach (var argument in NamedArguments)
        {
            text.Append(' ');
            argument.Print(text);
        }

        Body.Print(text);
        Else?.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var value = Iterator.Evaluate(context);
        if (value is null)
        {
            return null;
        }

        var list = Values.AsSequence(context, value)
            ?? throw new ScriptRuntimeException(Iterator.Span, $"Unexpected type `{Values.ClrTypeName(value)}` for iterator");
        var options = new LoopOptions();
        foreach (var argument in NamedArguments)
        {
            ReadOption(context, argument, ref options);
        }

        var first = Math.Max(options.Offset, 0);
        var last = list.Count - 1;
        var step = 1;
        if (options.Reversed)
        {
            (first, last, step) = (last, first, -1);
        }

        var length = list.Count - Math.Max(options.Offset, 0);
        if (options.Limit > 0 && options.Limit < length)
        {
            length = options.Limit;
            last = first + (step * (length - 1));
        }

        if (length <= 0)
        {
            Else?.Evaluate(context);
            return null;
        }

        var state = new LoopState(Keyword) { Length = length, Columns = options.Columns };
        var variable = Variable as ScriptVariable;
        var scope = context.EnterLoop(this, variable, state);
        try
        {
            for (var i = first; ; i += step)
            {
                context.StepLoop(this);
                var item = list[i];
                state.MoveTo(item);
                if (variable is null)
                {
                    Variable.Assign(context, item);
                }
                else
                {
                    scope.Value = item;
                }

                BeforeStep(context, state);
                Body.Evaluate(context);
                var flow = context.Flow;
                if (flow is Flow.Break or Flow.Continue)
                {
                    context.Flow = Flow.Next;
                }

                if (flow != Flow.Return)
                {
                    AfterStep(context, state, flow == Flow.Break);
                }

                if (flow is Flow.Break or Flow.Return || i == last)
                {
                    break;
                }

                state.Index++;
            }
        }
        finally
        {
            context.LeaveLoop(scope);
        }

        return null;
    }

    private protected virtual void BeforeStep(TemplateContext context, LoopState state)
    {
    }

    private protected virtual void AfterStep(TemplateContext context, LoopState state, bool isBroken)
    {
    }

    private protected virtual bool TryReadOption(TemplateContext context, ScriptNamedArgument argument, ref LoopOptions options)
    {
        switch (argument.Name.Name)
        {
            case "offset":
                options.Offset = ReadInt(context, argument);
                return true;
            case "limit":
                options.Limit = ReadInt(context, argument);
                return true;
            case "reversed":
                options.Reversed = true;
                return true;
            default:
                return false;
        }
    }

    private protected static int ReadInt(TemplateContext context, ScriptNamedArgument argument)
    {
        if (argument.Value is null)
        {
            throw new ScriptRuntimeException(argument.Span, $"Invalid `{argument.Name.Name}` argument. Value is required.");
        }

        return Values.ToInt(argument.Value.Evaluate(context), argument.Value.Span);
    }

    private void ReadOption(TemplateContext context, ScriptNamedArgument argument, ref LoopOptions options)
    {
        if (!TryReadOption(context, argument, ref options))
        {
            throw new ScriptRuntimeException(
                argument.Span, $"Unsupported argument `{argument.Name.Name}` for statement: `{this}`");
        }
    }
}

/// <summary><c>tablerow variable in list … end</c>: writes the rows and cells of an HTML table.</summary>
public sealed class ScriptTableRowStatement : ScriptForStatement
{
    internal override string Keyword => "tablerow";

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    private protected override bool TryReadOption(TemplateContext context, ScriptNamedArgument argument, ref LoopOptions options)
    {
        if (argument.Name.Name == "cols")
        {
            options.Columns = Math.Max(ReadInt(context, argument), 1);
            return true;
        }

        return base.TryReadOption(context, argument, ref options);
    }

    private protected override void BeforeStep(TemplateContext context, LoopState state)
    {
        var column = state.Index % state.Columns;
        if (column == 0)
        {
            context.WriteText("<tr class=\"row" + Values.Text((state.Index / state.Columns) + 1) + "\">");
        }

        context.WriteText("<td class=\"col" + Values.Text(column + 1) + "\">");
    }

    private protected override void AfterStep(TemplateContext context, LoopState state, bool isBroken)
    {
        context.WriteText("</td>");
        if (isBroken || state.Index % state.Columns == state.Columns - 1 || state.Index == state.Length - 1)
        {
            context.WriteText("</tr>" + context.NewLine);
        }
    }
}

/// <summary><c>while condition … end</c></summary>
public sealed class ScriptWhileStatement : ScriptLoopStatementBase
{
    /// <summary>What decides.</summary>
    public ScriptExpression Condition { get; internal set; } = null!;

    /// <inheritdoc />
    public override IEnumerable<ScriptNode> Children => [Condition, Body];

    /// <inheritdoc />
    public override void Accept(ScriptVisitor visitor) => visitor.Visit(this);

    internal override void Print(StringBuilder text)
    {
        text.Append("while ");
        Condition.Print(text);
        Body.Print(text);
    }

    internal override object? Evaluate(TemplateContext context)
    {
        var state = new LoopState("while");
        var scope = context.EnterLoop(this, null, state);
        try
        {
            while (Values.IsTrue(Condition.Evaluate(context)))
            {
                context.StepLoop(this);
                Body.Evaluate(context);
                var flow = context.Flow;
                if (flow is Flow.Break or Flow.Continue)
                {
                    context.Flow = Flow.Next;
                }

                if (flow is Flow.Break or Flow.Return)
                {
                    break;
                }

                state.Index++;
            }
        }
        finally
        {
            context.LeaveLoop(scope);
        }

        return null;
    }
}

internal struct LoopOptions
{
    public LoopOptions()
    {
    }

    public int Offset;
    public int Limit;
    public bool Reversed;
    public int Columns = 1;
}
