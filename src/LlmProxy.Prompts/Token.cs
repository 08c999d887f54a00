namespace LlmProxy.Prompts;

/// <summary>The kinds of token in a template.</summary>
public enum TokenType
{
    /// <summary>Something that is no token; the parser or the lexer reports it.</summary>
    Invalid,
    /// <summary>The end of the text.</summary>
    Eof,
    /// <summary>Text outside of code.</summary>
    Raw,
    /// <summary>Text inside an escape block.</summary>
    Escape,
    /// <summary><c>{%{</c></summary>
    EscapeEnter,
    /// <summary><c>}%}</c></summary>
    EscapeExit,
    /// <summary><c>{{</c></summary>
    CodeEnter,
    /// <summary><c>}}</c></summary>
    CodeExit,
    /// <summary>The <c>+++</c> line around front matter.</summary>
    FrontMatterMarker,
    /// <summary>A line end in code with the white space after it.</summary>
    NewLine,
    /// <summary><c>;</c></summary>
    SemiColon,
    /// <summary>A name.</summary>
    Identifier,
    /// <summary>A name that starts with <c>$</c>.</summary>
    IdentifierSpecial,
    /// <summary>A decimal integer.</summary>
    Integer,
    /// <summary>A hexadecimal integer.</summary>
    HexaInteger,
    /// <summary>A binary integer.</summary>
    BinaryInteger,
    /// <summary>A number with a fraction or a type letter.</summary>
    Float,
    /// <summary>A quoted string.</summary>
    String,
    /// <summary>A string between backticks.</summary>
    VerbatimString,
    /// <summary>An interpolated string without holes.</summary>
    InterpolatedString,
    /// <summary>An interpolated string up to its first hole.</summary>
    BeginInterpolatedString,
    /// <summary>The text between two holes.</summary>
    ContinuationInterpolatedString,
    /// <summary>The text after the last hole.</summary>
    EndingInterpolatedString,
    /// <summary>The brace that opens a hole.</summary>
    OpenInterpolatedBrace,
    /// <summary>The brace that closes a hole.</summary>
    CloseInterpolatedBrace,
    /// <summary><c>.</c></summary>
    Dot,
    /// <summary><c>?.</c></summary>
    QuestionDot,
    /// <summary><c>..</c></summary>
    DoubleDot,
    /// <summary><c>..&lt;</c></summary>
    DoubleDotLess,
    /// <summary><c>...</c></summary>
    TripleDot,
    /// <summary><c>:</c></summary>
    Colon,
    /// <summary><c>,</c></summary>
    Comma,
    /// <summary><c>?</c></summary>
    Question,
    /// <summary><c>??</c></summary>
    DoubleQuestion,
    /// <summary><c>?!</c></summary>
    QuestionExclamation,
    /// <summary><c>!</c></summary>
    Exclamation,
    /// <summary><c>!=</c></summary>
    ExclamationEqual,
    /// <summary><c>=</c></summary>
    Equal,
    /// <summary><c>==</c></summary>
    DoubleEqual,
    /// <summary><c>|</c></summary>
    VerticalBar,
    /// <summary><c>|&gt;</c></summary>
    PipeGreater,
    /// <summary><c>||</c></summary>
    DoubleVerticalBar,
    /// <summary><c>&amp;</c></summary>
    Amp,
    /// <summary><c>&amp;&amp;</c></summary>
    DoubleAmp,
    /// <summary><c>&lt;</c></summary>
    Less,
    /// <summary><c>&lt;=</c></summary>
    LessEqual,
    /// <summary><c>&lt;&lt;</c></summary>
    DoubleLess,
    /// <summary><c>&gt;</c></summary>
    Greater,
    /// <summary><c>&gt;=</c></summary>
    GreaterEqual,
    /// <summary><c>&gt;&gt;</c></summary>
    DoubleGreater,
    /// <summary><c>+</c></summary>
    Plus,
    /// <summary><c>++</c></summary>
    DoublePlus,
    /// <summary><c>+=</c></summary>
    PlusEqual,
    /// <summary><c>-</c></summary>
    Minus,
    /// <summary><c>--</c></summary>
    DoubleMinus,
    /// <summary><c>-=</c></summary>
    MinusEqual,
    /// <summary><c>*</c></summary>
    Asterisk,
    /// <summary><c>*=</c></summary>
    AsteriskEqual,
    /// <summary><c>/</c></summary>
    Divide,
    /// <summary><c>/=</c></summary>
    DivideEqual,
    /// <summary><c>//</c></summary>
    DoubleDivide,
    /// <summary><c>//=</c></summary>
    DoubleDivideEqual,
    /// <summary><c>%</c></summary>
    Percent,
    /// <summary><c>%=</c></summary>
    PercentEqual,
    /// <summary><c>^</c></summary>
    Caret,
    /// <summary><c>@</c></summary>
    Arroba,
    /// <summary><c>(</c></summary>
    OpenParen,
    /// <summary><c>)</c></summary>
    CloseParen,
    /// <summary><c>[</c></summary>
    OpenBracket,
    /// <summary><c>]</c></summary>
    CloseBracket,
    /// <summary><c>{</c></summary>
    OpenBrace,
    /// <summary><c>}</c></summary>
    CloseBrace,
}

/// <summary>A token and the characters it stands on; both ends belong to it.</summary>
/// <param name="Type">The kind.</param>
/// <param name="Start">The first character.</param>
/// <param name="End">The last character.</param>
public readonly record struct Token(TokenType Type, TextPosition Start, TextPosition End)
{
    /// <summary>The token that ends every text.</summary>
    public static Token Eof { get; } = new(TokenType.Eof, TextPosition.Eof, TextPosition.Eof);

    /// <summary>The characters of this token in the text it was read from.</summary>
    public string GetText(string text)
    {
        if (Type == TokenType.Eof)
        {
            return "<eof>";
        }

        return Start.Offset >= 0 && End.Offset >= Start.Offset && End.Offset < text.Length
            ? text.Substring(Start.Offset, End.Offset - Start.Offset + 1)
            : string.Empty;
    }
}
