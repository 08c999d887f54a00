namespace LlmProxy.Prompts;

public sealed partial class Lexer
{
    private bool ReadCode(out Token token)
    {
        token = default;
        while (!AtEnd)
        {
            if (_region == Region.FrontMatter && TryReadFrontMatterMarker(out token))
            {
                _region = Region.Text;
                return true;
            }

            if (IsCodeExit(out var flag))
            {
                token = Read(TokenType.CodeExit, flag == '\0' ? 2 : 3);
                _stripNext = flag;
                _region = Region.Text;
                return true;
            }

            var c = Current;
            if (c is '\n' or '\r')
            {
                token = ReadNewLine();
                return true;
            }

            if (char.IsWhiteSpace(c))
            {
                while (!AtEnd && Current != '\n' && char.IsWhiteSpace(Current))
                {
                    Advance();
                }
            }
            else if (c == '#')
            {
                SkipComment();
            }
            else
            {
                token = ReadToken(c);
                return true;
            }
        }

        return false;
    }

    private bool IsCodeExit(out char flag)
    {
        flag = '\0';
        if (_region != Region.Code || _mode == ScriptMode.ScriptOnly || _openBraces > 0 || _holes.Count > 0)
        {
            return false;
        }

        return IsCodeExitText(out flag);
    }

    private bool IsCodeExitText(out char flag)
    {
        flag = '\0';
        if (Current == '}')
        {
            return Peek() == '}';
        }

        if (Current is '-' or '~' && Peek() == '}' && Peek(2) == '}')
        {
            flag = Current;
            return true;
        }

        return false;
    }

    private Token ReadNewLine()
    {
        var start = Position;
        var last = start;
        while (!AtEnd && char.IsWhiteSpace(Current))
        {
            last = Position;
            Advance();
            if (_region == Region.FrontMatter && _column == 0 && Current == '+' && Peek() == '+' && Peek(2) == '+')
            {
                break;
            }
        }

        return new Token(TokenType.NewLine, start, last);
    }

    private void SkipComment()
    {
        var isMulti = Peek() == '#';
        Advance(isMulti ? 2 : 1);
        var canExit = _region == Region.Code && _mode != ScriptMode.ScriptOnly;
        while (!AtEnd)
        {
            if (canExit && IsCodeExitText(out _))
            {
                return;
            }

            if (isMulti)
            {
                if (Current == '#' && Peek() == '#')
                {
                    Advance(2);
                    return;
                }
            }
            else if (Current is '\n' or '\r')
            {
                return;
            }

            Advance();
        }
    }

    private Token ReadToken(char c)
    {
        if (IsIdentifierStart(c))
        {
            return ReadIdentifier(TokenType.Identifier, 0);
        }

        if (c is >= '0' and <= '9')
        {
            return ReadNumber();
        }

        switch (c)
        {
            case '\'':
            case '"':
                return ReadString(c);
            case '`':
                return ReadVerbatimString();
            case '$':
                if (Peek() is '"' or '\'')
                {
                    return ReadInterpolated(Position, Peek(), 2, TokenType.BeginInterpolatedString, TokenType.InterpolatedString);
                }

                return Peek() == '$' ? Read(TokenType.IdentifierSpecial, 2) : ReadIdentifier(TokenType.IdentifierSpecial, 1);
            case '{':
                if (_holes.Count == 0)
                {
                    _openBraces++;
                }

                return Read(TokenType.OpenBrace, 1);
            case '}':
                return ReadCloseBrace();
            default:
                return ReadOperator(c);
        }
    }

    private Token ReadCloseBrace()
    {
        if (_holes.Count > 0)
        {
            var quote = _holes.Pop();
            var start = Position;
            var close = new Token(TokenType.CloseInterpolatedBrace, start, start);
            var rest = ReadInterpolated(start, quote, 1, TokenType.ContinuationInterpolatedString, TokenType.EndingInterpolatedString);
            var following = _pending.Count;
            _pending.Enqueue(rest);
            for (var i = 0; i < following; i++)
            {
                _pending.Enqueue(_pending.Dequeue());
            }

            return close;
        }

        if (_openBraces > 0)
        {
            _openBraces--;
            return Read(TokenType.CloseBrace, 1);
        }

        Error(Position, "Unexpected } while no matching {");
        return Read(TokenType.CloseBrace, 1);
    }

