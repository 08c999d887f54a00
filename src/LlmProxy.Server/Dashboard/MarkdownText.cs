using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace LlmProxy.Server.Dashboard;

/// <summary>Shows what a model wrote as Markdown. Raw HTML is text; links and images become text with their address, since a model, a page or a file may have made them up.</summary>
internal static class MarkdownText
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().Build();

    /// <summary>The text as HTML.</summary>
    public static string ToHtml(string text)
    {
        var document = Markdown.Parse(Show.Text(text), Pipeline);
        foreach (var link in document.Descendants<LinkInline>().ToList())
        {
            var label = string.Concat(link.Descendants<LiteralInline>().Select(literal => literal.Content.ToString()));
            link.ReplaceBy(new LiteralInline(label.Length == 0 || label == link.Url ? link.Url ?? "" : $"{label} ({link.Url})"), copyChildren: false);
        }

        foreach (var link in document.Descendants<AutolinkInline>().ToList())
        {
            link.ReplaceBy(new LiteralInline(link.Url), copyChildren: false);
        }

        return document.ToHtml(Pipeline);
    }
}
