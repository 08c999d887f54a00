using Markdig;
using Markdig.Renderers;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;
using Microsoft.AspNetCore.Components;

namespace LlmProxy.Server.Dashboard;

/// <summary>Markdown of recorded texts as HTML: HTML in it stays text, images become text, and links lead only to web pages.</summary>
internal static class MarkdownText
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().DisableHtml().UsePipeTables().UseEmphasisExtras().Build();

    /// <summary>The HTML; null if the text is nested too deeply.</summary>
    public static MarkupString? Render(string text)
    {
        MarkdownDocument document;
        try
        {
            document = Markdown.Parse(Show.Lines(text), Pipeline);
        }
        catch (ArgumentException)
        {
            // Markdig's limit of nesting.
            return null;
        }

        foreach (var link in document.Descendants<LinkInline>().ToList())
        {
            if (link.IsImage || !IsWebPage(link.Url))
            {
                link.ReplaceBy(new LiteralInline((link.IsImage ? "[image] " : "") + Label(link) + " (" + link.Url + ")"));
            }
        }

        foreach (var link in document.Descendants<AutolinkInline>().Where(link => link.IsEmail || !IsWebPage(link.Url)).ToList())
        {
            link.ReplaceBy(new LiteralInline(link.Url));
        }

        using var writer = new StringWriter();
        var renderer = new HtmlRenderer(writer) { LinkRewriter = null };
        Pipeline.Setup(renderer);
        foreach (var link in document.Descendants<LinkInline>())
        {
            Markdig.Renderers.Html.HtmlAttributesExtensions.GetAttributes(link).AddProperty("rel", "noopener noreferrer nofollow");
        }

        renderer.Render(document);
        return new MarkupString(writer.ToString());
    }

    private static string Label(LinkInline link) => string.Concat(link.Descendants<LiteralInline>().Select(literal => literal.Content.ToString()));

    private static bool IsWebPage(string? url) => Uri.TryCreate(url, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttp || address.Scheme == Uri.UriSchemeHttps);
}
