using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

public sealed partial class TemplateContext
{
    private readonly List<Scope> _scopes = [];
    private Frame _frame = new();
    private int _parameterFloor;

    internal ScriptObject CurrentGlobal
    {
        get
        {
            for (var i = _scopes.Count - 1; ; i--)
            {
                if (!_scopes[i].IsParameters)
                {
                    return _scopes[i].Object;
                }
            }
        }
    }

    internal bool TryGetGlobal(string name, out object? value)
    {
        for (var i = _scopes.Count - 1; i >= 0; i--)
        {
            var scope = _scopes[i];
            if (scope.IsParameters && i < _parameterFloor)
            {
                continue;
            }

            if (scope.Loops is { Count: > 0 } loops && TryGetLoopName(loops, name, out value))
            {
                return true;
            }

            if (scope.Object.TryGetValue(name, out value))
            {
                return true;
            }
        }

        return Builtins.TryGetValue(name, out value);
    }

    internal bool TrySetGlobal(string name, object? value)
    {
        var target = TargetOf(name);
        if (!target.CanWrite(name))
        {
            return false;
        }

        target[name] = value;
        return true;
    }

    internal bool TryGetLocal(string name, out object? value)
    {
        var loops = _frame.Loops;
        for (var i = (loops?.Count ?? 0) - 1; i >= 0; i--)
        {
            if (loops![i].Variable == name)
            {
                value = loops[i].Value;
                return true;
            }
        }

        if (name.Length == 0)
        {
            value = _frame.Arguments;
            return value is not null;
        }

        value = null;
        return _frame.Locals?.TryGetValue(name, out value) == true;
    }

    internal bool TrySetLocal(string name, object? value)
    {
        var locals = _frame.Locals ??= new ScriptObject();
        if (!locals.CanWrite(name))
        {
            return false;
        }

        locals[name] = value;
        return true;
    }

    internal void MakeReadOnly(ScriptVariable variable)
    {
        if (variable is ScriptVariableLocal)
        {
            (_frame.Locals ??= new ScriptObject()).SetReadOnly(variable.Name, isReadOnly: true);
            return;
        }

        var target = TargetOf(variable.Name);
        if (target.ContainsKey(variable.Name))
        {
            target.SetReadOnly(variable.Name, isReadOnly: true);
        }
    }

    internal LoopScope EnterLoop(ScriptNode loop, ScriptVariable? variable, LoopState state)
    {
        CheckStack(loop);
        if (_loopDepth++ == 0)
        {
            _loopSteps = 0;
        }

        var isLocal = variable is ScriptVariableLocal;
        var scope = new LoopScope(variable?.Name, isLocal, state);
        (_scopes[_scopes.Count - 1].Loops ??= []).Add(scope);
        if (isLocal)
        {
            (_frame.Loops ??= []).Add(scope);
        }

        return scope;
    }

    internal void LeaveLoop(LoopScope scope)
    {
        _loopDepth--;
        var loops = _scopes[_scopes.Count - 1].Loops!;
        loops.RemoveAt(loops.Count - 1);
        if (scope.IsLocal)
        {
            _frame.Loops!.RemoveAt(_frame.Loops.Count - 1);
        }
    }

    internal Frame EnterWith(ScriptObject members)
    {
        var outer = _frame;
        PushGlobal(members);
        _frame = new Frame();
        return outer;
    }

    internal void LeaveWith(Frame outer)
    {
        _scopes.RemoveAt(_scopes.Count - 1);
        _frame = outer;
    }

    /// <summary>Enters a function or an include; give the result to <see cref="LeaveCall"/>.</summary>
    internal CallState EnterCall(ScriptNode caller, int levels, ScriptArray? arguments, ScriptObject? locals, ScriptObject? parameters, bool hidesParameters)
    {
        _depth += levels;
        if (RecursiveLimit > 0 && _depth > RecursiveLimit)
        {
            _depth -= levels;
            throw new ScriptRuntimeException(
                caller.Span, $"Exceeding number of recursive depth limit `{RecursiveLimit}` for node: `{caller}`");
        }

        var state = new CallState(_frame, _parameterFloor, levels, parameters is not null);
        CheckStack(caller);
        _frame = new Frame { Arguments = arguments, Locals = locals };
        if (hidesParameters)
        {
            _parameterFloor = _scopes.Count;
        }

        if (parameters is not null)
        {
            _scopes.Add(new Scope(parameters, isParameters: true));
        }

        return state;
    }

    internal void LeaveCall(CallState state)
    {
        if (state.HasParameters)
        {
            _scopes.RemoveAt(_scopes.Count - 1);
        }

        _frame = state.Frame;
        _parameterFloor = state.ParameterFloor;
        _depth -= state.Levels;
    }

    internal void SetBlockDelegate(ScriptBlockStatement? block) => _frame.Block = block;

    internal void RunBlockDelegate() => _frame.Block?.Evaluate(this);

    private static bool TryGetLoopName(List<LoopScope> loops, string name, out object? value)
    {
        for (var i = loops.Count - 1; i >= 0; i--)
        {
            var loop = loops[i];
            if (!loop.IsLocal && loop.Variable == name)
            {
                value = loop.Value;
                return true;
            }

            if (loop.State.Name == name)
            {
                value = loop.State;
                return true;
            }
        }

        value = null;
        return false;
    }

    /// <summary>
    /// The object that a name is written to: the parameters of the running function, if the name is one of them or is
    /// new; otherwise the object that was pushed last.
    /// </summary>
    private ScriptObject TargetOf(string name)
    {
        var top = _scopes[_scopes.Count - 1];
        if (!top.IsParameters || _scopes.Count - 1 < _parameterFloor)
        {
            return CurrentGlobal;
        }

        if (top.Object.ContainsKey(name))
        {
            return top.Object;
        }

        for (var i = _scopes.Count - 2; i >= 0; i--)
        {
            if (!_scopes[i].IsParameters && _scopes[i].Object.ContainsKey(name))
            {
                return CurrentGlobal;
            }
        }

        return top.Object;
    }

    internal readonly record struct CallState(Frame Frame, int ParameterFloor, int Levels, bool HasParameters);

    /// <summary>What belongs to one page, function call, include or <c>with</c>: everything that starts with <c>$</c>.</summary>
    internal sealed class Frame
    {
        public ScriptArray? Arguments { get; init; }

        public ScriptObject? Locals { get; set; }

        public List<LoopScope>? Loops { get; set; }

        public ScriptBlockStatement? Block { get; set; }
    }

    private sealed class Scope(ScriptObject members, bool isParameters)
    {
        public ScriptObject Object { get; } = members;

        public bool IsParameters { get; } = isParameters;

        public List<LoopScope>? Loops { get; set; }
    }
}
