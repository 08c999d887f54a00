namespace LlmProxy.Prompts;

public sealed partial class Lexer
{
    private static bool IsDigit(char c) => c is >= '0' and <= '9';

    private Token ReadNumber()
    {
        if (Current == '0' && Peek() is 'x' or 'X')
        {
            return ReadPrefixed(TokenType.HexaInteger, Uri.IsHexDigit,
                "Invalid hex number, expecting at least a hex digit [0-9a-fA-F] after 0x");
        }

        if (Current == '0' && Peek() is 'b' or 'B')
        {
            return ReadPrefixed(TokenType.BinaryInteger, static c => c is '0' or '1',
                "Invalid binary number, expecting at least a binary digit 0 or 1 after 0b");
        }

        var length = 1;
        while (IsDigit(Peek(length)) || Peek(length) == '_')
        {
            length++;
        }

        var type = TokenType.Integer;
        if (Peek(length) == '.' && IsFraction(Peek(length + 1), Peek(length + 2)))
        {
            type = TokenType.Float;
            length++;
            while (IsDigit(Peek(length)))
            {
                length++;
            }
        }

        if (Peek(length) is 'e' or 'E' && (type == TokenType.Float || IsDigit(Peek(length + 1)) || Peek(length + 1) is '+' or '-'))
        {
            length++;
            if (Peek(length) is '+' or '-')
            {
                length++;
            }

            if (!IsDigit(Peek(length)))
            {
                Advance(length);
                Error(Position, "Expecting at least one digit after the exponent");
                return AtEnd ? new Token(TokenType.Invalid, Position, Position) : Read(TokenType.Invalid, 1);
            }

            while (IsDigit(Peek(length)))
            {
                length++;
            }
        }

        if (Peek(length) is 'f' or 'F' or 'd' or 'D' or 'm' or 'M' && !IsIdentifierPart(Peek(length + 1)))
        {
            type = TokenType.Float;
            length++;
        }

        return Read(type, length);
    }

    private static bool IsFraction(char next, char second) => next switch
    {
        '.' => false,
        'e' or 'E' => true,
        'f' or 'F' or 'd' or 'D' or 'm' or 'M' => !IsIdentifierPart(second),
        _ => !IsIdentifierStart(next),
    };

    private Token ReadPrefixed(TokenType type, Func<char, bool> isDigit, string error)
    {
        var length = 2;
        var hasDigit = false;
        while (isDigit(Peek(length)) || Peek(length) == '_')
        {
            hasDigit |= Peek(length) != '_';
            length++;
        }

        if (!hasDigit)
        {
            Error(Position, error);
            return Read(TokenType.Invalid, 2);
        }

        if (Peek(length) is 'u' or 'U')
        {
            length++;
        }

        return Read(type, length);
    }

    private Token ReadString(char quote)
    {
        var start = Position;
        Advance();
        while (!AtEnd)
        {
            if (Current == quote)
            {
                var end = Position;
                Advance();
                return new Token(TokenType.String, start, end);
            }

            if (Current == '\\')
            {
                ReadEscapeSequence(allowBrace: false);
            }
            else
            {
                Advance();
            }
        }

        return Unterminated(start, quote);
    }

    private Token Unterminated(TextPosition start, char quote)
    {
        var last = new TextPosition(_offset - 1, _line, Math.Max(_column - 1, 0));
        if (_column == 0)
        {
            last = PositionOf(start, _offset - 1);
        }

        Error(last, "Unexpected end of file while parsing a string not terminated by a " + quote, ParserMessageCode.UnclosedString, start);
        return new Token(TokenType.Invalid, last, last);
    }

    private void ReadEscapeSequence(bool allowBrace)
    {
        Advance();
        switch (Current)
        {
            case '\0' when AtEnd:
                return;
            case '\r':
                Advance();
                if (Current == '\n')
                {
                    Advance();
                }

                return;
            case '\n' or '0' or '\'' or '\\' or '"' or 'b' or 'f' or 'n' or 'r' or 't' or 'v':
                Advance();
                return;
            case '{' when allowBrace:
                Advance();
                return;
            case 'u':
                ReadHexDigits('u', 4);
                return;
            case 'x':
                ReadHexDigits('x', 2);
                return;
            default:
                InvalidEscape();
                return;
        }
    }

    private void ReadHexDigits(char kind, int count)
    {
        Advance();
        for (var i = 0; i < count; i++)
        {
            if (!Uri.IsHexDigit(Current))
            {
                var range = kind == 'u' ? "`\\u0000` to `\\uffff`" : "`\\x00` to `\\xff`";
                Error(Position, $"Unexpected hex number `{Current}` following `\\{kind}`. Expecting {range}.");
                InvalidEscape();
                return;
            }

            Advance();
        }
    }

    private void InvalidEscape() => Error(
        Position,
        $"Unexpected escape character `{Current}` in string. Only 0 ' \\ \" b f n r t v u0000-uFFFF x00-xFF are allowed");

    private Token ReadVerbatimString()
    {
        var start = Position;
        Advance();
        while (!AtEnd)
        {
            if (Current == '`')
            {
                if (Peek() != '`')
                {
                    var end = Position;
                    Advance();
                    return new Token(TokenType.VerbatimString, start, end);
                }

                Advance();
            }

            Advance();
        }

        return Unterminated(start, '`');
    }

    /// <summary>Text of an interpolated string up to the next hole or its end.</summary>
    private Token ReadInterpolated(TextPosition start, char quote, int opening, TokenType beforeHole, TokenType atEnd)
    {
        Advance(opening);
        while (!AtEnd)
        {
            var c = Current;
            if (c == quote)
            {
                var end = Position;
                Advance();
                return new Token(atEnd, start, end);
            }

            if (c == '{')
            {
                var brace = Position;
                Advance();
                _holes.Push(quote);
                _pending.Enqueue(new Token(TokenType.OpenInterpolatedBrace, brace, brace));
                return new Token(beforeHole, start, brace);
            }

            if (c == '\\')
            {
                ReadEscapeSequence(allowBrace: true);
            }
            else
            {
                Advance();
            }
        }

        return Unterminated(start, quote);
    }
}
