using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

/// <summary>A parsed template. It does not change, so one instance can be rendered by many threads at a time.</summary>
public sealed class Template
{
    private Template(ScriptPage page, string? sourceFilePath, IReadOnlyList<LogMessage> messages)
    {
        Page = page;
        SourceFilePath = sourceFilePath;
        Messages = messages;
        HasErrors = messages.Any(m => m.Type == ParserMessageType.Error);
    }

    /// <summary>Whether the text is not a valid template. Rendering it throws.</summary>
    public bool HasErrors { get; }

    /// <summary>What is wrong: first what the parser found, then what the lexer found.</summary>
    public IReadOnlyList<LogMessage> Messages { get; }

    /// <summary>The tree. With errors it holds what could be read.</summary>
    public ScriptPage Page { get; }

    /// <summary>The path that messages show.</summary>
    public string? SourceFilePath { get; }

    /// <summary>Parses a text. Never throws for any text: what is wrong is in <see cref="Messages"/>.</summary>
    /// <param name="text">The template.</param>
    /// <param name="sourceFilePath">The path that messages show; nothing is read from it.</param>
    /// <param name="options">What bounds the parse.</param>
    public static Template Parse(string text, string? sourceFilePath = null, ParserOptions? options = null)
    {
        var parser = new Parser(text ?? string.Empty, sourceFilePath, options ?? ParserOptions.Default);
        var page = parser.ParsePage();
        return new Template(page, sourceFilePath, [.. parser.Messages]);
    }

    /// <summary>Renders with the globals and within the limits of a context.</summary>
    /// <exception cref="ScriptRuntimeException">The template cannot be rendered, with the place and the reason.</exception>
    /// <exception cref="OperationCanceledException">The context's token was cancelled.</exception>
    /// <exception cref="InvalidOperationException">The template has errors.</exception>
    public string Render(TemplateContext context)
    {
        CheckErrors();
        var outer = context.PushOutput();
        try
        {
            context.RenderPage(Page);
        }
        catch
        {
            context.PopOutput(outer);
            throw;
        }

        return context.PopOutput(outer);
    }

    /// <summary>Renders with one model and the default limits.</summary>
    /// <inheritdoc cref="Render(TemplateContext)"/>
    public string Render(ScriptObject? model = null)
    {
        var context = new TemplateContext();
        if (model is not null)
        {
            context.PushGlobal(model);
        }

        return Render(context);
    }

    internal void CheckErrors()
    {
        if (HasErrors)
        {
            throw new InvalidOperationException(
                "This template has errors and cannot be rendered: " + string.Join("; ", Messages.Select(m => m.ToString())));
        }
    }
}

/// <summary>Finds the templates that a template includes.</summary>
public interface ITemplateLoader
{
    /// <summary>The path of a template by the name it is included under; null if there is none.</summary>
    /// <param name="context">Who asks.</param>
    /// <param name="callerSpan">Where the include stands.</param>
    /// <param name="templateName">The name.</param>
    string? GetPath(TemplateContext context, SourceSpan callerSpan, string templateName);

    /// <summary>The text of the template with a path; null if there is none.</summary>
    /// <param name="context">Who asks.</param>
    /// <param name="callerSpan">Where the include stands.</param>
    /// <param name="templatePath">The path, as <see cref="GetPath"/> gave it.</param>
    string? Load(TemplateContext context, SourceSpan callerSpan, string templatePath);
}
