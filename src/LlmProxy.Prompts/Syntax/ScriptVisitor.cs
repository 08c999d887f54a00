namespace LlmProxy.Prompts.Syntax;

/// <summary>Walks a tree. Every method goes on to the children unless it is overridden.</summary>
public abstract class ScriptVisitor
{
    /// <summary>Visits any node.</summary>
    public virtual void Visit(ScriptNode? node) => node?.Accept(this);

    /// <summary>Visits the children of a node.</summary>
    protected virtual void DefaultVisit(ScriptNode node)
    {
        foreach (var child in node.Children)
        {
            Visit(child);
        }
    }

    /// <summary>Visits a <see cref="ScriptPage"/>.</summary>
    public virtual void Visit(ScriptPage node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptBlockStatement"/>.</summary>
    public virtual void Visit(ScriptBlockStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptRawStatement"/>.</summary>
    public virtual void Visit(ScriptRawStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptEscapeStatement"/>.</summary>
    public virtual void Visit(ScriptEscapeStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptExpressionStatement"/>.</summary>
    public virtual void Visit(ScriptExpressionStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptEndStatement"/>.</summary>
    public virtual void Visit(ScriptEndStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptIfStatement"/>.</summary>
    public virtual void Visit(ScriptIfStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptElseStatement"/>.</summary>
    public virtual void Visit(ScriptElseStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptForStatement"/>.</summary>
    public virtual void Visit(ScriptForStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptTableRowStatement"/>.</summary>
    public virtual void Visit(ScriptTableRowStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptWhileStatement"/>.</summary>
    public virtual void Visit(ScriptWhileStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptBreakStatement"/>.</summary>
    public virtual void Visit(ScriptBreakStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptContinueStatement"/>.</summary>
    public virtual void Visit(ScriptContinueStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptReturnStatement"/>.</summary>
    public virtual void Visit(ScriptReturnStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptCaseStatement"/>.</summary>
    public virtual void Visit(ScriptCaseStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptWhenStatement"/>.</summary>
    public virtual void Visit(ScriptWhenStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptCaptureStatement"/>.</summary>
    public virtual void Visit(ScriptCaptureStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptWithStatement"/>.</summary>
    public virtual void Visit(ScriptWithStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptWrapStatement"/>.</summary>
    public virtual void Visit(ScriptWrapStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptImportStatement"/>.</summary>
    public virtual void Visit(ScriptImportStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptReadOnlyStatement"/>.</summary>
    public virtual void Visit(ScriptReadOnlyStatement node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptFunction"/>.</summary>
    public virtual void Visit(ScriptFunction node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptParameter"/>.</summary>
    public virtual void Visit(ScriptParameter node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptLiteral"/>.</summary>
    public virtual void Visit(ScriptLiteral node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptVariableGlobal"/>.</summary>
    public virtual void Visit(ScriptVariableGlobal node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptVariableLocal"/>.</summary>
    public virtual void Visit(ScriptVariableLocal node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptThisExpression"/>.</summary>
    public virtual void Visit(ScriptThisExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptMemberExpression"/>.</summary>
    public virtual void Visit(ScriptMemberExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptIndexerExpression"/>.</summary>
    public virtual void Visit(ScriptIndexerExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptIsEmptyExpression"/>.</summary>
    public virtual void Visit(ScriptIsEmptyExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptBinaryExpression"/>.</summary>
    public virtual void Visit(ScriptBinaryExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptUnaryExpression"/>.</summary>
    public virtual void Visit(ScriptUnaryExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptIncrementDecrementExpression"/>.</summary>
    public virtual void Visit(ScriptIncrementDecrementExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptConditionalExpression"/>.</summary>
    public virtual void Visit(ScriptConditionalExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptAssignExpression"/>.</summary>
    public virtual void Visit(ScriptAssignExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptPipeCall"/>.</summary>
    public virtual void Visit(ScriptPipeCall node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptFunctionCall"/>.</summary>
    public virtual void Visit(ScriptFunctionCall node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptNamedArgument"/>.</summary>
    public virtual void Visit(ScriptNamedArgument node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptNestedExpression"/>.</summary>
    public virtual void Visit(ScriptNestedExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptArrayInitializerExpression"/>.</summary>
    public virtual void Visit(ScriptArrayInitializerExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptObjectInitializerExpression"/>.</summary>
    public virtual void Visit(ScriptObjectInitializerExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptObjectMember"/>.</summary>
    public virtual void Visit(ScriptObjectMember node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptInterpolatedStringExpression"/>.</summary>
    public virtual void Visit(ScriptInterpolatedStringExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptInterpolatedExpression"/>.</summary>
    public virtual void Visit(ScriptInterpolatedExpression node) => DefaultVisit(node);

    /// <summary>Visits a <see cref="ScriptAnonymousFunction"/>.</summary>
    public virtual void Visit(ScriptAnonymousFunction node) => DefaultVisit(node);
}
