using System.Text;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts;

internal sealed partial class Parser
{
    private const string NoIncrementOperand = "The operand of an increment or decrement operator must be a variable, property or indexer";

    private bool TouchesPrevious => _token.Start.Offset == _previous.End.Offset + 1;

    /// <summary>A primary expression with the members, indexes, argument lists and <c>++</c> that follow it.</summary>
    private ScriptExpression? ParsePath()
    {
        var start = _token.Start;
        var depth = _depth;
        var left = ParsePrimary();
        while (left is not null && !_isFatal)
        {
            var next = ParsePostfix(left, start);
            if (next is null || !TryEnter())
            {
                break;
            }

            left = next;
        }

        _depth = depth;
        return left;
    }

    private ScriptExpression? ParsePostfix(ScriptExpression left, TextPosition start)
    {
        switch (_token.Type)
        {
            case TokenType.Dot:
            case TokenType.QuestionDot:
                return ParseMember(left, start);
            case TokenType.OpenBracket when TouchesPrevious && (IsPath(left) || left is ScriptLiteral or ScriptFunctionCall):
                return ParseIndexer(left, start);
            case TokenType.OpenParen when TouchesPrevious && (IsPath(left) || left is ScriptFunctionCall):
                return ParseArguments(left, start);
            case TokenType.DoublePlus or TokenType.DoubleMinus when left is not ScriptIncrementDecrementExpression:
                if (!IsPath(left))
                {
                    LogError(_token, NoIncrementOperand);
                }

                var increment = new ScriptIncrementDecrementExpression
                {
                    IsPost = true,
                    IsDecrement = _token.Type == TokenType.DoubleMinus,
                    Right = left,
                };
                Next();
                return Close(increment, start);
            default:
                return null;
        }
    }

    private ScriptExpression? ParseMember(ScriptExpression left, TextPosition start)
    {
        var name = Peek();
        if (name.Type != TokenType.Identifier)
        {
            LogError(name, $"Invalid token `{name.Type}`. The dot operator is expected to be followed by a plain identifier");
            return null;
        }

        var isNullConditional = _token.Type == TokenType.QuestionDot;
        Next();
        if (Text(name) == "empty" && Peek() is { Type: TokenType.Question } question && question.Start.Offset == name.End.Offset + 1)
        {
            Next();
            Next();
            return Close(new ScriptIsEmptyExpression { Target = left }, start);
        }

        var member = new ScriptMemberExpression { Target = left, IsNullConditional = isNullConditional };
        var memberStart = _token.Start;
        var variable = new ScriptVariableGlobal { Name = Text(_token) };
        Next();
        member.Member = Close(variable, memberStart);
        Close(member, start);
        if (left is ScriptVariableGlobal loop && !LoopState.IsSupported(loop.Name, variable.Name))
        {
            LogError(left.Span, $"The loop variable <{member}> is not supported", ParserMessageCode.LoopVariable);
        }

        return member;
    }

    private ScriptIndexerExpression ParseIndexer(ScriptExpression left, TextPosition start)
    {
        Next();
        var indexer = new ScriptIndexerExpression { Target = left };
        if (StartsExpression(_token.Type))
        {
            indexer.Index = ParseIsolated() ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(
                SpanOf(_token),
                "indexer expression",
                $"Expecting <index_expression> instead of `{Quote(_token)}`",
                "<expression>[<index_expression>]");
            indexer.Index = new ScriptLiteral();
        }

        if (_token.Type == TokenType.CloseBracket)
        {
            Next();
        }
        else if (!_isFatal)
        {
            LogError(_token, $"Unexpected `{Quote(_token)}`. Expecting ']'", ParserMessageCode.MissingBracket);
        }

        return Close(indexer, start);
    }

    private ScriptFunctionCall ParseArguments(ScriptExpression left, TextPosition start)
    {
        var call = new ScriptFunctionCall { Target = left, ExplicitCall = true };
        Next();
        var isFirst = true;
        while (_token.Type != TokenType.CloseParen && !_isFatal)
        {
            if (!isFirst)
            {
                if (_token.Type != TokenType.Comma)
                {
                    LogError(_token, "Expecting a comma to separate arguments in a function call.");
                    break;
                }

                Next();
            }

            isFirst = false;
            if (!StartsExpression(_token.Type))
            {
                LogError(_token, "Expecting an expression for argument function calls instead of this token.");
                break;
            }

            call.Arguments.Add(ParseIsolated() ?? new ScriptLiteral());
        }

        if (_token.Type == TokenType.CloseParen)
        {
            Next();
        }
        else if (!_isFatal)
        {
            LogError(_token, "Expecting a closing parenthesis for a function call.", ParserMessageCode.MissingBracket);
        }

        return Close(call, start);
    }

