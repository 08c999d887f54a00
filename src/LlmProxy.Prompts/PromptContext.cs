using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Scriban;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LlmProxy.Prompts;

/// <summary>
/// One rendering: the functions that templates may call, the templates that they may include, and
/// <see cref="PromptLimits"/>. Values are pushed by <see cref="TemplateContext.PushGlobal"/>.
/// </summary>
public sealed class PromptContext : TemplateContext
{
    private readonly IReadOnlyDictionary<string, Template> _templates;
    private int _steps;

    /// <summary>Makes a context for one rendering.</summary>
    /// <param name="templates">The parsed templates of the set by path; nothing else can be included.</param>
    /// <param name="outputLimit">The longest result, see <see cref="PromptLimits.OutputFor"/>.</param>
    /// <param name="deadline">Ends the rendering, wherever it is, with a <see cref="ScriptAbortException"/>.</param>
    public PromptContext(IReadOnlyDictionary<string, Template> templates, int outputLimit, CancellationToken deadline)
        : base(PromptBuiltins.All)
    {
        _templates = templates;
        NewLine = "\n";
        LoopLimit = PromptLimits.Loops;
        RecursiveLimit = PromptLimits.Recursion;
        RegexTimeOut = PromptLimits.Regex;
        LimitToString = outputLimit;
        OnStringLimit = ScriptLimitBehavior.Throw;
        OutputLimit = outputLimit * PromptLimits.WriteFactor;
        OnOutputLimit = ScriptLimitBehavior.Throw;
        CancellationToken = deadline;
        PushOutput(new LimitedOutput(this, outputLimit));
        foreach (var template in templates)
        {
            CachedTemplates[template.Key] = template.Value;
        }
    }

    /// <summary>How many statements and expressions are evaluated at most; 0 is no limit.</summary>
    public int StepLimit { get; set; } = PromptLimits.Steps;

    /// <inheritdoc />
    public override object? Evaluate(ScriptNode? scriptNode, bool aliasReturnedFunction)
    {
        // A stack that is used up cannot be caught.
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (++_steps > StepLimit && StepLimit > 0)
        {
            throw new ScriptRuntimeException(scriptNode?.Span ?? CurrentSpan, string.Format(CultureInfo.InvariantCulture, "Exceeding number of steps limit `{0}`.", StepLimit));
        }

        return base.Evaluate(scriptNode, aliasReturnedFunction);
    }

    /// <summary>Includes come from the set alone.</summary>
    /// <param name="templateName">The name as it stands in the template.</param>
    /// <param name="callerContext">The include.</param>
    public override string? GetTemplatePathFromName(string? templateName, ScriptNode? callerContext) =>
        TemplatePaths.Resolve(templateName ?? string.Empty, _templates.ContainsKey)
        ?? throw new ScriptRuntimeException(callerContext?.Span ?? CurrentSpan, $"There is no template `{templateName}`.");

    /// <summary>The result as it grows. Half a prompt is worse than none, so too long a one is an error.</summary>
    private sealed class LimitedOutput(TemplateContext context, int limit) : IScriptOutput
    {
        private readonly StringBuilder _text = new();

        public void Write(string text, int offset, int count)
        {
            if (_text.Length + count > limit)
            {
                throw new ScriptRuntimeException(context.CurrentSpan, string.Format(CultureInfo.InvariantCulture, "The result is longer than {0} characters.", limit));
            }

            _text.Append(text, offset, count);
        }

        public ValueTask WriteAsync(string text, int offset, int count, CancellationToken cancellationToken)
        {
            Write(text, offset, count);
            return default;
        }

        public override string ToString() => _text.ToString();
    }
}
