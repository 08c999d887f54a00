using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

internal sealed partial class Parser
{
    private const int PipePrecedence = 1;
    private const int ConditionalPrecedence = 2;
    private const int UnaryPrecedence = 200;

    private static bool StartsExpression(TokenType type) => type switch
    {
        TokenType.Identifier or TokenType.IdentifierSpecial or TokenType.Integer or TokenType.HexaInteger
            or TokenType.BinaryInteger or TokenType.Float or TokenType.String or TokenType.VerbatimString
            or TokenType.InterpolatedString or TokenType.BeginInterpolatedString or TokenType.OpenParen
            or TokenType.OpenBracket or TokenType.OpenBrace => true,
        _ => IsUnary(type),
    };

    private static bool IsUnary(TokenType type) => type is TokenType.Exclamation or TokenType.Minus or TokenType.Plus
        or TokenType.Arroba or TokenType.Caret or TokenType.DoublePlus or TokenType.DoubleMinus;

    private static int PrecedenceAbove(ScriptBinaryOperator op) => PrecedenceOf(op);

    private static int PrecedenceOf(ScriptBinaryOperator op) => op switch
    {
        ScriptBinaryOperator.EmptyCoalescing or ScriptBinaryOperator.NotEmptyCoalescing => 20,
        ScriptBinaryOperator.Or => 30,
        ScriptBinaryOperator.And => 40,
        ScriptBinaryOperator.CompareEqual or ScriptBinaryOperator.CompareNotEqual => 70,
        ScriptBinaryOperator.CompareLess or ScriptBinaryOperator.CompareLessOrEqual
            or ScriptBinaryOperator.CompareGreater or ScriptBinaryOperator.CompareGreaterOrEqual => 80,
        ScriptBinaryOperator.Add or ScriptBinaryOperator.Subtract => 100,
        ScriptBinaryOperator.RangeInclude or ScriptBinaryOperator.RangeExclude => 130,
        _ => 110,
    };

    private static ScriptBinaryOperator? BinaryOperator(TokenType type) => type switch
    {
        TokenType.DoubleQuestion => ScriptBinaryOperator.EmptyCoalescing,
        TokenType.QuestionExclamation => ScriptBinaryOperator.NotEmptyCoalescing,
        TokenType.DoubleVerticalBar => ScriptBinaryOperator.Or,
        TokenType.DoubleAmp => ScriptBinaryOperator.And,
        TokenType.DoubleEqual => ScriptBinaryOperator.CompareEqual,
        TokenType.ExclamationEqual => ScriptBinaryOperator.CompareNotEqual,
        TokenType.Less => ScriptBinaryOperator.CompareLess,
        TokenType.LessEqual => ScriptBinaryOperator.CompareLessOrEqual,
        TokenType.Greater => ScriptBinaryOperator.CompareGreater,
        TokenType.GreaterEqual => ScriptBinaryOperator.CompareGreaterOrEqual,
        TokenType.Plus => ScriptBinaryOperator.Add,
        TokenType.Minus => ScriptBinaryOperator.Subtract,
        TokenType.Asterisk => ScriptBinaryOperator.Multiply,
        TokenType.Divide => ScriptBinaryOperator.Divide,
        TokenType.DoubleDivide => ScriptBinaryOperator.DivideRound,
        TokenType.Percent => ScriptBinaryOperator.Modulus,
        TokenType.DoubleLess => ScriptBinaryOperator.ShiftLeft,
        TokenType.DoubleGreater => ScriptBinaryOperator.ShiftRight,
        TokenType.DoubleDot => ScriptBinaryOperator.RangeInclude,
        TokenType.DoubleDotLess => ScriptBinaryOperator.RangeExclude,
        _ => null,
    };

