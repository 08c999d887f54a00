using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

internal sealed partial class Parser
{
    private readonly record struct BlockKind(string Name, string Syntax)
    {
        public static readonly BlockKind If = new("if statement", "if <expression> ... end|else|else if");
        public static readonly BlockKind Else = new("else statement", "else | else if <expression> ... end|else|else if");
        public static readonly BlockKind For = new("for statement", "for <variable> in <expression> ... end");
        public static readonly BlockKind While = new("while statement", "while <expression> ... end");
        public static readonly BlockKind Case = new("case statement", "case <expression> ... end|when|else");
        public static readonly BlockKind When = new("when statement", "when <expression> ... end|when|else");
        public static readonly BlockKind With = new("with statement", "with <variable> ... end");
        public static readonly BlockKind Capture = new("capture statement", "capture <variable> ... end");
        public static readonly BlockKind Function = new("function statement", "func <variable> ... end");
        public static readonly BlockKind Wrap = new("wrap statement", "wrap <function_call> ... end");
        public static readonly BlockKind Import = new("import statement", "import <expression>");
        public static readonly BlockKind ReadOnly = new("readonly statement", "readonly <variable>");
        public static readonly BlockKind Return = new("return statement", "return <expression>?");
        public static readonly BlockKind Expression = new("expression statement", "<expression>");
    }

    /// <summary>
    /// Statements up to the <c>end</c>, <c>else</c> or <c>when</c> that closes the block of <paramref name="owner"/>;
    /// without an owner, up to the end of the text.
    /// </summary>
    private ScriptBlockStatement ParseBlock(ScriptStatement? owner, BlockKind kind = default, TextPosition opening = default)
    {
        var block = new ScriptBlockStatement();
        var start = _token.Type == TokenType.Eof ? _previous.Start : _token.Start;
        var isClosed = false;
        if (TryEnter())
        {
            while (!isClosed && !_isFatal && TryParseStatement(block, owner, out var statement, out isClosed))
            {
                if (statement is not null)
                {
                    block.Statements.Add(statement);
                }
            }

            _depth--;
        }

        if (owner is not null)
        {
            if (!isClosed)
            {
                // The marker after front matter counts as read: nothing else could follow it.
                var last = _token.Type == TokenType.FrontMatterMarker ? _token : _previous;
                LogSyntax(SpanOf(last), kind.Name, "The <end> statement was not found", kind.Syntax, ParserMessageCode.MissingEnd, opening);
            }
        }

        return Close(block, start);
    }

    private bool TryParseStatement(ScriptBlockStatement block, ScriptStatement? owner, out ScriptStatement? statement, out bool isClosed)
    {
        statement = null;
        isClosed = false;
        var start = _token.Start;
        switch (_token.Type)
        {
            case TokenType.Eof:
                return false;
            case TokenType.FrontMatterMarker:
                return false;
            case TokenType.Raw:
            case TokenType.Escape:
                var raw = new ScriptRawStatement { Text = Text(_token), IsEscaped = _token.Type == TokenType.Escape };
                Next();
                statement = Close(raw, start);
                return true;
            case TokenType.CodeEnter:
            case TokenType.EscapeEnter:
            case TokenType.CodeExit:
            case TokenType.EscapeExit:
                var escape = new ScriptEscapeStatement
                {
                    IsEntering = _token.Type is TokenType.CodeEnter or TokenType.EscapeEnter,
                    Indent = _indent,
                };
                Next();
                statement = Close(escape, start);
                return true;
            case TokenType.NewLine:
            case TokenType.SemiColon:
                Next();
                return true;
            case TokenType.Identifier when TryParseKeyword(block, owner, out statement, out isClosed):
                return true;
            default:
                if (StartsExpression(_token.Type))
                {
                    statement = ParseExpressionStatement();
                }
                else
                {
                    LogUnexpected();
                }

                return true;
        }
    }

    private void LogUnexpected()
    {
        LogError(_token, "Unexpected token " + Quote(_token));
        Next();
    }