    private static bool IsIdentifierStart(char c) => c == '_' || char.IsLetter(c);

    private static bool IsIdentifierPart(char c) => c == '_' || char.IsLetter(c) || char.IsDigit(c);

    private Token ReadIdentifier(TokenType type, int prefix)
    {
        var length = prefix;
        while (IsIdentifierPart(Peek(length)))
        {
            length++;
        }

        return Read(type, length);
    }

    private Token ReadOperator(char c)
    {
        var next = Peek();
        switch (c)
        {
            case ';':
                return Read(TokenType.SemiColon, 1);
            case ':':
                return Read(TokenType.Colon, 1);
            case ',':
                return Read(TokenType.Comma, 1);
            case '@':
                return Read(TokenType.Arroba, 1);
            case '^':
                return Read(TokenType.Caret, 1);
            case '(':
                return Read(TokenType.OpenParen, 1);
            case ')':
                return Read(TokenType.CloseParen, 1);
            case '[':
                return Read(TokenType.OpenBracket, 1);
            case ']':
                return Read(TokenType.CloseBracket, 1);
            case '.':
                if (next != '.')
                {
                    return Read(TokenType.Dot, 1);
                }

                return Peek(2) switch
                {
                    '<' => Read(TokenType.DoubleDotLess, 3),
                    '.' => Read(TokenType.TripleDot, 3),
                    _ => Read(TokenType.DoubleDot, 2),
                };
            case '?':
                return next switch
                {
                    '?' => Read(TokenType.DoubleQuestion, 2),
                    '.' => Read(TokenType.QuestionDot, 2),
                    '!' => Read(TokenType.QuestionExclamation, 2),
                    _ => Read(TokenType.Question, 1),
                };
            case '!':
                return next == '=' ? Read(TokenType.ExclamationEqual, 2) : Read(TokenType.Exclamation, 1);
            case '=':
                return next == '=' ? Read(TokenType.DoubleEqual, 2) : Read(TokenType.Equal, 1);
            case '|':
                return next switch
                {
                    '|' => Read(TokenType.DoubleVerticalBar, 2),
                    '>' => Read(TokenType.PipeGreater, 2),
                    _ => Read(TokenType.VerticalBar, 1),
                };
            case '&':
                return next == '&' ? Read(TokenType.DoubleAmp, 2) : Read(TokenType.Amp, 1);
            case '<':
                return next switch
                {
                    '<' => Read(TokenType.DoubleLess, 2),
                    '=' => Read(TokenType.LessEqual, 2),
                    _ => Read(TokenType.Less, 1),
                };
            case '>':
                return next switch
                {
                    '>' => Read(TokenType.DoubleGreater, 2),
                    '=' => Read(TokenType.GreaterEqual, 2),
                    _ => Read(TokenType.Greater, 1),
                };
            case '+':
                return next switch
                {
                    '+' => Read(TokenType.DoublePlus, 2),
                    '=' => Read(TokenType.PlusEqual, 2),
                    _ => Read(TokenType.Plus, 1),
                };
            case '-':
                return next switch
                {
                    '-' => Read(TokenType.DoubleMinus, 2),
                    '=' => Read(TokenType.MinusEqual, 2),
                    _ => Read(TokenType.Minus, 1),
                };
            case '*':
                return next == '=' ? Read(TokenType.AsteriskEqual, 2) : Read(TokenType.Asterisk, 1);
            case '/':
                if (next == '/')
                {
                    return Peek(2) == '=' ? Read(TokenType.DoubleDivideEqual, 3) : Read(TokenType.DoubleDivide, 2);
                }

                return next == '=' ? Read(TokenType.DivideEqual, 2) : Read(TokenType.Divide, 1);
            case '%':
                return next == '=' ? Read(TokenType.PercentEqual, 2) : Read(TokenType.Percent, 1);
            default:
                return Read(TokenType.Invalid, 1);
        }
    }
}
