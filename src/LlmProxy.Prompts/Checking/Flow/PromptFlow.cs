using System.Runtime.CompilerServices;

using Scriban.Syntax;
using Span = Scriban.Parsing.SourceSpan;

namespace LlmProxy.Prompts.Checking.Flow;

/// <summary>
/// Abstract interpretation of a template: follows branches, loops, includes and functions with types instead of values,
/// to find unknown names and to determine what the prompt contains.
/// </summary>
/// <remarks>
/// Loop bodies run twice, so that an iteration sees the effects of the previous one. The number of steps is limited, so
/// that deeply nested templates do not take long; nothing is reported beyond the limit.
/// </remarks>
internal sealed partial class PromptFlow
{
    private const int MostSteps = 200_000;
    private const int MostIncludes = 24;
    private const int MostCalls = 8;

    private readonly TemplateIndex _index;
    private readonly Action<TemplateDiagnostic> _report;
    private readonly HashSet<string> _assigned = new(StringComparer.Ordinal);
    private readonly Stack<TemplateFile> _files = new();
    private readonly HashSet<ScriptFunction> _called = [];
    private readonly List<(ScriptFunction Function, TemplateFile File)> _defined = [];
    private FlowState _state = new();
    private int _steps;
    private int _loops;
    private int _calls;

    // Members of unknown objects may be names here ("with", "import").
    private int _openNames;

    private PromptFlow(TemplateIndex index, TemplateFile root, Action<TemplateDiagnostic> report)
    {
        _index = index;
        _report = report;
        foreach (var file in index.ReachedFrom(root))
        {
            _assigned.UnionWith(file.Names.Globals.Assigned.Keys);
        }
    }

    /// <summary>Whether the template was followed to its end; otherwise the output is incomplete.</summary>
    public bool IsComplete { get; private set; } = true;

    private TemplateFile File => _files.Peek();

    /// <summary>Follows a template.</summary>
    /// <returns>What its output contains; null if a part is unknown.</returns>
    public static FlowOutput? Follow(TemplateIndex index, TemplateFile root, Action<TemplateDiagnostic> report)
    {
        var flow = new PromptFlow(index, root, report);
        flow.RunPage(root, new FlowFrame(null, isCall: false));
        flow.RunUncalledFunctions();
        return flow.IsComplete ? flow._state.Output : null;
    }

    /// <summary>Runs a page in a frame of its own, into the output at hand.</summary>
    private void RunPage(TemplateFile file, FlowFrame frame)
    {
        if (file.Template.HasErrors)
        {
            IsComplete = false;
            return;
        }

        var outer = _state.Frame;
        _state.Frame = frame;
        _files.Push(file);
        Run(file.Template.Page?.Body);
        Leave(outer);
        _files.Pop();
    }

    /// <summary>Ends a page or function: joins the paths that returned early with the one that ran to the end.</summary>
    private void Leave(FlowFrame outer)
    {
        foreach (var exit in _state.Frame.Exits)
        {
            if (_state.IsDone)
            {
                _state = exit;
                _state.IsDone = false;
            }
            else
            {
                _state.Join(exit, AgentParts.None, File.Beginning);
            }
        }

        _state.IsDone = false;
        _state.Frame = outer;
    }

    private void Run(ScriptStatement? statement)
    {
        if (statement is not ScriptBlockStatement block)
        {
            RunStatement(statement);
            return;
        }

        foreach (var inner in block.Statements)
        {
            if (_state.IsDone || !Step())
            {
                return;
            }

            RunStatement(inner);
        }
    }

    /// <summary>Counts a step; false when there were too many.</summary>
    private bool Step()
    {
        if (++_steps > MostSteps || !HasStack())
        {
            _steps = MostSteps;
            IsComplete = false;
        }

        return _steps < MostSteps;
    }