    /// <summary>A statement that begins with a keyword. A keyword that is assigned to is a name.</summary>
    private bool TryParseKeyword(ScriptBlockStatement block, ScriptStatement? owner, out ScriptStatement? statement, out bool isClosed)
    {
        statement = null;
        isClosed = false;
        var start = _token.Start;
        switch (Text(_token))
        {
            case "end":
                ParseEnd(block, owner, out isClosed);
                return true;
            case "else":
                ParseElse(owner, out isClosed);
                return true;
            case "when":
                isClosed = ParseWhen(owner, out statement);
                return true;
            case "if":
                Next();
                statement = ParseIf(start, isElseIf: false);
                return true;
            case "for":
                if (Peek().Type is TokenType.Dot or TokenType.QuestionDot)
                {
                    return false;
                }

                Next();
                statement = ParseFor(new ScriptForStatement(), start);
                return true;
            case "tablerow":
                if (Peek().Type is TokenType.Dot or TokenType.QuestionDot)
                {
                    return false;
                }

                Next();
                statement = ParseFor(new ScriptTableRowStatement(), start);
                return true;
            case "while":
                if (Peek().Type is TokenType.Dot or TokenType.QuestionDot)
                {
                    return false;
                }

                Next();
                var loop = new ScriptWhileStatement();
                loop.Condition = ExpectExpression(BlockKind.While);
                ExpectEndOfStatement();
                loop.Body = ParseBlock(loop, BlockKind.While, start);
                statement = Close(loop, start);
                return true;
            case "case":
                Next();
                var @case = new ScriptCaseStatement();
                @case.Value = ExpectExpression(BlockKind.Case);
                ExpectEndOfStatement();
                @case.Body = ParseBlock(@case, BlockKind.Case, start);
                statement = Close(@case, start);
                return true;
            case "with":
                Next();
                var with = new ScriptWithStatement();
                with.Name = ExpectExpression(BlockKind.With);
                ExpectEndOfStatement();
                with.Body = ParseBlock(with, BlockKind.With, start);
                statement = Close(with, start);
                return true;
            case "capture":
                Next();
                var capture = new ScriptCaptureStatement();
                capture.Target = ExpectExpression(BlockKind.Capture);
                ExpectEndOfStatement();
                capture.Body = ParseBlock(capture, BlockKind.Capture, start);
                statement = Close(capture, start);
                return true;
            case "wrap":
                Next();
                var wrap = new ScriptWrapStatement();
                wrap.Target = ExpectExpression(BlockKind.Wrap);
                ExpectEndOfStatement();
                wrap.Body = ParseBlock(wrap, BlockKind.Wrap, start);
                statement = Close(wrap, start);
                return true;
            case "func":
                Next();
                statement = ParseFunction(start, isAnonymous: false);
                return true;
            case "import":
                Next();
                var import = new ScriptImportStatement { Expression = ExpectExpression(BlockKind.Import) };
                ExpectEndOfStatement();
                statement = Close(import, start);
                return true;
            case "readonly":
                Next();
                var readOnly = new ScriptReadOnlyStatement { Variable = ExpectVariable(start, BlockKind.ReadOnly)! };
                ExpectEndOfStatement();
                statement = Close(readOnly, start);
                return true;
            case "break":
                Next();
                ExpectEndOfStatement();
                statement = Close(new ScriptBreakStatement(), start);
                return true;
            case "continue":
                Next();
                ExpectEndOfStatement();
                statement = Close(new ScriptContinueStatement(), start);
                return true;
            case "ret":
                Next();
                var @return = new ScriptReturnStatement();
                if (StartsExpression(_token.Type))
                {
                    @return.Expression = ParseExpression(0);
                }

                ExpectEndOfStatement();
                statement = Close(@return, start);
                return true;
            default:
                return false;
        }
    }

    private void ParseEnd(ScriptBlockStatement block, ScriptStatement? owner, out bool isClosed)
    {
        var start = _token.Start;
        Next();
        if (owner is not ScriptFunction { Name: null })
        {
            ExpectEndOfStatement();
        }

        var end = Close(new ScriptEndStatement(), start);
        isClosed = owner is not null;
        if (isClosed)
        {
            block.Statements.Add(end);
            return;
        }

        LogSyntax(
            Span(end.Span.End, end.Span.End),
            "ScriptPage",
            "Found <end> statement without a corresponding beginning of a block",
            "...",
            ParserMessageCode.StrayBlockPart);
        _isFatal = true;
    }

    private void ParseElse(ScriptStatement? owner, out bool isClosed)
    {
        var start = _token.Start;
        var elseToken = _token;
        Next();
        ScriptConditionStatement statement;
        if (_token.Type == TokenType.Identifier && Text(_token) == "if")
        {
            var ifStart = _token.Start;
            Next();
            statement = TryEnter() ? Leave<ScriptConditionStatement>(ParseIf(ifStart, isElseIf: true)) : new ScriptElseStatement();
        }
        else
        {
            var otherwise = new ScriptElseStatement();
            ExpectEndOfStatement();
            otherwise.Body = ParseBlock(otherwise, BlockKind.Else, start);
            statement = Close(otherwise, start);
        }

        isClosed = true;
        switch (owner)
        {
            case ScriptIfStatement @if when @if.Else is null:
                @if.Else = statement;
                break;
            case ScriptWhenStatement branch when statement is ScriptElseStatement:
                branch.Next = statement;
                break;
            case ScriptForStatement loop when statement is ScriptElseStatement otherwise:
                loop.Else = otherwise;
                break;
            case ScriptForStatement:
                LogError(statement.Span, "Invalid if/else combination within a for statement.", ParserMessageCode.StrayBlockPart);
                break;
            default:
                LogError(elseToken, "A else condition must be preceded by another if/else/when condition or a for loop.", ParserMessageCode.StrayBlockPart);
                _isFatal = true;
                break;
        }
    }

