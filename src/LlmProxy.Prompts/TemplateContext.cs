using System.Globalization;

using LlmProxy.Prompts.Functions;
using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

/// <summary>
/// What a template is rendered with: globals, a loader for includes, and limits. Use one for one rendering at a time;
/// templates that were included stay parsed in it.
/// </summary>
public sealed partial class TemplateContext
{
    private readonly Dictionary<string, Template> _included = new(StringComparer.Ordinal);
    private readonly Stack<OutputBuffer> _spareOutputs = new();
    private OutputBuffer? _output;
    private bool _wroteLineEnd;
    private object? _returnValue;
    private int _pages;

    internal Dictionary<string, int> Cycles { get; } = new(StringComparer.Ordinal);

    /// <summary>Makes a context with the built-in functions and no globals.</summary>
    public TemplateContext()
    {
        Builtins = new BuiltinObject();
        _scopes.Add(new Scope(new ScriptObject(), isParameters: false));
    }

    /// <summary>The built-in names of this context. A template may replace them for itself.</summary>
    internal BuiltinObject Builtins { get; }

    /// <summary>Finds included templates; without one, an include is an error.</summary>
    public ITemplateLoader? TemplateLoader { get; set; }

    /// <summary>The included templates by path. Put parsed templates here to spare the loader.</summary>
    public IDictionary<string, Template> CachedTemplates => _included;

    /// <summary>Whether reading a name that does not exist is an error. Members of objects are never errors.</summary>
    public bool StrictVariables { get; set; }

    /// <summary>The line end that statements write.</summary>
    public string NewLine { get; set; } = "\n";

    /// <summary>How many steps a nest of loops may take; 0 is no limit.</summary>
    public int LoopLimit { get; set; } = 1000;

    /// <summary>How deep functions and includes may call each other; 0 is no limit.</summary>
    public int RecursiveLimit { get; set; } = 100;

    /// <summary>How deep a printed value may nest; 0 is no limit.</summary>
    public int ObjectRecursionLimit { get; set; } = 20;

    /// <summary>How many characters are written before the output is cut; 0 is no limit.</summary>
    public int LimitToString { get; set; } = 1048576;

    /// <summary>How long one regular expression may run.</summary>
    public TimeSpan RegexTimeOut { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many statements, calls and loop steps a rendering may take in all; 0 is no limit.</summary>
    public long StepLimit { get; set; } = 10_000_000;

    /// <summary>Whether the white space before a code section that stands first on its line goes before each line it writes.</summary>
    public bool AutoIndent { get; set; } = true;

    /// <summary>Whether that white space goes before empty lines too.</summary>
    public bool IndentOnEmptyLines { get; set; } = true;

    /// <summary>Whether a member or index of null is null and not an error.</summary>
    public bool EnableRelaxedTargetAccess { get; set; }

    /// <summary>Whether a member that does not exist is null and not an error.</summary>
    public bool EnableRelaxedMemberAccess { get; set; } = true;

    /// <summary>Whether calling a function that does not exist gives null and is not an error.</summary>
    public bool EnableRelaxedFunctionAccess { get; set; }

    /// <summary>Whether an index outside of a list gives null and is not an error.</summary>
    public bool EnableRelaxedIndexerAccess { get; set; } = true;

    /// <summary>Whether the index null gives null and is not an error.</summary>
    public bool EnableNullIndexer { get; set; }

    /// <summary>What <c>date.now</c> and <c>date.utc_now</c> give. Null makes them errors, so that output does not depend on the clock.</summary>
    public Func<DateTimeOffset>? Clock { get; set; }

    /// <summary>Stops the rendering.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal static CultureInfo Culture => CultureInfo.InvariantCulture;

    internal string? Indent { get; set; }

    internal Flow Flow { get; set; }

    /// <summary>Puts an object's members before the globals that are there. Templates write to the object pushed last.</summary>
    public void PushGlobal(ScriptObject scriptObject) => _scopes.Add(new Scope(scriptObject, isParameters: false));

    /// <summary>Takes away the object pushed last, and returns it.</summary>
    /// <exception cref="InvalidOperationException">Nothing was pushed.</exception>
    public ScriptObject PopGlobal()
    {
        if (_scopes.Count <= 1)
        {
            throw new InvalidOperationException("No global object was pushed.");
        }

        var last = _scopes[_scopes.Count - 1].Object;
        _scopes.RemoveAt(_scopes.Count - 1);
        return last;
    }

    internal void RenderPage(ScriptPage page)
    {
        var outermost = _pages == 0;
        if (outermost)
        {
            _steps = 0;
        }

        _pages++;

        try
        {
            if (page.Evaluate(this) is { } value)
            {
                WriteValue(value);
            }
        }
        catch (ScriptFunctionException problem)
        {
            throw new ScriptRuntimeException(page.Span, problem.Message, problem);
        }
        finally
        {
            _pages--;
            if (outermost)
            {
                ResetAfterRender();
            }
        }
    }

    internal (OutputBuffer? Output, bool WroteLineEnd, string? Indent) PushOutput()
    {
        var outer = (_output, _wroteLineEnd, Indent);
        _output = _spareOutputs.Count > 0 ? _spareOutputs.Pop() : new OutputBuffer(LimitToString);
        _wroteLineEnd = false;
        Indent = null;
        return outer;
    }

    internal string PopOutput((OutputBuffer? Output, bool WroteLineEnd, string? Indent) outer)
    {
        var text = _output!.ToString();
        if (outer.Output is null)
        {
            _output.Release();
        }
        else
        {
            _output.Reset();
            _spareOutputs.Push(_output);
        }

        (_output, _wroteLineEnd, Indent) = outer;
        return text;
    }

    internal void WriteValue(object value) =>
        WriteText(value as string ?? Values.ToText(this, value) ?? string.Empty);

    internal void WriteText(string text)
    {
        if (text.Length == 0)
        {
            return;
        }

        if (Indent is null)
        {
            _output!.Append(text, 0, text.Length);
            _wroteLineEnd = text[text.Length - 1] == '\n';
            return;
        }

        WriteIndented(text, Indent);
    }

    private void WriteIndented(string text, string indent)
    {
        var index = 0;
        while (index < text.Length)
        {
            if (_wroteLineEnd && (IndentOnEmptyLines || text[index] is not ('\n' or '\r')))
            {
                _output!.Append(indent, 0, indent.Length);
            }

            var lineEnd = text.IndexOf('\n', index);
            var next = lineEnd < 0 ? text.Length : lineEnd + 1;
            _output!.Append(text, index, next - index);
            _wroteLineEnd = lineEnd >= 0;
            index = next;
        }
    }
}

/// <summary>Where the rendering goes after a statement.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
    Return,
}
