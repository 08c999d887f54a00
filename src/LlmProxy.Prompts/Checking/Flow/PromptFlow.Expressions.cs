using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking.Flow;

internal sealed partial class PromptFlow
{
    private static readonly FlowValue Text = new() { Type = PromptType.Text };
    private static readonly FlowValue Number = new() { Type = PromptType.Number };

    /// <summary>The value of an expression; a path that ends in a function calls it.</summary>
    private FlowValue Evaluate(ScriptExpression? expression)
    {
        if (expression is null || !Step())
        {
            return FlowValue.Unknown;
        }

        var value = EvaluateWithoutCall(expression);
        return value.IsCallable && (expression is ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression)
            ? Call(expression, expression, value, [], [])
            : value;
    }

    private FlowValue EvaluateWithoutCall(ScriptExpression? expression)
    {
        switch (expression)
        {
            case ScriptLiteral { Value: string text }:
                return new FlowValue { Type = PromptType.Text, Constant = text };
            case ScriptLiteral { Value: int or long or double or float or decimal }:
                return Number;
            case ScriptNestedExpression nested:
                return Evaluate(nested.Expression);
            case ScriptVariableGlobal global:
                return ReadGlobal(global);
            case ScriptVariableLocal local:
                return ReadLocal(local);
            case ScriptIsEmptyExpression question:
                Evaluate(question.Target);
                return FlowValue.Unknown;
            case ScriptMemberExpression member:
                return ReadMember(member);
            case ScriptIndexerExpression indexer:
                return ReadElement(indexer);
            case ScriptBinaryExpression binary:
                return EvaluateBinary(binary);
            case ScriptIncrementDecrementExpression increment:
                Evaluate(increment.Right);
                Assign(increment.Right, FlowValue.Unknown);
                return FlowValue.Unknown;
            case ScriptUnaryExpression unary:
                return EvaluateUnary(unary);
            case ScriptConditionalExpression conditional:
                return EvaluateConditional(conditional);
            case ScriptAssignExpression assign:
                return EvaluateAssign(assign);
            case ScriptPipeCall pipe:
                return CallThroughPipe(pipe.To, [Evaluate(pipe.From)]);
            case ScriptFunctionCall call:
                return EvaluateCall(call, []);
            case ScriptNamedArgument named:
                return Evaluate(named.Value);
            case ScriptArrayInitializerExpression array:
                return FlowValue.MadeFrom([.. array.Values.Select(Evaluate)]);
            case ScriptObjectInitializerExpression made:
                return FlowValue.MadeFrom([.. made.Members.Select(member => Evaluate(member.Value))]);
            case ScriptInterpolatedStringExpression interpolated:
                return Capture(() =>
                {
                    foreach (var part in interpolated.Parts)
                    {
                        WriteValue(part);
                    }
                });
            case ScriptInterpolatedExpression hole:
                return Evaluate(hole.Expression);
            case ScriptAnonymousFunction { Function: { } function }:
                _defined.Add((function, File));
                return new FlowValue { Function = function };
            default:
                return FlowValue.Unknown;
        }
    }

    private FlowValue EvaluateBinary(ScriptBinaryExpression binary)
    {
        var left = Evaluate(binary.Left);
        var right = Evaluate(binary.Right);
        switch (binary.Operator)
        {
            case ScriptBinaryOperator.Add when left.Type != PromptType.Number && right.Type != PromptType.Number:
                return Capture(() =>
                {
                    Write(left, binary.Left!.Span);
                    Write(right, binary.Right!.Span);
                });
            case ScriptBinaryOperator.EmptyCoalescing or ScriptBinaryOperator.NotEmptyCoalescing:
                return FlowValue.Either(left, right);
            case ScriptBinaryOperator.Add or ScriptBinaryOperator.Multiply or ScriptBinaryOperator.ShiftLeft:
                return FlowValue.MadeFrom([left, right]);
            default:
                return FlowValue.Unknown;
        }
    }

    private FlowValue EvaluateUnary(ScriptUnaryExpression unary)
    {
        if (unary.Operator == ScriptUnaryOperator.FunctionAlias)
        {
            return EvaluateWithoutCall(unary.Right);
        }

        var value = Evaluate(unary.Right);
        return unary.Operator == ScriptUnaryOperator.FunctionParametersExpand ? value : FlowValue.Unknown;
    }

