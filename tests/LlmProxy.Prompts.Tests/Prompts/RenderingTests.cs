using LlmProxy.Prompts;
using LlmProxy.Tests.Prompting;
using Scriban;
using Scriban.Functions;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LlmProxy.Tests.Prompts;

/// <summary>What a rendering may use and reach.</summary>
public sealed class RenderingTests
{
    [Theory]
    [InlineData("{{ for i in 1..1000; for j in 1..1000; for k in 1..1000; end; end; end }}")]
    [InlineData("{{ for i in 1..1000; for j in 1..1000; for k in 1..1000; x = k; end; end; end }}")]
    [InlineData("{{ for i in 1..1000; for j in 1..1000; x = (1..1000) | array.each @math.abs | array.size; end; end }}")]
    [InlineData("{{ while true; end }}")]
    public void The_deadline_ends_nested_loops(string text)
    {
        using var deadline = new CancellationTokenSource();
        var context = Context(deadline: deadline.Token);
        (context.LoopLimit, context.StepLimit, context.LimitToString, context.OutputLimit) = (0, 0, 0, 0);
        context.PushGlobal(new Countdown(deadline));

        var aborted = Assert.Throws<ScriptAbortException>(() => Template.Parse("{{ start }}" + text).Render(context));

        Assert.Equal(deadline.Token, aborted.CancellationToken);
    }

    [Theory]
    [InlineData("{{ for i in 1..1000; for j in 1..1000; end; end }}", "iteration limit `5000`")]
    [InlineData("{{ while true; end }}", "iteration limit `5000`")]
    [InlineData("{{ (1..100000) | array.size }}", "LoopLimit `5000`")]
    [InlineData("{{ func f; f; end; f }}", "recursive depth limit `40`")]
    [InlineData("{{ for i in 1..4000; x = 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1; end }}", "steps limit `200000`")]
    [InlineData("{{ a = []; a[0] = a; a }}", "nested")]
    [InlineData("{{ for i in 1..1001; 'x'; end }}", "longer than 1000 characters")]
    [InlineData("{{ 'x' * 1001 }}", "1000")]
    [InlineData("{{ capture x; for i in 1..4001; 'x'; end; end }}", "OutputLimit `4000`")]
    [InlineData("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex.match '^(a+)+$' }}", "timed out")]
    public void Each_limit_ends_a_rendering(string text, string reason) => Assert.Contains(reason, Fails(text), StringComparison.Ordinal);

    [Fact]
    public void The_limits_are_those_of_one_place()
    {
        var context = Context();

        Assert.Equal((PromptLimits.Loops, PromptLimits.Recursion, PromptLimits.Steps), (context.LoopLimit, context.RecursiveLimit, context.StepLimit));
        Assert.Equal(PromptLimits.Regex, context.RegexTimeOut);
        Assert.Equal((1000, 4000), (context.LimitToString, context.OutputLimit));
        Assert.True(PromptLimits.OutputFor(int.MaxValue) * (long)PromptLimits.WriteFactor <= int.MaxValue);
    }

    [Theory]
    [InlineData("{{ date.now }}", "`date.now` is not available: a template must give the same text every time.")]
    [InlineData("{{ date.utc_now }}", "`date.utc_now` is not available")]
    [InlineData("{{ math.random 1 2 }}", "`math.random` is not available")]
    [InlineData("{{ math.uuid }}", "`math.uuid` is not available")]
    [InlineData("{{ '1 + 1' | object.eval }}", "`object.eval` is not available: text is not run as code.")]
    [InlineData("{{ '{{ 1 }}' | object.eval_template }}", "`object.eval_template` is not available")]
    [InlineData("{{ f = @object.eval; f '1' }}", "`object.eval` is not available")]
    [InlineData("{{ ['1'] | array.each @object.eval }}", "`object.eval` is not available")]
    [InlineData("{{ date.parse '10:30' }}", "`10:30` has no year")]
    [InlineData("{{ '5 March' | date.parse_to_string '%F' }}", "`5 March` has no year")]
    [InlineData("{{ date '10:30' }}", "`10:30` has no year")]
    public void A_function_that_changes_between_calls_or_runs_text_fails(string text, string reason) => Assert.Contains(reason, Fails(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ date.parse '2020-02-03' | date.to_string '%F' }}", "2020-02-03")]
    [InlineData("{{ date.parse '2020--02--03' '%Y--%m--%d' }}", "03 Feb 2020")]
    [InlineData("{{ date '2020-02-03' }}", "03 Feb 2020")]
    [InlineData("{{ '2020-02-03' | date.parse_to_string '%d.%m.%Y' }}", "03.02.2020")]
    [InlineData("{{ date.add_days (date.parse '2020-02-03') 1 }}", "04 Feb 2020")]
    public void Dates_that_are_the_same_every_day_are_left(string text, string expected) => Assert.Equal(expected, Render(text));