    private T Leave<T>(T value)
    {
        _depth--;
        return value;
    }

    private bool ParseWhen(ScriptStatement? owner, out ScriptStatement? statement)
    {
        var start = _token.Start;
        var whenToken = _token;
        Next();
        var when = new ScriptWhenStatement();
        while (true)
        {
            // Values are separated by "," or "||", so an "||" never belongs to a value.
            if (ParseExpression(PrecedenceAbove(ScriptBinaryOperator.Or)) is { } value)
            {
                when.Values.Add(value);
            }
            else
            {
                LogSyntax(SpanOf(_token), BlockKind.When.Name, $"Expecting <expression> instead of `{Quote(_token)}`", BlockKind.When.Syntax);
                break;
            }

            if (_token.Type is not (TokenType.Comma or TokenType.DoubleVerticalBar))
            {
                break;
            }

            Next();
        }

        ExpectEndOfStatement();
        statement = null;
        if (!TryEnter())
        {
            return true;
        }

        when.Body = ParseBlock(when, BlockKind.When, start);
        _depth--;
        Close(when, start);
        switch (owner)
        {
            case ScriptCaseStatement:
                statement = when;
                break;
            case ScriptWhenStatement previous:
                previous.Next = when;
                break;
            default:
                LogError(whenToken, "A `when` condition must be preceded by another `when`/`else`/`case` condition.", ParserMessageCode.StrayBlockPart);
                _isFatal = true;
                break;
        }

        return true;
    }

    private ScriptIfStatement ParseIf(TextPosition start, bool isElseIf)
    {
        var statement = new ScriptIfStatement { IsElseIf = isElseIf };
        statement.Condition = ExpectExpression(BlockKind.If);
        ExpectEndOfStatement();
        statement.Then = ParseBlock(statement, BlockKind.If, start);
        return Close(statement, start);
    }

    private ScriptForStatement ParseFor(ScriptForStatement statement, TextPosition start)
    {
        if (StartsExpression(_token.Type))
        {
            var target = ParsePath();
            if (target is ScriptVariable or ScriptMemberExpression or ScriptIndexerExpression)
            {
                statement.Variable = target;
            }
            else
            {
                LogSyntax(Span(start, start), BlockKind.For.Name, $"Expecting a variable instead of `{target}`", BlockKind.For.Syntax);
                statement.Variable = new ScriptVariableGlobal();
            }

            if (_token.Type == TokenType.Identifier && Text(_token) == "in")
            {
                Next();
            }
            else
            {
                LogSyntax(Span(start, start), BlockKind.For.Name, $"Expecting 'in' word instead of `{Quote(_token)}`", BlockKind.For.Syntax);
                if (_token.Type == TokenType.Identifier)
                {
                    Next();
                }
            }

            var outer = _loopArguments;
            _loopArguments = statement;
            statement.Iterator = ExpectExpression(BlockKind.For);
            _loopArguments = outer;
            while (!_isFatal && _token.Type == TokenType.Identifier && StartsLoopArgument())
            {
                ParseLoopArgument(statement);
            }
        }
        else
        {
            LogSyntax(SpanOf(_token), BlockKind.For.Name, $"Expecting <expression> instead of `{Quote(_token)}`", BlockKind.For.Syntax);
            statement.Variable = new ScriptVariableGlobal();
            statement.Iterator = new ScriptLiteral();
        }

        ExpectEndOfStatement();
        statement.Body = ParseBlock(statement, BlockKind.For, start);
        return Close(statement, start);
    }

    private bool StartsLoopArgument() =>
        Peek().Type == TokenType.Colon || Text(_token) is "reversed" or "limit" or "offset" or "cols";

    private void ParseLoopArgument(ScriptForStatement statement)
    {
        var start = _token.Start;
        var argument = new ScriptNamedArgument { Name = (ScriptVariable)ParseVariable()! };
        if (_token.Type == TokenType.Colon)
        {
            Next();
            argument.Value = ParsePrimary();
            if (argument.Value is null)
            {
                LogSyntax(SpanOf(_token), BlockKind.For.Name, $"Expecting <expression> instead of `{Quote(_token)}`", BlockKind.For.Syntax);
                argument.Value = new ScriptLiteral();
            }
        }

        statement.NamedArguments.Add(Close(argument, start));
    }