    /// <summary>An expression inside brackets: what holds around them does not hold in them.</summary>
    private ScriptExpression? ParseIsolated(bool inHole = false)
    {
        var outer = (_inThenBranch, _loopArguments, _inHole);
        (_inThenBranch, _loopArguments, _inHole) = (false, null, inHole);
        var result = ParseExpression(0);
        (_inThenBranch, _loopArguments, _inHole) = outer;
        return result;
    }

    private ScriptExpression? ParsePrimary()
    {
        var start = _token.Start;
        switch (_token.Type)
        {
            case TokenType.Identifier:
            case TokenType.IdentifierSpecial:
                return ParseVariable();
            case TokenType.Integer:
            case TokenType.HexaInteger:
            case TokenType.BinaryInteger:
            case TokenType.Float:
            case TokenType.String:
            case TokenType.VerbatimString:
                return ParseLiteral();
            case TokenType.InterpolatedString:
            case TokenType.BeginInterpolatedString:
                return ParseInterpolated(start);
            case TokenType.OpenParen:
                return ParseNested(start);
            case TokenType.OpenBracket:
                return ParseArray(start);
            case TokenType.OpenBrace:
                return ParseObject(start);
            default:
                LogError(_token, $"Unexpected token `{Quote(_token)}` while parsing expression");
                return null;
        }
    }

    private ScriptExpression? ParseVariable()
    {
        var start = _token.Start;
        var name = Text(_token);
        if (_token.Type == TokenType.IdentifierSpecial)
        {
            return ParseLocal(name, start);
        }

        if (name == "do")
        {
            Next();
            return Close(new ScriptAnonymousFunction { Function = ParseDo(start) }, start);
        }

        Next();
        return name switch
        {
            "null" => Close(new ScriptLiteral { Code = name }, start),
            "true" or "false" => Close(new ScriptLiteral { Code = name, Value = Values.Box(name == "true") }, start),
            "this" => Close(new ScriptThisExpression(), start),
            _ => Close(new ScriptVariableGlobal { Name = name }, start),
        };
    }

    private ScriptFunction ParseDo(TextPosition start)
    {
        var outer = (_inThenBranch, _loopArguments, _inHole);
        (_inThenBranch, _loopArguments, _inHole) = (false, null, false);
        var function = ParseFunction(start, isAnonymous: true);
        (_inThenBranch, _loopArguments, _inHole) = outer;
        return function;
    }