    private FlowValue EvaluateConditional(ScriptConditionalExpression conditional)
    {
        Evaluate(conditional.Condition);
        return EvaluateBranches(conditional);
    }

    private FlowValue EvaluateBranches(ScriptConditionalExpression conditional) =>
        Capture(() => Branch(
            () => WriteValue(conditional.ThenValue),
            () => WriteValue(conditional.ElseValue),
            AskedParts(conditional.Condition),
            conditional.Span));

    private FlowValue EvaluateAssign(ScriptAssignExpression assign)
    {
        var value = EvaluateWithoutCall(assign.Value) is { Function: not null } function ? function : Evaluate(assign.Value);
        if (assign.EqualToken?.TokenType != Scriban.Parsing.TokenType.Equal)
        {
            value = FlowValue.MadeFrom([Evaluate(assign.Target), value]);
        }

        Assign(assign.Target, value);
        return FlowValue.Nothing;
    }

    private void Assign(ScriptExpression? target, FlowValue value)
    {
        switch (target)
        {
            case ScriptVariableLocal local:
                _state.Frame.Locals[local.BaseName] = value;
                return;
            case ScriptVariableGlobal global:
                CheckHiding(global);
                _state.Globals[global.Name] = value;
                return;
            case ScriptMemberExpression member:
                CheckReadOnly(member.Target!, Evaluate(member.Target));
                return;
            case ScriptIndexerExpression indexer:
                CheckReadOnly(indexer.Target!, Evaluate(indexer.Target));
                return;
        }
    }

    private FlowValue ReadGlobal(ScriptVariableGlobal variable)
    {
        var name = variable.Name;
        if (_state.Globals.TryGetValue(name, out var value))
        {
            return value;
        }

        if (PromptModel.Root.Find(name) is { } member)
        {
            return FlowValue.OfMember(member, PromptModel.Root);
        }

        if (PromptFunctions.Groups.TryGetValue(name, out var group))
        {
            return new FlowValue { Group = group, BuiltinName = name };
        }

        if (PromptFunctions.Ungrouped.Contains(name))
        {
            return new FlowValue { BuiltinName = name };
        }

        if (_loops > 0 && name is "for" or "while" or "tablerow")
        {
            return FlowValue.Unknown;
        }

        if (!_assigned.Contains(name) && !File.Names.Globals.Bound.Contains(name) && _openNames == 0 && !WordRules.Knows(name))
        {
            Report(
                Rules.UnknownVariable,
                variable.Span,
                $"There is no variable `{name}`: " + NameHint(name, PromptModel.Root.Members.Select(m => m.Name).Concat(_assigned).Concat(File.Names.Globals.Bound).Concat(PromptFunctions.Groups.Keys)));
        }

        return FlowValue.Unknown;
    }

    private FlowValue ReadLocal(ScriptVariableLocal variable)
    {
        var (name, frame) = (variable.BaseName, _state.Frame);
        if (frame.Locals.TryGetValue(name, out var value))
        {
            return value;
        }

        if (name.Length == 0 || name == "$" || frame.IsCall || _openNames > 0)
        {
            return FlowValue.Unknown;
        }

        if (frame.Arguments?.TryGetValue(name, out value) == true)
        {
            return value;
        }

        // An argument that another include gives is one that this include leaves out on purpose.
        var passed = _index.PassedArguments.TryGetValue(File.Path, out var names) ? names : [];
        if (!File.Names.Locals.Knows(name) && !passed.Contains(name))
        {
            Report(
                Rules.UnknownVariable,
                variable.Span,
                $"There is no variable `${name}`: "
                    + NameHint("$" + name, File.Names.Locals.Assigned.Keys.Concat(File.Names.Locals.Bound).Concat(passed).Select(known => "$" + known)));
        }

        return FlowValue.Unknown;
    }