    /// <summary>
    /// An expression of operators that bind tighter than <paramref name="precedence"/>. In the arguments of a call that
    /// has no parentheses (<paramref name="inCall"/>), the next operand is the next argument and starts no call.
    /// </summary>
    private ScriptExpression? ParseExpression(int precedence, bool inCall = false)
    {
        var allowAssign = _allowAssign;
        _allowAssign = false;
        if (!TryEnter())
        {
            return null;
        }

        var depth = _depth;
        var result = ParseOperators(precedence, inCall, allowAssign);
        _depth = depth - 1;
        return result;
    }

    private ScriptExpression? ParseOperators(int precedence, bool inCall, bool allowAssign)
    {
        var start = _token.Start;
        var operandStart = start;
        ScriptFunctionCall? call = null;
        var left = ParseOperand(inCall, allowAssign);
        while (left is not (null or ScriptAnonymousFunction) && !_isFatal)
        {
            var type = _token.Type;
            if (type == TokenType.Colon && TryParseNamedArgument(ref left, operandStart, isArgument: call is not null))
            {
                continue;
            }

            if (IsAssignment(type, out var compound))
            {
                left = ParseAssignment(CloseCall(ref call, left, start), compound, allowAssign && precedence == 0, start);
                continue;
            }

            if (BinaryOperator(type) is { } op && !(left is ScriptNamedArgument && call is not null && IsUnary(type)))
            {
                if (PrecedenceOf(op) <= precedence || !TryEnter())
                {
                    break;
                }

                if (left is ScriptNamedArgument)
                {
                    left = CloseCall(ref call, left, start);
                    operandStart = start;
                }

                left = ParseBinary(left, op, operandStart, inCall || call is not null);
            }
            else if (type is TokenType.VerticalBar or TokenType.PipeGreater)
            {
                if (PipePrecedence <= precedence || !TryEnter())
                {
                    break;
                }

                left = ParsePipe(CloseCall(ref call, left, start), start);
                operandStart = start;
            }
            else if (type == TokenType.Question)
            {
                if (ConditionalPrecedence <= precedence || !TryEnter())
                {
                    break;
                }

                left = ParseConditional(CloseCall(ref call, left, start), start);
                operandStart = start;
            }
            else if (StartsExpression(type) && !inCall && left is not (ScriptPipeCall or ScriptConditionalExpression) && !IsLoopArgument())
            {
                if (call is null)
                {
                    call = new ScriptFunctionCall { Target = left };
                }
                else
                {
                    call.Arguments.Add(left);
                }

                operandStart = _token.Start;
                left = ParseOperand(inCall: true, allowAssign: false) ?? new ScriptLiteral();
            }
            else
            {
                break;
            }
        }

        return left is null ? call : CloseCall(ref call, left, start);
    }

    private bool IsLoopArgument() =>
        _loopArguments is not null && _token.Type == TokenType.Identifier && StartsLoopArgument();

    private ScriptExpression CloseCall(ref ScriptFunctionCall? call, ScriptExpression last, TextPosition start)
    {
        if (call is null)
        {
            return last;
        }

        call.Arguments.Add(last);
        var result = Close(call, start);
        call = null;
        return result;
    }

    private bool TryParseNamedArgument(ref ScriptExpression left, TextPosition start, bool isArgument)
    {
        if (_inThenBranch)
        {
            return false;
        }

        if (left is not ScriptVariable name)
        {
            if (isArgument)
            {
                LogError(left.Span, "Expecting a simple global or local variable before `:` in order to create a named argument");
            }

            return false;
        }

        Next();
        var argument = new ScriptNamedArgument { Name = name };
        if (StartsExpression(_token.Type))
        {
            argument.Value = IsUnary(_token.Type) ? ParseUnary(inCall: true, basic: true) : ParsePath();
        }
        else
        {
            LogSyntax(
                SpanOf(_token),
                BlockKind.Expression.Name,
                $"Expecting <expression> instead of `{Quote(_token)}`",
                BlockKind.Expression.Syntax);
        }

        argument.Value ??= new ScriptLiteral();
        left = Close(argument, start);
        return true;
    }

