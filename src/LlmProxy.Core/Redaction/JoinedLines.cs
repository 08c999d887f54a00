namespace LlmProxy.Core.Redaction;

/// <summary>Follows a token over line ends and the pieces of a text that code puts together.</summary>
internal static class JoinedLines
{
    private const int LongestGap = 100;
    private const int MostPieces = 64;
    private const int LeastPiece = 8;
    private const int LongestPiece = 1_000;

    /// <summary>End of the token that continues after a place; the place itself if none continues.</summary>
    /// <param name="text">The text.</param>
    /// <param name="end">Where its first piece ends.</param>
    public static int Extend(ReadOnlySpan<char> text, int end)
    {
        for (var piece = 0; piece < MostPieces; piece++)
        {
            var next = NextPiece(text, end);
            if (next == 0)
            {
                return end;
            }

            end = next;
        }

        return end;
    }

    /// <summary>How long the piece of a token is that a text begins with; 0 if it begins with none.</summary>
    public static int PieceLength(ReadOnlySpan<char> text)
    {
        var length = CharacterRuns.Length(text[..Math.Min(text.Length, LongestPiece)], Alphabet.Token);
        var isName = length < text.Length && text[length] is '=' or ':' or '(' or '.';
        return length >= LeastPiece && !isName && Randomness.IsRandom(text[..length]) && !SecretScanner.BeginsToken(text) ? length : 0;
    }

    private static int NextPiece(ReadOnlySpan<char> text, int end)
    {
        var gap = text[end..Math.Min(text.Length, end + LongestGap)];
        var (at, hasLine, quotes, hasOperator) = (0, false, 0, false);
        for (; at < gap.Length; at++)
        {
            var c = gap[at];
            if (c is '\n')
            {
                hasLine = true;
            }
            else if (c is '"' or '\'' or '`')
            {
                quotes++;
            }
            else if (c is '+' or '>' or '|' or '#' or '*')
            {
                hasOperator |= c == '+';
            }
            else if (c == '\\' && at + 1 < gap.Length && gap[at + 1] is 'n' or 'r')
            {
                hasLine = true;
                at++;
            }
            else if (c is not (' ' or '\t' or '\r' or '\\'))
            {
                break;
            }
        }

        var isGap = quotes <= 2 && (hasLine || (quotes == 2 && hasOperator));
        return isGap && PieceLength(text[(end + at)..]) is > 0 and var length ? end + at + length : 0;
    }
}
