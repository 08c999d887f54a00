namespace LlmProxy.Prompts.Checking;

/// <summary>How grave it is to break a rule.</summary>
public enum RuleSeverity
{
    /// <summary>The template renders, but probably not what was meant.</summary>
    Warning,

    /// <summary>The template fails, or harms the agent whose prompt it writes.</summary>
    Error,
}

/// <summary>A rule for templates. Its page is <c>docs/rules/ID.md</c>.</summary>
/// <param name="Id">Stable, never used again for another rule.</param>
/// <param name="Title">The rule in a few words.</param>
/// <param name="Severity">The severity unless somebody sets another.</param>
public sealed record Rule(string Id, string Title, RuleSeverity Severity)
{
    /// <summary>The page about the rule, in the repository and in the package.</summary>
    public string Page => "docs/rules/" + Id + ".md";
}

/// <summary>The rules. 1xx: the language; 2xx: names; 3xx: the set of templates; 4xx: what a prompt must and must not hold; 5xx: C# code.</summary>
public static class Rules
{
    /// <summary>Something that the grammar does not have.</summary>
    public static readonly Rule SyntaxError = new("LLMP101", "Syntax error", RuleSeverity.Error);

    /// <summary>A block without <c>end</c>.</summary>
    public static readonly Rule MissingEnd = new("LLMP102", "Block without end", RuleSeverity.Error);

    /// <summary><c>end</c>, <c>else</c> or <c>when</c> without a block.</summary>
    public static readonly Rule StrayBlockPart = new("LLMP103", "End, else or when without a block", RuleSeverity.Error);

    /// <summary>A string without its closing quote.</summary>
    public static readonly Rule UnclosedString = new("LLMP104", "String without closing quote", RuleSeverity.Error);

    /// <summary>A bracket without its partner.</summary>
    public static readonly Rule MissingBracket = new("LLMP105", "Bracket without its partner", RuleSeverity.Error);

    /// <summary>A template nested deeper than the parser goes.</summary>
    public static readonly Rule TooDeep = new("LLMP106", "Nested too deep", RuleSeverity.Error);

    /// <summary>Code that is still open at the end of the file.</summary>
    public static readonly Rule OpenCode = new("LLMP111", "Code left open at the end of the file", RuleSeverity.Warning);

    /// <summary>A keyword of another template language.</summary>
    public static readonly Rule ForeignKeyword = new("LLMP112", "Keyword of another template language", RuleSeverity.Error);

    /// <summary>A word where the language has an operator.</summary>
    public static readonly Rule WordOperator = new("LLMP113", "Word in place of an operator", RuleSeverity.Error);

    /// <summary>A named argument that takes only the first part of what stands behind it.</summary>
    public static readonly Rule NamedArgumentPart = new("LLMP114", "Named argument takes only a part of the expression", RuleSeverity.Warning);

    /// <summary>A variable that is nowhere given a value.</summary>
    public static readonly Rule UnknownVariable = new("LLMP201", "Unknown variable", RuleSeverity.Error);

    /// <summary>A member that the prompt model does not have.</summary>
    public static readonly Rule UnknownMember = new("LLMP202", "Unknown member", RuleSeverity.Error);

    /// <summary>A function that does not exist.</summary>
    public static readonly Rule UnknownFunction = new("LLMP203", "Unknown function", RuleSeverity.Error);

    /// <summary>A call with too few or too many arguments.</summary>
    public static readonly Rule ArgumentCount = new("LLMP204", "Wrong number of arguments", RuleSeverity.Error);

    /// <summary>A named argument that the function does not have.</summary>
    public static readonly Rule UnknownArgument = new("LLMP205", "Unknown named argument", RuleSeverity.Error);

    /// <summary>A variable with the name of something that is there already.</summary>
    public static readonly Rule HiddenName = new("LLMP206", "Variable hides a value or a function group", RuleSeverity.Warning);