    private ScriptExpression ParseLocal(string name, TextPosition start)
    {
        Next();
        if (name == "$$")
        {
            return Close(new ScriptVariableLocal { Name = "$", IsBlockDelegate = true }, start);
        }

        if (name.Length > 1 && int.TryParse(
            name.Substring(1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var index))
        {
            return Close(
                new ScriptIndexerExpression
                {
                    Target = Close(new ScriptVariableLocal(), start),
                    Index = Close(new ScriptLiteral { Value = Values.Box(index), Code = name.Substring(1) }, start),
                    IsArgumentShorthand = true,
                },
                start);
        }

        return Close(new ScriptVariableLocal { Name = name.Substring(1) }, start);
    }

    private ScriptLiteral ParseLiteral()
    {
        var token = _token;
        var code = Text(token);
        var literal = new ScriptLiteral { Code = code };
        Next();
        Close(literal, token.Start);
        if (token.Type == TokenType.VerbatimString)
        {
            literal.Value = code.Substring(1, code.Length - 2).Replace("``", "`");
        }
        else if (token.Type == TokenType.String)
        {
            literal.Value = Unescape(token, code, 1, code.Length - 1);
        }
        else if (NumberText.TryParse(token.Type, code, out var value, out var error))
        {
            literal.Value = value;
        }
        else
        {
            LogError(token, error);
        }

        return literal;
    }

    private string Unescape(Token token, string code, int from, int to)
    {
        if (code.IndexOf('\\', from, to - from) < 0)
        {
            return code.Substring(from, to - from);
        }

        var text = new StringBuilder(to - from);
        for (var i = from; i < to; i++)
        {
            if (code[i] != '\\' || i + 1 >= to)
            {
                text.Append(code[i]);
                continue;
            }

            i++;
            if (!StringEscapes.TryRead(code, ref i, to, text))
            {
                LogError(token, $"Unexpected escape character `{code[i]}` in string");
                return text.ToString();
            }
        }

        return text.ToString();
    }

    private ScriptInterpolatedStringExpression ParseInterpolated(TextPosition start)
    {
        var result = new ScriptInterpolatedStringExpression();
        AddText(2);
        while (_previous.Type is TokenType.BeginInterpolatedString or TokenType.ContinuationInterpolatedString && !_isFatal)
        {
            var holeStart = _token.Start;
            Next();
            var hole = new ScriptInterpolatedExpression { Expression = new ScriptLiteral() };
            if (StartsExpression(_token.Type))
            {
                hole.Expression = ParseIsolated(inHole: true) ?? hole.Expression;
            }
            else
            {
                LogSyntax(
                    SpanOf(_token),
                    "interpolated string expression",
                    $"Expecting <expression> instead of `{Quote(_token)}`",
                    "$\"string{<expression>}string\"");
            }

            if (_token.Type == TokenType.CloseInterpolatedBrace)
            {
                Next();
            }
            else
            {
                LogError(_token, "Opened interpolated expression not closed on the same line.");
            }

            result.Parts.Add(Close(hole, holeStart));
            if (_token.Type is not (TokenType.ContinuationInterpolatedString or TokenType.EndingInterpolatedString))
            {
                LogError(_token, $"Unexpected token `{Quote(_token)}` while parsing expression");
                break;
            }

            AddText(1);
        }

        return Close(result, start);

        void AddText(int opening)
        {
            var token = _token;
            var code = Text(token);
            var literal = new ScriptLiteral { Code = code, Value = Unescape(token, code, opening, code.Length - 1) };
            Next();
            result.Parts.Add(Close(literal, token.Start));
        }
    }

    private ScriptNestedExpression ParseNested(TextPosition start)
    {
        Next();
        var nested = new ScriptNestedExpression();
        if (StartsExpression(_token.Type))
        {
            nested.Expression = ParseIsolated() ?? new ScriptLiteral();
        }
        else
        {
            LogSyntax(SpanOf(_token), "nested expression", $"Expecting <expression> instead of `{Quote(_token)}`", "(<expression>)");
            nested.Expression = new ScriptLiteral();
        }

        if (_token.Type == TokenType.CloseParen)
        {
            Next();
        }
        else if (!_isFatal)
        {
            LogError(_token, $"Invalid token `{Quote(_token)}`. Expecting a closing `)`.", ParserMessageCode.MissingBracket);
        }

        return Close(nested, start);
    }

    private ScriptArrayInitializerExpression ParseArray(TextPosition start)
    {
        Next();
        SkipNewLines();
        var array = new ScriptArrayInitializerExpression();
        while (_token.Type != TokenType.CloseBracket && !_isFatal)
        {
            if (!StartsExpression(_token.Type))
            {
                LogSyntax(SpanOf(_token), "array initializer", $"Expecting <expression> instead of `{Quote(_token)}`", "[item1, item2,...]");
                break;
            }

            array.Values.Add(ParseIsolated() ?? new ScriptLiteral());
            SkipNewLines();
            if (_token.Type != TokenType.Comma)
            {
                break;
            }

            Next();
            SkipNewLines();
        }

        if (_token.Type != TokenType.CloseBracket && !_isFatal)
        {
            LogError(_token, $"Unexpected token found `{Quote(_token)}` while expecting `]`.", ParserMessageCode.MissingBracket);
        }

        Next();
        return Close(array, start);
    }

    private ScriptObjectInitializerExpression ParseObject(TextPosition start)
    {
        Next();
        SkipNewLines();
        var result = new ScriptObjectInitializerExpression();
        while (_token.Type != TokenType.CloseBrace && !_isFatal)
        {
            var memberStart = _token.Start;
            var nameToken = _token;
            if (nameToken.Type is not (TokenType.Identifier or TokenType.String))
            {
                LogError(
                    _token,
                    $"Unexpected token `{Quote(_token)}` while parsing object initializer. Expecting a simple identifier for the member name.");
                return Close(result, start);
            }

            var code = Text(nameToken);
            var member = new ScriptObjectMember
            {
                NameCode = code,
                Name = nameToken.Type == TokenType.String ? Unescape(nameToken, code, 1, code.Length - 1) : code,
            };
            Next();
            if (_token.Type != TokenType.Colon)
            {
                var shown = nameToken.Type == TokenType.Identifier ? code : string.Empty;
                LogError(
                    _token,
                    $"Unexpected token `{Quote(_token)}` Expecting a colon : after identifier `{shown}` for object initializer member name");
                return Close(result, start);
            }

            Next();
            if (!StartsExpression(_token.Type))
            {
                LogError(_token, $"Unexpected token `{Quote(_token)}`. Expecting an expression for the value of the member.");
                return Close(result, start);
            }

            member.Value = ParseIsolated() ?? new ScriptLiteral();
            result.Members.Add(Close(member, memberStart));
            SkipNewLines();
            if (_token.Type != TokenType.Comma)
            {
                break;
            }

            Next();
            SkipNewLines();
        }

        if (_token.Type == TokenType.CloseBrace)
        {
            Next();
        }
        else if (!_isFatal)
        {
            LogError(_token, $"Unexpected token found `{Quote(_token)}` while expecting `}}`.", ParserMessageCode.MissingBracket);
        }

        return Close(result, start);
    }
}
