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
        Template = Template.Parse(text, path);
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

    /// <summary>Where a position of a message stands; the end-of-text position of the parser becomes the real one.</summary>
    internal SourceSpan Place(TextPosition start, TextPosition end)
    {
        if (start.Offset < 0)
        {
            var last = TextLines.PositionOf(Text, Text.Length);
            return new SourceSpan(Path, last, last);
        }

        return new SourceSpan(Path, start, end.Offset < start.Offset ? start : end);
    }

    internal SourceSpan Place(SourceSpan span) => Place(span.Start, span.End);

    internal SourceSpan Beginning => new(Path, default, default);
}
