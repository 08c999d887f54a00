using Scriban.Parsing;

namespace LlmProxy.Prompts.Checking;

/// <summary>
/// What the tokens of a text tell that the parser's messages do not: where the blocks and the string begin whose end is
/// missing. Looked at only when the parser found that one is.
/// </summary>
internal static class CodeScan
{
    private static readonly HashSet<string> Openers = new(StringComparer.Ordinal) { "if", "for", "while", "case", "with", "capture", "func", "wrap", "tablerow" };

    /// <summary>The words that begin the blocks which are open at the end, the innermost first. A branch stands for its block.</summary>
    public static IEnumerable<(int Offset, string Text)> OpenBlocks(string text)
    {
        var open = new Stack<Token>();
        var before = TokenType.CodeEnter;
        var isElse = false;
        foreach (var (token, after) in Pairs(text))
        {
            var isFirst = before is TokenType.CodeEnter or TokenType.NewLine or TokenType.SemiColon;
            var word = token.Type == TokenType.Identifier ? token.GetText(text) : string.Empty;
            if (isElse && word == "if")
            {
                open.Pop();
                open.Push(token);
            }

            isElse = isFirst && word == "else";
            if (isElse || (isFirst && word == "when"))
            {
                Close();
                open.Push(token);
            }
            else if (isFirst && word == "end")
            {
                Close();
            }
            else if ((isFirst && Openers.Contains(word) && after != TokenType.Dot) || (word == "do" && before is not (TokenType.Dot or TokenType.QuestionDot) && after != TokenType.Colon))
            {
                open.Push(token);
            }

            before = token.Type;
        }

        return open.Select(token => (token.Start.Offset, token.GetText(text)));

        void Close()
        {
            if (open.Count > 0)
            {
                open.Pop();
            }
        }
    }

    /// <summary>Where the string begins that runs to the end of the text: the first character of the last gap between tokens.</summary>
    public static int OpenString(string text)
    {
        var (end, found) = (-1, text.Length - 1);
        foreach (var token in new Lexer(text))
        {
            for (var i = end + 1; i < token.Start.Offset; i++)
            {
                if (!char.IsWhiteSpace(text[i]))
                {
                    found = i;
                    break;
                }
            }

            end = Math.Max(end, token.End.Offset);
        }

        return found;
    }

    /// <summary>The tokens of the code, each with the type of the one after it.</summary>
    private static IEnumerable<(Token Token, TokenType After)> Pairs(string text)
    {
        Token? last = null;
        foreach (var token in new Lexer(text))
        {
            if (token.Type is TokenType.Whitespace or TokenType.WhitespaceFull or TokenType.Comment or TokenType.CommentMulti)
            {
                continue;
            }

            if (last is { } one)
            {
                yield return (one, token.Type);
            }

            last = token;
        }

        if (last is { } final)
        {
            yield return (final, TokenType.Eof);
        }
    }
}
