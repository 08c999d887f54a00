using System.Runtime.CompilerServices;

using LlmProxy.Prompts.Runtime;
using LlmProxy.Prompts.Syntax;

namespace LlmProxy.Prompts;

public sealed partial class TemplateContext
{
    private const int MaxComparisonDepth = 100;
    private int _depth;
    private int _loopDepth;
    private int _loopSteps;
    private long _steps;
    private int _comparisonDepth;

    internal void Step(ScriptNode node) => Charge(node, 1);

    internal void Charge(ScriptNode node, long steps)
    {
        var before = _steps;
        _steps += steps;
        if (StepLimit > 0 && _steps > StepLimit)
        {
            throw new ScriptRuntimeException(node.Span, $"Exceeding number of steps limit `{StepLimit}`.");
        }

        // Asking the token at every step would cost more than the steps.
        if ((before >> 6) != (_steps >> 6) || before == 0)
        {
            CancellationToken.ThrowIfCancellationRequested();
        }
    }

    internal void StepLoop(ScriptNode loop)
    {
        Charge(loop, 1);
        if (LoopLimit > 0 && ++_loopSteps > LoopLimit)
        {
            throw new ScriptRuntimeException(
                loop.Span, $"Exceeding number of iteration limit `{LoopLimit}` for loop statement.");
        }
    }

    /// <summary>Built-in functions and operators walk lists within the limit for loops, each for itself.</summary>
    internal void CheckIterations(long count)
    {
        if (LoopLimit > 0 && count > LoopLimit)
        {
            throw new ScriptFunctionException($"Exceeding number of iteration limit `{LoopLimit}` for internal iteration.");
        }

        ChargeInternal(count);
    }

    /// <summary>Lists that hold lists are compared as deep as they could be printed, and no list can hold itself in that.</summary>
    internal void EnterComparison()
    {
        if (++_comparisonDepth > Math.Min(ObjectRecursionLimit > 0 ? ObjectRecursionLimit : MaxComparisonDepth, MaxComparisonDepth))
        {
            _comparisonDepth = 0;
            throw new ScriptFunctionException("Structure is too deeply nested or contains reference loops.");
        }
    }

    internal void LeaveComparison() => _comparisonDepth = Math.Max(_comparisonDepth - 1, 0);

    internal void ChargeInternal(long steps)
    {
        _steps += steps;
        if (StepLimit > 0 && _steps > StepLimit)
        {
            throw new ScriptFunctionException($"Exceeding number of steps limit `{StepLimit}`.");
        }

        CancellationToken.ThrowIfCancellationRequested();
    }

    internal void CheckStringLength(long length)
    {
        if (LimitToString > 0 && length > LimitToString)
        {
            throw new ScriptFunctionException(
                $"The resulting string length exceeds the configured LimitToString `{LimitToString}`.");
        }

        ChargeInternal(length >> 8);
    }

    internal void CheckStringLength(ScriptNode node, long length)
    {
        if (LimitToString > 0 && length > LimitToString)
        {
            throw new ScriptRuntimeException(
                node.Span, $"The resulting string length exceeds the configured LimitToString `{LimitToString}`.");
        }

        _steps += length >> 8;
    }

    /// <summary>Stops before the thread's stack is used up, which could not be caught.</summary>
    internal void CheckStack(ScriptNode node)
    {
        try
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
        }
        catch (InsufficientExecutionStackException problem)
        {
            throw new ScriptRuntimeException(node.Span, "The template is nested too deeply to be rendered.", problem);
        }
    }

    internal void LeaveStep(ScriptNode statement, Flow flow, string keyword)
    {
        if (_loopDepth == 0)
        {
            throw new ScriptRuntimeException(statement.Span, $"The <{keyword}> statement can only be used inside for/while loops");
        }

        Flow = flow;
    }

    internal void Return(object? value)
    {
        _returnValue = value;
        Flow = Flow.Return;
    }

    internal object? TakeReturnValue()
    {
        var value = _returnValue;
        _returnValue = null;
        Flow = Flow.Next;
        return value;
    }

    private void ResetAfterRender()
    {
        _depth = 0;
        _loopDepth = 0;
        _returnValue = null;
        Flow = Flow.Next;
        Indent = null;
        _parameterFloor = 0;
        _frame = new Frame();
        _scopes.RemoveAll(s => s.IsParameters);
        foreach (var scope in _scopes)
        {
            scope.Loops = null;
        }
    }
}