    private static bool IsAssignment(TokenType type, out ScriptBinaryOperator? compound)
    {
        compound = type switch
        {
            TokenType.PlusEqual => ScriptBinaryOperator.Add,
            TokenType.MinusEqual => ScriptBinaryOperator.Subtract,
            TokenType.AsteriskEqual => ScriptBinaryOperator.Multiply,
            TokenType.DivideEqual => ScriptBinaryOperator.Divide,
            TokenType.DoubleDivideEqual => ScriptBinaryOperator.DivideRound,
            TokenType.PercentEqual => ScriptBinaryOperator.Modulus,
            _ => null,
        };
        return compound is not null || type == TokenType.Equal;
    }

    private ScriptExpression ParseAssignment(ScriptExpression target, ScriptBinaryOperator? compound, bool isAllowed, TextPosition start)
    {
        const string Name = "assign expression";
        const string Syntax = "<target_expression> = <value_expression>";
        var isFunction = target is ScriptFunctionCall { ExplicitCall: true };
        if (!isAllowed || !(isFunction || IsPath(target)))
        {
            LogSyntax(Span(start, start), Name, "Expression is only allowed for a top level assignment", Syntax);
        }

        Next();
        var assign = new ScriptAssignExpression { Target = target, Operator = compound };
        if (StartsExpression(_token.Type))
        {
            assign.Value = ParseExpression(0) ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(SpanOf(_token), Name, $"Expecting <expression> instead of `{Quote(_token)}`", Syntax);
            assign.Value = new ScriptLiteral();
        }

        if (isFunction)
        {
            DefineFunction(assign, (ScriptFunctionCall)target, start);
        }

        return Close(assign, start);
    }

    private void DefineFunction(ScriptAssignExpression assign, ScriptFunctionCall call, TextPosition start)
    {
        var function = new ScriptFunction { Parameters = [] };
        if (call.Target is ScriptVariable name && assign.Operator is null)
        {
            function.Name = name;
        }
        else
        {
            LogError(call.Span, $"The name of a function that is defined by `=` must be a plain name instead of `{call.Target}`.");
        }

        foreach (var argument in call.Arguments)
        {
            if (argument is ScriptVariable parameter)
            {
                function.Parameters.Add(new ScriptParameter { Name = parameter, Span = parameter.Span });
            }
            else
            {
                LogError(argument.Span, $"The parameters of a function that is defined by `=` must be plain names instead of `{argument}`.");
            }
        }

        function.Body = new ScriptReturnStatement { Expression = assign.Value, Span = assign.Value.Span };
        assign.Target = call.Target;
        assign.Value = Close(new ScriptAnonymousFunction { Function = Close(function, start) }, start);
    }

    private static bool IsPath(ScriptExpression? expression) =>
        expression is ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression or ScriptNestedExpression or ScriptThisExpression;

    private ScriptBinaryExpression ParseBinary(ScriptExpression left, ScriptBinaryOperator op, TextPosition start, bool inCall)
    {
        var binary = new ScriptBinaryExpression { Left = left, Operator = op, OperatorSpan = SpanOf(_token) };
        Next();
        if (StartsExpression(_token.Type))
        {
            binary.Right = ParseExpression(PrecedenceOf(op), inCall) ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(
                SpanOf(_token),
                "binary expression",
                $"Expecting an <expression> to the right of the operator instead of `{Quote(_token)}`",
                "<expression> operator <expression>");
            binary.Right = new ScriptLiteral();
        }

        return Close(binary, start);
    }

    private ScriptPipeCall ParsePipe(ScriptExpression from, TextPosition start)
    {
        Next();
        SkipNewLines();
        var pipe = new ScriptPipeCall { From = from };
        if (StartsExpression(_token.Type))
        {
            var to = ParseExpression(ConditionalPrecedence) ?? new ScriptLiteral();
            pipe.To = _inHole && IsPath(to) ? to : PipeTarget(to);
        }
        else
        {
            LogSyntax(SpanOf(_token), "pipe expression", $"Expecting <expression> instead of `{Quote(_token)}`", "<expression> | <expression>");
            pipe.To = new ScriptLiteral();
        }

        return Close(pipe, start);
    }

