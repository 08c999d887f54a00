using Scriban;

namespace LlmProxy.Prompts.Checking;

/// <summary>
/// A template file as the checker sees it: parsed, with what can be told of it alone. Does not change, so it can be
/// kept for as long as its text stays the same.
/// </summary>
public sealed class TemplateFile
{
    private TemplateFile(string path, string text)
    {
        Path = path;
        Text = text;
        Template = TemplateParser.Parse(text, path);
        Names = Template.HasErrors ? NameUse.None : NameUse.Of(Template.Page);
        Diagnostics = Template.HasErrors ? LanguageRules.Errors(this) : [.. LanguageRules.OpenCode(this), .. WordRules.Of(this)];
    }

    /// <summary>The path in the set, with <c>/</c>.</summary>
    public string Path { get; }

    /// <summary>The text.</summary>
    public string Text { get; }

    /// <summary>The parsed text.</summary>
    public Template Template { get; }

    /// <summary>What is wrong with the file whatever the others hold: the rules of the language.</summary>
    public IReadOnlyList<TemplateDiagnostic> Diagnostics { get; }

    internal NameUse Names { get; }

    /// <summary>Parses a file.</summary>
    /// <param name="path">Its path in the set; <c>\</c> counts as <c>/</c>.</param>
    /// <param name="text">Its text.</param>
    public static TemplateFile Parse(string path, string text) => new(path.Replace('\\', '/'), text);

    /// <summary>A place of the parser in this file; the end-of-text position becomes the real one.</summary>
    internal SourceSpan Place(Scriban.Parsing.SourceSpan span)
    {
        if (span.Start.Offset < 0)
        {
            return PlaceAt(Text.Length);
        }

        var start = Convert(span.Start);
        return new SourceSpan(Path, start, span.End.Offset < span.Start.Offset ? start : Convert(span.End));

        static TextPosition Convert(Scriban.Parsing.TextPosition position) => new(position.Offset, position.Line, position.Column);
    }

    /// <summary>The place of characters, by the first and the number of the others.</summary>
    internal SourceSpan PlaceAt(int offset, int others = 0)
    {
        var start = TextLines.PositionOf(Text, offset);
        return new SourceSpan(Path, start, new TextPosition(start.Offset + others, start.Line, start.Column + others));
    }

    internal SourceSpan Beginning => new(Path, default, default);
}
