namespace LlmProxy.Prompts;

/// <summary>
/// Cuts a template into tokens, one at a time, so that a parser which gives up does not pay for the rest of the text.
/// Never throws: what is wrong is in <see cref="Messages"/>.
/// </summary>
public sealed partial class Lexer
{
    private const int MaxMessages = 200;
    private readonly string _text;
    private readonly string _fileName;
    private readonly ScriptMode _mode;
    private readonly Stack<char> _holes = new();
    private readonly Queue<Token> _pending = new();
    private int _offset;
    private int _line;
    private int _column;
    private int _openBraces;
    private Region _region;
    private char _stripNext;
    private bool _frontMatterSeen;

    /// <summary>Prepares to read a text.</summary>
    public Lexer(string text, string? sourceFilePath = null, ScriptMode mode = ScriptMode.Default)
    {
        _text = text ?? string.Empty;
        _fileName = sourceFilePath ?? "<input>";
        _mode = mode;
        _region = mode == ScriptMode.ScriptOnly ? Region.Code : Region.Text;
    }

    private enum Region
    {
        Text,
        Code,
        FrontMatter,
        Done,
    }

    /// <summary>What was wrong so far, in the order of the text.</summary>
    public List<LogMessage> Messages { get; } = [];

    /// <summary>The white space that stands alone on the line before the code section that was entered last.</summary>
    internal string? Indent { get; private set; }

    private TextPosition Position => new(_offset, _line, _column);

    private char Current => _offset < _text.Length ? _text[_offset] : '\0';

    private bool AtEnd => _offset >= _text.Length;

    /// <summary>Reads one token. After the end it keeps giving <see cref="Token.Eof"/>.</summary>
    public Token Next()
    {
        if (_pending.Count > 0)
        {
            return _pending.Dequeue();
        }

        while (_region != Region.Done)
        {
            if (_mode == ScriptMode.FrontMatterAndContent && !_frontMatterSeen)
            {
                _frontMatterSeen = true;
                if (TryReadFrontMatterMarker(out var marker))
                {
                    _region = Region.FrontMatter;
                    return marker;
                }
            }

            if (_region == Region.Text)
            {
                if (ReadText())
                {
                    return _pending.Dequeue();
                }
            }
            else if (ReadCode(out var token))
            {
                return token;
            }

            if (AtEnd && _region != Region.Done && _pending.Count == 0)
            {
                _region = Region.Done;
            }
        }

        return Token.Eof;
    }

    private char Peek(int count = 1) => _offset + count < _text.Length ? _text[_offset + count] : '\0';

    private void Advance()
    {
        var c = _text[_offset++];
        if (c == '\n' || (c == '\r' && Current != '\n'))
        {
            _line++;
            _column = 0;
        }
        else
        {
            _column++;
        }
    }

    private TextPosition Advance(int count)
    {
        var last = Position;
        for (var i = 0; i < count; i++)
        {
            last = Position;
            Advance();
        }

        return last;
    }

    private Token Read(TokenType type, int length)
    {
        var start = Position;
        return new Token(type, start, Advance(length));
    }

    private void Error(TextPosition at, string message, ParserMessageCode code = ParserMessageCode.Syntax, TextPosition? opening = null)
    {
        if (Messages.Count < MaxMessages)
        {
            Messages.Add(new LogMessage(ParserMessageType.Error, new SourceSpan(_fileName, at, at), message) { Code = code, Opening = opening });
        }
    }

    private bool TryReadFrontMatterMarker(out Token token)
    {
        token = default;
        if (_column != 0 || Current != '+' || Peek() != '+' || Peek(2) != '+')
        {
            return false;
        }

        var end = _offset + 3;
        while (end < _text.Length && _text[end] is ' ' or '\t')
        {
            end++;
        }

        if (end < _text.Length && _text[end] == '\r')
        {
            end++;
        }

        if (end < _text.Length && _text[end] != '\n' && _text[end - 1] != '\r')
        {
            return false;
        }

        if (end < _text.Length && _text[end] == '\n')
        {
            end++;
        }

        token = Read(TokenType.FrontMatterMarker, end - _offset);
        return true;
    }