    private void RunStatement(ScriptStatement? statement)
    {
        switch (statement)
        {
            case ScriptRawStatement raw:
                _state.Output.WriteOwn(raw.Text.ToString());
                break;
            case ScriptExpressionStatement expression:
                WriteValue(expression.Expression);
                break;
            case ScriptIfStatement conditional:
                RunIf(conditional);
                break;
            case ScriptElseStatement otherwise:
                Run(otherwise.Body);
                break;
            case ScriptForStatement loop:
                RunFor(loop);
                break;
            case ScriptWhileStatement loop:
                Evaluate(loop.Condition);
                RunRounds(loop, loop.Body, PromptBudget.Rounds);
                break;
            case ScriptCaseStatement choice:
                RunCase(choice);
                break;
            case ScriptCaptureStatement capture:
                Assign(capture.Target, Capture(() => Run(capture.Body)));
                break;
            case ScriptWithStatement with:
                RunWith(with);
                break;
            case ScriptWrapStatement wrap:
                Evaluate(wrap.Target);
                Run(wrap.Body);
                break;
            case ScriptImportStatement import:
                Evaluate(import.Expression);
                _openNames++;
                break;
            case ScriptReturnStatement exit:
                RunReturn(exit);
                break;
            case ScriptFunction function when function.Name() is { } name:
                _defined.Add((function, File));
                Assign(name, new FlowValue { Function = function });
                break;
        }
    }

    private void RunIf(ScriptIfStatement statement)
    {
        Evaluate(statement.Condition);
        Branch(() => Run(statement.Then), () => RunOptional(statement.Else), AskedParts(statement.Condition), statement.Span);
    }

    private void RunOptional(ScriptStatement? statement)
    {
        if (statement is not null)
        {
            RunStatement(statement);
        }
    }

    private void RunCase(ScriptCaseStatement statement)
    {
        Evaluate(statement.Value);
        foreach (var inner in statement.Body?.Statements.AsEnumerable() ?? [])
        {
            if (inner is ScriptWhenStatement when)
            {
                RunWhen(when);
                return;
            }

            // Text before the first "when" is layout; code there is run.
            if (inner is not ScriptRawStatement)
            {
                RunStatement(inner);
            }
        }
    }

    private void RunWhen(ScriptWhenStatement statement)
    {
        foreach (var value in statement.Values)
        {
            Evaluate(value);
        }

        Branch(
            () => Run(statement.Body),
            () =>
            {
                if (statement.Next is ScriptWhenStatement next)
                {
                    RunWhen(next);
                }
                else
                {
                    RunOptional(statement.Next);
                }
            },
            AgentParts.None,
            statement.Span);
    }

    /// <summary>Follows both branches, then joins them.</summary>
    private void Branch(Action one, Action other, AgentParts asked, Span span)
    {
        var before = _state.Clone();
        one();
        var after = _state;
        _state = before;
        other();
        if (after.IsDone || _state.IsDone)
        {
            // A path that ended with "ret" is in the frame's exits.
            _state = after.IsDone && !_state.IsDone ? _state : after;
            return;
        }

        after.Join(_state, asked, File.Place(span));
        _state = after;
    }

    private void RunFor(ScriptForStatement loop)
    {
        var list = Evaluate(loop.Iterator);
        var limit = list.IsLimited;
        foreach (var argument in loop.NamedArguments)
        {
            if (argument.Value is not null)
            {
                Evaluate(argument.Value);
            }

            // A limit of 0 is none.
            limit |= argument is { Name.Name: "limit", Value: not (null or ScriptLiteral { Value: int and <= 0 }) };
        }

        CheckLimit(loop, list, limit);
        var rounds = ReferenceEquals(list.Type?.Element, PromptModel.Example) ? PromptBudget.Examples
            : ReferenceEquals(list.Type?.Element, PromptModel.Step) ? PromptBudget.Steps
            : PromptBudget.Rounds;
        var names = loop.Variable is ScriptVariableLocal ? _state.Frame.Locals : _state.Globals;
        var name = (loop.Variable as ScriptVariable)?.BaseName;
        FlowValue? hidden = null;
        var isHidden = name is not null && names.TryGetValue(name, out hidden);
        if (name is null)
        {
            Assign(loop.Variable, ElementOf(list));
        }
        else
        {
            names[name] = ElementOf(list);
        }

        RunRounds(loop, loop.Body, rounds);
        if (name is not null)
        {
            names = loop.Variable is ScriptVariableLocal ? _state.Frame.Locals : _state.Globals;
            names.Remove(name);
            if (isHidden)
            {
                names[name] = hidden!;
            }
        }

        if (loop.Else is not null)
        {
            Branch(() => { }, () => RunStatement(loop.Else), AgentParts.None, loop.Span);
        }
    }