    /// <summary>The checker knows the functions by a table. A function that a later version of the package adds has to be reviewed before templates can call it.</summary>
    [Fact]
    public void The_table_of_functions_is_what_the_package_has()
    {
        var scriban = new BuiltinFunctions();
        var found = new List<string>();
        foreach (var group in scriban.Keys.Where(name => scriban[name] is ScriptObject).Order(StringComparer.Ordinal))
        {
            var members = (ScriptObject)scriban[group]!;
            found.AddRange(members.Keys.Order(StringComparer.Ordinal).Select(name => Describe(group + "." + name, members[name] as IScriptFunctionInfo)));
        }

        Assert.Equal(
            PromptFunctions.Groups.OrderBy(group => group.Key, StringComparer.Ordinal)
                .SelectMany(group => group.Value.OrderBy(member => member.Key, StringComparer.Ordinal).Select(member => Describe(group.Key + "." + member.Key, member.Value))),
            found);
        Assert.Equal(PromptFunctions.Ungrouped.Order(StringComparer.Ordinal), scriban.Keys.Except(PromptFunctions.Groups.Keys).Order(StringComparer.Ordinal));

        static string Describe(string name, object? function) => function switch
        {
            PromptFunction known => $"{name} {known.Required} {known.IsVariadic}: {string.Join(' ', known.Parameters)}",
            IScriptFunctionInfo info => $"{name} {info.RequiredParameterCount} {Further(info) > 0}: {string.Join(' ', Enumerable.Range(0, info.ParameterCount - Further(info)).Select(i => info.GetParameterInfo(i).Name))}",
            _ => name,
        };

        static int Further(IScriptFunctionInfo info) => info.VarParamKind == ScriptVarParamKind.LastParameter ? 1 : 0;
    }

    [Theory]
    [InlineData("{{ date.format = '%Y' }}")]
    [InlineData("{{ string.upcase = 1 }}")]
    [InlineData("{{ string.mine = 1 }}")]
    [InlineData("{{ with string; x = 1; end }}")]
    public void A_template_cannot_change_the_functions_of_others(string text)
    {
        Fails(text);

        Assert.Equal("03 Feb 2020 A", Render("{{ date.parse '2020-02-03' }} {{ string.upcase 'a' }}{{ string.mine }}"));
    }

    [Theory]
    [InlineData("{{ include 'missing' }}")]
    [InlineData("{{ include '/etc/hostname' }}")]
    [InlineData("{{ include '../../../etc/hostname' }}")]
    [InlineData("{{ include_join ['missing'] ', ' }}")]
    [InlineData("{{ include null }}")]
    public void Only_templates_of_the_set_can_be_included(string text) => Assert.Contains("There is no template", Fails(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("{{ 'a'.get_type }}{{ 'a'.length }}{{ 1.get_type }}")]
    [InlineData("{{ (date.parse '2020-02-03').now }}{{ (date.parse '2020-02-03').get_type }}{{ (date.parse '2020-02-03').today }}")]
    [InlineData("{{ timespan.zero.get_type }}{{ [1].get_type }}{{ {a: 1}.get_type }}{{ this.get_type }}")]
    public void Members_of_dotnet_types_are_not_there(string text) => Assert.Equal("", Render(text).Trim());

    [Fact]
    public void Included_templates_are_parsed_once_for_the_set()
    {
        var set = PromptSamples.Set(("openai.sbn", "{{ include 'part' }}{{ include 'part' }}"), ("part.sbn", "x"));
        var context = Context(set.Templates);

        Assert.Equal("xx", set.Templates["openai.sbn"].Render(context));
        Assert.Same(set.Templates["part.sbn"], context.CachedTemplates["part.sbn"]);
    }

    private static string Render(string text) => Template.Parse(text, "t.sbn").Render(Context());

    private static string Fails(string text) => Assert.ThrowsAny<ScriptRuntimeException>(() => Render(text)).OriginalMessage;

    private static PromptContext Context(IReadOnlyDictionary<string, Template>? templates = null, CancellationToken deadline = default)
    {
        var context = new PromptContext(templates ?? new Dictionary<string, Template>(StringComparer.Ordinal), 1000, deadline);
        context.PushGlobal(new ScriptObject());
        return context;
    }

    /// <summary>Sets the deadline when the rendering has begun, so that no slow start can pass it.</summary>
    private sealed class Countdown : ScriptObject
    {
        public Countdown(CancellationTokenSource deadline) =>
            SetValue("start", DelegateCustomFunction.Create(() => deadline.CancelAfter(TimeSpan.FromMilliseconds(200))), readOnly: false);
    }
}
