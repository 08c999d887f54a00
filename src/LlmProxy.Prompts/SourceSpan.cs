using System.Globalization;

namespace LlmProxy.Prompts;

/// <summary>A place in a template's text. Offset, line and column count from 0; columns count UTF-16 units.</summary>
/// <param name="Offset">Characters before this place; -1 stands for the end of the text.</param>
/// <param name="Line">Lines before this place.</param>
/// <param name="Column">Characters before this place on its line.</param>
public readonly record struct TextPosition(int Offset, int Line, int Column)
{
    /// <summary>The position of the token that ends every text.</summary>
    public static TextPosition Eof { get; } = new(-1, -1, -1);

    /// <summary>The place one character further on the same line.</summary>
    public TextPosition NextColumn() => new(Offset + 1, Line, Column + 1);

    /// <summary>Line and column counted from 1, as editors show them: <c>(line,column)</c>.</summary>
    public override string ToString() =>
        "(" + (Line + 1).ToString(CultureInfo.InvariantCulture) + "," + (Column + 1).ToString(CultureInfo.InvariantCulture) + ")";
}

/// <summary>A piece of a template's text; both ends belong to it.</summary>
/// <param name="FileName">The path the template was parsed under, or <c>&lt;input&gt;</c>.</param>
/// <param name="Start">The first character.</param>
/// <param name="End">The last character.</param>
public readonly record struct SourceSpan(string FileName, TextPosition Start, TextPosition End)
{
    /// <summary>The file and the start: <c>file(line,column)</c>.</summary>
    public string ToStringSimple() => FileName + Start.ToString();

    /// <inheritdoc />
    public override string ToString() => ToStringSimple();
}
