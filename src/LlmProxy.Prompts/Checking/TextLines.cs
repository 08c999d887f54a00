namespace LlmProxy.Prompts.Checking;

/// <summary>Places in a text.</summary>
internal static class TextLines
{
    /// <summary>The place of a character; line ends are <c>\n</c>, <c>\r\n</c> and a lone <c>\r</c>.</summary>
    public static TextPosition PositionOf(string text, int offset)
    {
        var (line, start) = (0, 0);
        for (var i = 0; i < offset; i++)
        {
            if (text[i] == '\n' || (text[i] == '\r' && (i + 1 >= text.Length || text[i + 1] != '\n')))
            {
                line++;
                start = i + 1;
            }
        }

        return new TextPosition(offset, line, offset - start);
    }
}
