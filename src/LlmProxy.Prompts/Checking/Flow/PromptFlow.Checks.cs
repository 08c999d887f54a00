using System.Globalization;

using Scriban.Syntax;

namespace LlmProxy.Prompts.Checking.Flow;

internal sealed partial class PromptFlow
{
    private void CheckBuiltinCall(ScriptNode caller, PromptFunction function, int piped, (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        if (arguments.Any(argument => IsSpread(argument.Node)))
        {
            return;
        }

        var (name, parameters) = (function.Name, function.Parameters);
        foreach (var (node, _) in arguments)
        {
            if (node is ScriptNamedArgument { Name: { } argument } && !parameters.Contains(argument.Name, StringComparer.Ordinal))
            {
                Report(
                    Rules.UnknownArgument,
                    argument.Span,
                    $"`{name}` has no argument `{argument.Name}`, so it is taken by its place: " + NameHint(argument.Name, parameters));
                return;
            }
        }

        var given = piped + arguments.Length;
        if (given < function.Required || (given > parameters.Count && !function.IsVariadic))
        {
            var usage = parameters.Select((parameter, i) => i < function.Required ? parameter : "[" + parameter + "]");
            Report(
                Rules.ArgumentCount,
                caller.Span,
                $"`{name}` is given {Arguments(given)} and takes {Range(function.Required, function.IsVariadic ? null : parameters.Count)}: {string.Join(" ", [name, .. usage])}"
                    + (piped > 0 ? "; what stands before the pipe is the first." : "."));
        }
    }

    private void CheckCount(ScriptNode caller, ScriptFunction function, FlowValue[] piped, (ScriptExpression Node, FlowValue Value)[] arguments)
    {
        if (function.Parameters is not { } parameters || arguments.Any(argument => IsSpread(argument.Node)))
        {
            return;
        }

        var required = parameters.Count(parameter => parameter.DefaultValue is null && !parameter.IsVariadic());
        var most = parameters.Any(parameter => parameter.IsVariadic()) ? (int?)null : parameters.Count;
        var given = piped.Length + arguments.Length;
        if (given < required || given > most)
        {
            Report(
                Rules.ArgumentCount,
                caller.Span,
                $"`{function.Name()}` is given {Arguments(given)} and takes {Range(required, most)}: {string.Join(", ", parameters.Select(parameter => parameter.ToString()))}.");
        }
    }

    private void ReportNoFunction(ScriptExpression target, FlowValue value)
    {
        switch (target)
        {
            case ScriptVariableGlobal global when !IsKnown(global.Name):
                if (WordRules.Knows(global.Name) || _openNames > 0)
                {
                    return;
                }

                var later = _assigned.Contains(global.Name);
                Report(
                    Rules.UnknownFunction,
                    global.Span,
                    $"There is no function `{global.Name}`" + (later ? " yet: define it before this place." : ": " + FunctionHint(null, global.Name, null)));
                return;
            case ScriptVariableGlobal or ScriptMemberExpression when value.Type is not null:
                Report(
                    Rules.UnknownFunction,
                    target.Span,
                    $"`{target}` is a {value.Type.Name} and no function: write an operator between the values, or the function's name before them.");
                return;
        }
    }

    private void CheckHiding(ScriptVariableGlobal variable)
    {
        var name = variable.Name;
        if (PromptModel.Root.Find(name) is not null)
        {
            Report(Rules.HiddenName, variable.Span, $"`{name}` is a value of the prompt model, which is hidden from here on: choose another name, such as `${name}`.");
        }
        else if (PromptFunctions.Groups.ContainsKey(name) || PromptFunctions.Ungrouped.Contains(name))
        {
            Report(Rules.HiddenName, variable.Span, $"`{name}` is built in, and is hidden from here on: choose another name, such as `${name}`.");
        }
    }

    private void CheckReadOnly(ScriptExpression target, FlowValue value)
    {
        if (value.Type is { } type && (type.IsObject || type.Element is not null))
        {
            Report(Rules.WriteToModel, target.Span, $"`{target}` belongs to the prompt model, which cannot be changed: assign to a variable of your own.");
        }
    }

    private void CheckLimit(ScriptForStatement loop, FlowValue list, bool isLimited)
    {
        var element = list.Type?.Element;
        if (isLimited || element is null || !(ReferenceEquals(element, PromptModel.Example) || ReferenceEquals(element, PromptModel.Step)) || BreakFinder.IsIn(loop.Body))
        {
            return;
        }

        var most = ReferenceEquals(element, PromptModel.Example) ? PromptBudget.Examples : PromptBudget.Steps;
        Report(
            Rules.LoopWithoutLimit,
            loop.Iterator!.Span,
            string.Format(CultureInfo.InvariantCulture, "This loop takes as many {0}s as there are, and a long prompt costs in every call: write `for {1} in {2} limit:{3}`, or another number.", element.Name, loop.Variable, loop.Iterator, most));
    }

    private static bool IsSpread(ScriptExpression argument) => argument is ScriptUnaryExpression { Operator: ScriptUnaryOperator.FunctionParametersExpand };

    private static string NameHint(string name, IEnumerable<string> known)
    {
        var words = known.Distinct(StringComparer.Ordinal).OrderBy(word => word, StringComparer.Ordinal).ToList();
        return Suggestion.Nearest(name, words) is { } nearest ? $"did you mean `{nearest}`?"
            : words.Count == 0 ? "it has none."
            : $"there {(words.Count == 1 ? "is" : "are")} {string.Join(", ", words)}.";
    }

    private string FunctionHint(string? groupName, string name, IReadOnlyDictionary<string, PromptFunction?>? group)
    {
        if (group is not null && Suggestion.Nearest(name, group.Keys) is { } sibling)
        {
            return $"did you mean `{groupName}.{sibling}`?";
        }

        // "upcase" alone, or in another group.
        if (PromptFunctions.Groups.FirstOrDefault(other => other.Value.ContainsKey(name)) is { Key: { } other })
        {
            return $"did you mean `{other}.{name}`?";
        }

        if (group is null && Suggestion.Nearest(name, _assigned.Concat(["include", "include_join"])) is { } own)
        {
            return $"did you mean `{own}`?";
        }

        return group is null
            ? $"functions stand in the groups {string.Join(", ", PromptFunctions.Groups.Keys)}, or are defined by `func`."
            : $"the group has {string.Join(", ", group.Keys)}.";
    }

    private static string Arguments(int count) => count == 1 ? "1 argument" : string.Format(CultureInfo.InvariantCulture, "{0} arguments", count);

    private static string Range(int least, int? most) =>
        most is null ? string.Format(CultureInfo.InvariantCulture, "{0} or more", least)
        : most == least ? string.Format(CultureInfo.InvariantCulture, "{0}", least)
        : string.Format(CultureInfo.InvariantCulture, "{0} to {1}", least, most);

    private sealed class BreakFinder : ScriptVisitor
    {
        private bool _isFound;

        public static bool IsIn(ScriptNode? node)
        {
            var finder = new BreakFinder();
            finder.Visit(node);
            return finder._isFound;
        }

        public override void Visit(ScriptBreakStatement node) => _isFound = true;

        public override void Visit(ScriptForStatement node)
        {
            // The break of an inner loop ends that one.
        }

        public override void Visit(ScriptWhileStatement node)
        {
        }
    }
}