    /// <summary>A bare path on the right of a pipe is called.</summary>
    private static ScriptExpression PipeTarget(ScriptExpression to) => to is ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression
        ? new ScriptFunctionCall { Target = to, Span = to.Span }
        : to;

    private ScriptConditionalExpression ParseConditional(ScriptExpression condition, TextPosition start)
    {
        const string Name = "conditional expression";
        const string Syntax = "<condition> ? <then_value> : <else_value>";
        var conditional = new ScriptConditionalExpression { Condition = condition };
        Next();
        var outer = _inThenBranch;
        _inThenBranch = true;
        conditional.ThenValue = ParseBranch(PipePrecedence);
        _inThenBranch = outer;
        if (_token.Type != TokenType.Colon)
        {
            LogError(_token, $"Unexpected token found `{Quote(_token)}` while expecting `:`.");
        }

        Next();
        conditional.ElseValue = ParseBranch(0);
        return Close(conditional, start);

        ScriptExpression ParseBranch(int precedence)
        {
            if (StartsExpression(_token.Type))
            {
                return ParseExpression(precedence) ?? new ScriptLiteral();
            }

            LogSyntax(SpanOf(_token), Name, $"Expecting <expression> instead of `{Quote(_token)}`", Syntax);
            return new ScriptLiteral();
        }
    }

    private void SkipNewLines()
    {
        while (_token.Type == TokenType.NewLine)
        {
            Next();
        }
    }

    private ScriptExpression? ParseOperand(bool inCall, bool allowAssign)
    {
        if (IsUnary(_token.Type))
        {
            return ParseUnary(inCall, basic: false);
        }

        var isNestedDelegate = _token.Type == TokenType.IdentifierSpecial && !allowAssign && Text(_token) == "$$";
        var path = ParsePath();
        if (isNestedDelegate)
        {
            LogError(_token, "Cannot use block delegate $$ in a nested expression");
        }

        return path;
    }

    private ScriptExpression ParseUnary(bool inCall, bool basic)
    {
        var start = _token.Start;
        var type = _token.Type;
        Next();
        if (type is TokenType.DoublePlus or TokenType.DoubleMinus)
        {
            return ParseIncrement(start, type);
        }

        var unary = new ScriptUnaryExpression
        {
            Operator = type switch
            {
                TokenType.Exclamation => ScriptUnaryOperator.Not,
                TokenType.Minus => ScriptUnaryOperator.Negate,
                TokenType.Plus => ScriptUnaryOperator.Plus,
                TokenType.Arroba => ScriptUnaryOperator.FunctionAlias,
                _ => ScriptUnaryOperator.FunctionParametersExpand,
            },
        };
        if (StartsExpression(_token.Type))
        {
            var takesNoCall = inCall || type is TokenType.Arroba or TokenType.Caret;
            unary.Right = (basic ? ParsePath() : ParseExpression(UnaryPrecedence, takesNoCall)) ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(SpanOf(_token), "unary expression", $"Expecting <expression> instead of `{Quote(_token)}`", "<operator> <expression>");
            unary.Right = new ScriptLiteral();
        }

        return Close(unary, start);
    }

    private ScriptIncrementDecrementExpression ParseIncrement(TextPosition start, TokenType type)
    {
        var increment = new ScriptIncrementDecrementExpression { IsDecrement = type == TokenType.DoubleMinus };
        if (StartsExpression(_token.Type) && !IsUnary(_token.Type))
        {
            increment.Right = ParsePath() ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(
                SpanOf(_token),
                "increment/decrement expression",
                $"Expecting <expression> instead of `{Quote(_token)}`",
                "<operator> <expression> or <expression> <operator>");
            increment.Right = new ScriptLiteral();
        }

        if (!IsPath(increment.Right))
        {
            LogError(_token, NoIncrementOperand);
        }

        return Close(increment, start);
    }
}