    private void RunRounds(ScriptStatement loop, ScriptBlockStatement? body, int rounds)
    {
        _loops++;
        var characters = _state.Output.Characters;
        Branch(
            () =>
            {
                Run(body);
                Run(body);
            },
            () => { },
            AgentParts.None,
            loop.Span);
        _loops--;
        _state.Output.SetRounds(characters, 2, rounds);
    }

    private void RunWith(ScriptWithStatement statement)
    {
        var target = Evaluate(statement.Name);
        var outer = _state.Frame;
        _state.Frame = new FlowFrame(null, isCall: true);
        var hidden = new List<(string Name, FlowValue? Value)>();
        foreach (var member in target.Type?.Members ?? [])
        {
            hidden.Add((member.Name, _state.Globals.TryGetValue(member.Name, out var value) ? value : null));
            _state.Globals[member.Name] = FlowValue.OfMember(member, target.Type!);
        }

        _openNames += target.Type is null ? 1 : 0;
        Run(statement.Body);
        _openNames -= target.Type is null ? 1 : 0;
        foreach (var (name, value) in hidden)
        {
            _state.Globals.Remove(name);
            if (value is not null)
            {
                _state.Globals[name] = value;
            }
        }

        _state.Frame = outer;
    }

    private void RunReturn(ScriptReturnStatement statement)
    {
        WriteValue(statement.Expression);

        _state.Frame.Exits.Add(_state.Clone());
        _state.IsDone = true;
    }

    /// <summary>Also checks the bodies of uncalled functions, which write nothing.</summary>
    private void RunUncalledFunctions()
    {
        var output = _state.Output;
        for (var i = 0; i < _defined.Count; i++)
        {
            var (function, file) = _defined[i];
            if (!_called.Contains(function))
            {
                _files.Push(file);
                CallFunction(function, [], []);
                _files.Pop();
            }
        }

        _state.Output = output;
    }

    /// <summary>What an action writes, as a value. A fence that is open around it holds inside.</summary>
    private FlowValue Capture(Action write)
    {
        var outer = _state.Output;
        _state.Output = new FlowOutput(outer.Fence);
        write();
        var made = _state.Output;
        _state.Output = outer;
        return new FlowValue { Output = made };
    }

    private void WriteValue(ScriptExpression? expression)
    {
        if (expression is not null)
        {
            Write(Evaluate(expression), expression.Span);
        }
    }

    private void Write(FlowValue value, Span span)
    {
        if (ReferenceEquals(value, FlowValue.Nothing))
        {
            return;
        }

        var place = File.Place(span);
        _state.Output.Write(value, place);
        if (value.IsPerTask)
        {
            Report(
                Rules.TaskValue,
                span,
                "This value is another one for every task, so no task can use the provider's cache of another one's prompt: leave it out, or write it at the very end.");
        }
    }

    private void Report(Rule rule, Span span, string message) => _report(new TemplateDiagnostic(rule, File.Place(span), message));

    private static bool HasStack()
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            return true;
        }
        catch (InsufficientExecutionStackException)
        {
            return false;
        }
    }
}