    private ScriptFunction ParseFunction(TextPosition start, bool isAnonymous)
    {
        var function = new ScriptFunction();
        if (!isAnonymous)
        {
            function.Name = ExpectVariable(start, BlockKind.Function);
        }

        if (_token.Type == TokenType.OpenParen)
        {
            function.Parameters = ParseParameters(start);
        }

        ExpectEndOfStatement();
        function.Body = ParseBlock(function, BlockKind.Function, start);
        return Close(function, start);
    }

    private List<ScriptParameter> ParseParameters(TextPosition functionStart)
    {
        var parameters = new List<ScriptParameter>();
        Next();
        while (_token.Type != TokenType.CloseParen)
        {
            if (!StartsExpression(_token.Type))
            {
                LogError(_token, "Expecting an expression for argument function calls instead of this token.");
                break;
            }

            var start = _token.Start;
            var nameToken = _token;
            if (_token.Type is not (TokenType.Identifier or TokenType.IdentifierSpecial))
            {
                ExpectVariable(functionStart, BlockKind.Function);
                break;
            }

            var parameter = new ScriptParameter { Name = (ScriptVariable)ParseVariable()! };
            if (_token.Type == TokenType.TripleDot)
            {
                parameter.IsVariadic = true;
                Next();
            }
            else if (_token.Type == TokenType.Equal)
            {
                Next();
                var valueToken = _token;
                parameter.DefaultValue = ParsePrimary() as ScriptLiteral;
                if (parameter.DefaultValue is null)
                {
                    LogError(valueToken, $"Expecting a literal instead of `{Quote(valueToken)}` for the default value of the parameter `{parameter.Name}`.");
                    parameter.DefaultValue = new ScriptLiteral();
                }
            }

            CheckParameterOrder(parameters, parameter, nameToken);
            parameters.Add(Close(parameter, start));
            if (_token.Type == TokenType.Comma)
            {
                Next();
            }
            else if (_token.Type != TokenType.CloseParen)
            {
                LogError(_token, "Expecting a comma to separate arguments in a function call.");
                break;
            }
        }

        if (_token.Type == TokenType.CloseParen)
        {
            Next();
        }
        else
        {
            LogError(_token, "Expecting a closing parenthesis for a function call.", ParserMessageCode.MissingBracket);
        }

        return parameters;
    }

    private void CheckParameterOrder(List<ScriptParameter> earlier, ScriptParameter parameter, Token token)
    {
        if (earlier.Count == 0)
        {
            return;
        }

        var last = earlier[earlier.Count - 1];
        if (parameter.IsVariadic)
        {
            if (last.IsVariadic)
            {
                LogError(token, "Cannot declare multiple variable parameters.");
            }
        }
        else if (parameter.DefaultValue is not null)
        {
            if (last.IsVariadic)
            {
                LogError(token, "Cannot declare an optional parameter after a variable parameter (`...`).");
            }
        }
        else if (last.IsVariadic || last.DefaultValue is not null)
        {
            LogError(token, "Cannot declare a normal parameter after an optional parameter.");
        }
    }

    private ScriptExpressionStatement ParseExpressionStatement()
    {
        var start = _token.Start;
        var statement = new ScriptExpressionStatement();
        _allowAssign = true;
        var expression = ParseExpression(0);
        if (expression is null && !_isFatal)
        {
            LogSyntax(SpanOf(_token), BlockKind.Expression.Name, $"Expecting <expression> instead of `{Quote(_token)}`", BlockKind.Expression.Syntax);
        }

        statement.Expression = expression ?? new ScriptLiteral();
        ExpectEndOfStatement();
        return Close(statement, start);
    }

    private ScriptExpression ExpectExpression(BlockKind kind)
    {
        if (StartsExpression(_token.Type))
        {
            return ParseExpression(0) ?? new ScriptLiteral();
        }

        LogSyntax(SpanOf(_token), kind.Name, $"Expecting <expression> instead of `{Quote(_token)}`", kind.Syntax);
        return new ScriptLiteral();
    }

    private ScriptVariable? ExpectVariable(TextPosition start, BlockKind kind)
    {
        if (_token.Type is TokenType.Identifier or TokenType.IdentifierSpecial && ParseVariable() is ScriptVariable variable)
        {
            return variable;
        }

        LogSyntax(Span(start, start), kind.Name, $"Expecting a variable instead of `{Quote(_token)}`", kind.Syntax);
        return new ScriptVariableGlobal();
    }

    private void ExpectEndOfStatement()
    {
        switch (_token.Type)
        {
            case TokenType.NewLine:
            case TokenType.SemiColon:
                Next();
                break;
            case TokenType.CodeExit:
            case TokenType.Eof:
                break;
            default:
                if (!_isFatal)
                {
                    LogFatal(_token, $"Invalid token found `{Quote(_token)}`. Expecting <EOL>/end of line.");
                }

                break;
        }
    }
}