    /// <summary>Text up to the next opening, cut by the white space marks on both sides of it.</summary>
    private bool ReadText()
    {
        SkipStripped();
        var start = Position;
        var startOffset = _offset;
        var percents = 0;
        while (!AtEnd)
        {
            if (Current == '{')
            {
                if (Peek() == '{')
                {
                    break;
                }

                percents = CountPercents(1);
                if (percents > 0 && Peek(1 + percents) == '{')
                {
                    break;
                }

                percents = 0;
            }

            Advance();
        }

        var isOpening = !AtEnd;
        var openingLength = percents > 0 ? percents + 2 : 2;
        var flag = isOpening ? Peek(openingLength) : '\0';
        if (flag is not ('-' or '~'))
        {
            flag = '\0';
        }

        var end = _offset;
        while (end > startOffset && flag != '\0' && char.IsWhiteSpace(_text[end - 1]) && (flag == '-' || _text[end - 1] != '\n'))
        {
            end--;
        }

        if (end > startOffset)
        {
            _pending.Enqueue(new Token(TokenType.Raw, start, PositionOf(start, end - 1)));
        }

        if (isOpening)
        {
            Indent = flag == '\0' ? FindIndent(startOffset) : null;
            var length = openingLength + (flag == '\0' ? 0 : 1);
            if (percents > 0)
            {
                _pending.Enqueue(Read(TokenType.EscapeEnter, length));
                ReadEscape(percents);
            }
            else
            {
                _pending.Enqueue(Read(TokenType.CodeEnter, length));
                _region = Region.Code;
                _openBraces = 0;
            }
        }

        return _pending.Count > 0;
    }

    private int CountPercents(int from)
    {
        var count = 0;
        while (Peek(from + count) == '%')
        {
            count++;
        }

        return count;
    }

    private TextPosition PositionOf(TextPosition start, int offset)
    {
        var line = start.Line;
        var column = start.Column;
        for (var i = start.Offset; i < offset; i++)
        {
            var c = _text[i];
            if (c == '\n' || (c == '\r' && (i + 1 >= _text.Length || _text[i + 1] != '\n')))
            {
                line++;
                column = 0;
            }
            else
            {
                column++;
            }
        }

        return new TextPosition(offset, line, column);
    }

    private string? FindIndent(int textStart)
    {
        var start = _offset;
        while (start > textStart && _text[start - 1] != '\n')
        {
            start--;
            if (!char.IsWhiteSpace(_text[start]))
            {
                return null;
            }
        }

        return start < _offset && (start == 0 || _text[start - 1] == '\n') ? _text.Substring(start, _offset - start) : null;
    }

    private void SkipStripped()
    {
        var strip = _stripNext;
        _stripNext = '\0';
        while (strip != '\0' && !AtEnd && char.IsWhiteSpace(Current))
        {
            var isLineEnd = Current == '\n';
            Advance();
            if (strip == '~' && isLineEnd)
            {
                return;
            }
        }
    }

    private void ReadEscape(int percents)
    {
        var start = Position;
        var startOffset = _offset;
        var last = start;
        while (!AtEnd)
        {
            if (Current == '}' && CountPercents(1) == percents && Peek(1 + percents) == '}')
            {
                var flag = _offset > startOffset && _text[_offset - 1] is '-' or '~' ? _text[_offset - 1] : '\0';
                var textEnd = _offset - (flag == '\0' ? 0 : 1);
                if (textEnd > startOffset)
                {
                    _pending.Enqueue(new Token(TokenType.Escape, start, PositionOf(start, textEnd - 1)));
                }

                var exitStart = flag == '\0' ? Position : last;
                _pending.Enqueue(new Token(TokenType.EscapeExit, exitStart, Advance(percents + 2)));
                _stripNext = flag;
                return;
            }

            last = Position;
            Advance();
        }

        if (_offset > startOffset)
        {
            _pending.Enqueue(new Token(TokenType.Escape, start, last));
        }
    }
}
