using System.Globalization;

namespace LlmProxy.Prompts;

/// <summary>A place in a template's text. Offset, line and column count from 0; columns count UTF-16 units.</summary>
/// <param name="Offset">Characters before this place.</param>
/// <param name="Line">Lines before this place.</param>
/// <param name="Column">Characters before this place on its line.</param>
public readonly record struct TextPosition(int Offset, int Line, int Column)
{
    /// <summary>Line and column counted from 1, as editors show them: <c>(line,column)</c>.</summary>
    public override string ToString() =>
        "(" + (Line + 1).ToString(CultureInfo.InvariantCulture) + "," + (Column + 1).ToString(CultureInfo.InvariantCulture) + ")";
}

/// <summary>A piece of a template's text; both ends belong to it.</summary>
/// <param name="FileName">The path that the template was parsed under.</param>
/// <param name="Start">The first character.</param>
/// <param name="End">The last character.</param>
public readonly record struct SourceSpan(string FileName, TextPosition Start, TextPosition End)
{
    /// <summary>The file and the start: <c>file(line,column)</c>.</summary>
    public override string ToString() => FileName + Start.ToString();
}