    private FlowValue ReadMember(ScriptMemberExpression expression)
    {
        // $.name is the argument of that name.
        var name = expression.Member?.Name ?? string.Empty;
        if (expression.Target is ScriptVariableLocal { BaseName: "" })
        {
            return _state.Frame.Arguments?.TryGetValue(name, out var argument) == true ? argument : FlowValue.Unknown;
        }

        var target = Evaluate(expression.Target);
        if (target.Group is { } group)
        {
            return ReadGroup(expression, target.BuiltinName!, group, name);
        }

        if (target.Type is not { } type)
        {
            return target.IsRecorded || target.IsPerTask ? target with { Constant = null, Function = null, Builtin = null, BuiltinName = null, Output = null } : FlowValue.Unknown;
        }

        if (type.Find(name) is { } member)
        {
            return FlowValue.OfMember(member, type);
        }

        if (name == "size" && (type.Element is not null || type == PromptType.Text))
        {
            return Number;
        }

        if (type.IsObject || type.Element is not null || type == PromptType.Text || type == PromptType.Number)
        {
            var known = type.IsObject ? type.Members.Select(m => m.Name) : type == PromptType.Number ? [] : ["size"];
            var advice = type.Element is not null && name is "first" or "last" ? $"write `{expression.Target} | array.{name}`." : NameHint(name, known);
            Report(Rules.UnknownMember, expression.Member!.Span, $"`{expression.Target}` has no member `{name}`: {advice}");
        }

        return FlowValue.Unknown;
    }

    private FlowValue ReadGroup(ScriptMemberExpression expression, string groupName, IReadOnlyDictionary<string, PromptFunction?> group, string name)
    {
        if (!group.TryGetValue(name, out var member))
        {
            Report(
                Rules.UnknownFunction,
                expression.Member!.Span,
                $"There is no function `{groupName}.{name}`: " + FunctionHint(groupName, name, group));
            return FlowValue.Unknown;
        }

        return new FlowValue { Builtin = member, BuiltinName = groupName + "." + name };
    }

    private FlowValue ReadElement(ScriptIndexerExpression expression)
    {
        var target = Evaluate(expression.Target);
        if (!expression.IsArgumentShorthand() && Evaluate(expression.Index) is { Constant: { } name } && target.Type?.IsObject == true)
        {
            if (target.Type.Find(name) is { } member)
            {
                return FlowValue.OfMember(member, target.Type);
            }

            Report(Rules.UnknownMember, expression.Index!.Span, $"`{expression.Target}` has no member `{name}`: " + NameHint(name, target.Type.Members.Select(m => m.Name)));
            return FlowValue.Unknown;
        }

        return ElementOf(target);
    }

    private static FlowValue ElementOf(FlowValue list) => list.Type?.Element is { } element
        ? new FlowValue { Type = element, IsRecorded = list.IsRecorded }
        : FlowValue.MadeFrom([list]);

    /// <summary>The parts of the agent's prompt that a condition asks about: whether they are there at all.</summary>
    private static AgentParts AskedParts(ScriptExpression? condition)
    {
        var question = new AgentQuestion();
        question.Visit(condition);
        return question.Parts;
    }

    private sealed class AgentQuestion : ScriptVisitor
    {
        public AgentParts Parts { get; private set; }

        public override void Visit(ScriptMemberExpression node)
        {
            if (node.Target is ScriptVariableGlobal { Name: "system" })
            {
                Parts |= node.Member?.Name switch
                {
                    "head" => AgentParts.Head,
                    "tail" => AgentParts.Tail,
                    "text" => AgentParts.Head | AgentParts.Tail,
                    _ => AgentParts.None,
                };
            }

            base.Visit(node);
        }

        public override void Visit(ScriptFunctionCall node)
        {
            // What the prompt says is another question than whether there is one.
            if (node.Target is not ScriptMemberExpression { Member.Name: "contains" or "starts_with" or "ends_with" or "index_of" or "match" })
            {
                base.Visit(node);
            }
        }

        public override void Visit(ScriptPipeCall node)
        {
            if (node.To is not ScriptFunctionCall { Target: ScriptMemberExpression { Member.Name: "contains" or "starts_with" or "ends_with" or "index_of" or "match" } })
            {
                base.Visit(node);
            }
        }
    }
}
