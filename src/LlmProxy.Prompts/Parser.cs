using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

/// <summary>
/// Reads tokens into a tree. What is wrong becomes a message; a statement that does not end where it must stops the
/// parse, because everything after it would be guesswork.
/// </summary>
internal sealed partial class Parser
{
    private const int MaxMessages = 200;
    private readonly string _text;
    private readonly string _fileName;
    private readonly ParserOptions _options;
    private readonly Lexer _lexer;
    private readonly List<LogMessage> _messages = [];
    private readonly Queue<(Token Token, string? Indent)> _ahead = new();
    private Token _token;
    private string? _indent;
    private Token _previous = Token.Eof;
    private bool _isFatal;
    private int _depth;
    private bool _allowAssign;
    private bool _inThenBranch;
    private bool _inHole;
    private ScriptForStatement? _loopArguments;

    public Parser(string text, string? sourceFilePath, ParserOptions options)
    {
        _text = text;
        _fileName = sourceFilePath ?? "<input>";
        _options = options;
        _lexer = new Lexer(text, sourceFilePath, options.Mode);
        (_token, _indent) = ReadAhead();
    }

    public IEnumerable<LogMessage> Messages => [.. _messages, .. _lexer.Messages];

    public ScriptPage ParsePage()
    {
        var page = new ScriptPage();
        if (_token.Type == TokenType.FrontMatterMarker)
        {
            ParseFrontMatter(page);
        }
        else if (_options.Mode == ScriptMode.FrontMatterAndContent)
        {
            LogError(_token, "Error while parsing front matter: Expecting the front matter marker `+++` at the start of the text");
        }

        var start = _token.Type == TokenType.Eof ? default : _token.Start;
        page.Body = ParseBlock(null);
        page.Span = Span(start, Last(page.Body, start));
        new ParentSetter().Visit(page);
        return page;
    }

    private static TextPosition Last(ScriptBlockStatement body, TextPosition start) =>
        body.Statements.Count > 0 ? body.Statements[body.Statements.Count - 1].Span.End : start;

    private void ParseFrontMatter(ScriptPage page)
    {
        Next();
        page.FrontMatter = ParseBlock(null);
        if (_isFatal)
        {
            return;
        }

        if (_token.Type == TokenType.FrontMatterMarker)
        {
            Next();
        }
        else
        {
            LogFatal(_token, "End of frontmatter `+++` not found");
        }
    }

    private void Next()
    {
        _previous = _token;
        (_token, _indent) = _ahead.Count > 0 ? _ahead.Dequeue() : ReadAhead();
    }

    private (Token Token, string? Indent) ReadAhead()
    {
        var token = _lexer.Next();
        return (token, token.Type == TokenType.CodeEnter ? _lexer.Indent : null);
    }

    private Token Peek()
    {
        if (_ahead.Count == 0)
        {
            _ahead.Enqueue(ReadAhead());
        }

        return _ahead.Peek().Token;
    }

    private string Text(Token token) => token.GetText(_text);

    private SourceSpan Span(TextPosition start, TextPosition end) => new(_fileName, start, end);

    private SourceSpan SpanOf(Token token) => new(_fileName, token.Start, token.End);

    /// <summary>Ends a node at the last token that was read.</summary>
    private T Close<T>(T node, TextPosition start)
        where T : ScriptNode
    {
        var end = _previous.Type == TokenType.Eof || _previous.End.Offset < start.Offset ? start : _previous.End;
        node.Span = Span(start, end);
        return node;
    }

    private void LogError(Token token, string message, ParserMessageCode code = ParserMessageCode.Syntax) => LogError(SpanOf(token), message, code);

    private void LogError(SourceSpan span, string message, ParserMessageCode code = ParserMessageCode.Syntax, TextPosition? opening = null)
    {
        _messages.Add(new LogMessage(ParserMessageType.Error, span, message) { Code = code, Opening = opening });

        // Nobody reads more, and a text of nothing but errors would take its time to describe.
        _isFatal |= _messages.Count >= MaxMessages;
    }

    private void LogFatal(Token token, string message, ParserMessageCode code = ParserMessageCode.Syntax)
    {
        LogError(token, message, code);
        _isFatal = true;
    }

    private void LogSyntax(
        SourceSpan span,
        string what,
        string message,
        string syntax,
        ParserMessageCode code = ParserMessageCode.Syntax,
        TextPosition? opening = null) =>
        LogError(span, $"Error while parsing {what}: {message} in: {syntax}", code, opening);

    private static string Escape(string text) =>
        text.Replace("\r", "\\r").Replace("\n", "\\n").Replace("\t", "\\t");

    private string Quote(Token token) => Escape(Text(token));

    /// <summary>Goes one level deeper; false if that is too deep.</summary>
    private bool TryEnter()
    {
        if (_depth + 1 < _options.ExpressionDepthLimit && HasStack())
        {
            _depth++;
            return true;
        }

        if (!_isFatal)
        {
            LogFatal(_token, $"The statement depth limit `{_options.ExpressionDepthLimit}` was reached when parsing this statement", ParserMessageCode.TooDeep);
        }

        return false;
    }

    private static bool HasStack()
    {
        try
        {
            System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
            return true;
        }
        catch (InsufficientExecutionStackException)
        {
            return false;
        }
    }

    private sealed class ParentSetter : ScriptVisitor
    {
        protected override void DefaultVisit(ScriptNode node)
        {
            foreach (var child in node.Children)
            {
                child.Parent = node;
                Visit(child);
            }
        }
    }
}