    /// <summary>A value of the prompt model that is written to.</summary>
    public static readonly Rule WriteToModel = new("LLMP207", "The prompt model is read-only", RuleSeverity.Error);

    /// <summary>An include of a template that is not in the set.</summary>
    public static readonly Rule MissingInclude = new("LLMP301", "Included template does not exist", RuleSeverity.Error);

    /// <summary>Templates that include each other.</summary>
    public static readonly Rule IncludeCircle = new("LLMP302", "Includes in a circle", RuleSeverity.Error);

    /// <summary>A template that nothing renders.</summary>
    public static readonly Rule UnusedTemplate = new("LLMP303", "Unused template", RuleSeverity.Warning);

    /// <summary>A variable that is written and never read.</summary>
    public static readonly Rule UnusedVariable = new("LLMP304", "Unused variable", RuleSeverity.Warning);

    /// <summary>A provider without a template of its own.</summary>
    public static readonly Rule ProviderWithoutTemplate = new("LLMP305", "Provider without a template", RuleSeverity.Warning);

    /// <summary>An include whose name is known only when it is rendered.</summary>
    public static readonly Rule ComputedInclude = new("LLMP306", "Included name is computed", RuleSeverity.Warning);

    /// <summary>A provider template that loses the agent's own prompt.</summary>
    public static readonly Rule AgentPromptLost = new("LLMP401", "The agent's own prompt is lost", RuleSeverity.Error);

    /// <summary>A provider template that renders the agent's own prompt more than once.</summary>
    public static readonly Rule AgentPromptTwice = new("LLMP402", "The agent's own prompt is rendered twice", RuleSeverity.Warning);

    /// <summary>A provider template that never renders the examples.</summary>
    public static readonly Rule NoExamples = new("LLMP403", "The examples are never rendered", RuleSeverity.Warning);

    /// <summary>Recorded text outside of the fence.</summary>
    public static readonly Rule RecordedTextOutsideFence = new("LLMP404", "Recorded text outside of its fence", RuleSeverity.Error);

    /// <summary>The time or a random value.</summary>
    public static readonly Rule ChangingValue = new("LLMP405", "Value changes with every call", RuleSeverity.Error);

    /// <summary>A value that is another one for every task.</summary>
    public static readonly Rule TaskValue = new("LLMP406", "Value changes with every task", RuleSeverity.Warning);

    /// <summary>A loop over examples or steps without a limit.</summary>
    public static readonly Rule LoopWithoutLimit = new("LLMP407", "Loop over examples or steps without a limit", RuleSeverity.Warning);

    /// <summary>A template with more text of its own than a prompt should hold.</summary>
    public static readonly Rule OverBudget = new("LLMP408", "Template over its token budget", RuleSeverity.Warning);

    /// <summary>Text that is run as code.</summary>
    public static readonly Rule EvaluatedText = new("LLMP409", "Text is run as code", RuleSeverity.Error);

    /// <summary>C# code that names a template that is not there.</summary>
    public static readonly Rule NamedInCode = new("LLMP501", "C# code names a template that does not exist", RuleSeverity.Error);

    /// <summary>All rules, by id.</summary>
    public static IReadOnlyList<Rule> All { get; } =
    [
        SyntaxError, MissingEnd, StrayBlockPart, UnclosedString, MissingBracket, TooDeep, OpenCode, ForeignKeyword, WordOperator, NamedArgumentPart,
        UnknownVariable, UnknownMember, UnknownFunction, ArgumentCount, UnknownArgument, HiddenName, WriteToModel,
        MissingInclude, IncludeCircle, UnusedTemplate, UnusedVariable, ProviderWithoutTemplate, ComputedInclude,
        AgentPromptLost, AgentPromptTwice, NoExamples, RecordedTextOutsideFence, ChangingValue, TaskValue, LoopWithoutLimit, OverBudget, EvaluatedText,
        NamedInCode,
    ];
}
