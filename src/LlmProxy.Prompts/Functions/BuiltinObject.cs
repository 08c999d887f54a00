using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Functions;

/// <summary>The names that are there without a model. Groups are made when they are first asked for.</summary>
internal sealed class BuiltinObject
{
    private static readonly Dictionary<string, Func<ScriptObject>> Groups = new(StringComparer.Ordinal)
    {
        ["array"] = () => new BuiltinGroup(ArrayFunctions.All),
        ["date"] = DateFunctions.Create,
        ["html"] = () => new BuiltinGroup(HtmlFunctions.All),
        ["math"] = () => new BuiltinGroup(MathFunctions.All),
        ["object"] = () => new BuiltinGroup(ObjectFunctions.All),
        ["regex"] = () => new BuiltinGroup(RegexFunctions.All),
        ["string"] = () => new BuiltinGroup(StringFunctions.All),
        ["timespan"] = TimeSpanFunctions.Create,
    };

    private static readonly IncludeFunction Include = new(isJoin: false);
    private static readonly IncludeFunction IncludeJoin = new(isJoin: true);
    private readonly Dictionary<string, ScriptObject> _groups = new(StringComparer.Ordinal);

    /// <summary>The names of the groups.</summary>
    public static IEnumerable<string> GroupNames => Groups.Keys;

    public bool TryGetValue(string name, out object? value)
    {
        if (_groups.TryGetValue(name, out var group))
        {
            value = group;
            return true;
        }

        if (Groups.TryGetValue(name, out var create))
        {
            value = _groups[name] = create();
            return true;
        }

        value = name switch
        {
            "include" => Include,
            "include_join" => IncludeJoin,
            "empty" => EmptyValue.Instance,
            _ => null,
        };
        return value is not null;
    }
}

/// <summary>A group of functions. They cannot be replaced; other members can be added.</summary>
internal sealed class BuiltinGroup : ScriptObject
{
    public BuiltinGroup(FunctionTable functions)
        : base(functions.Members)
    {
    }

    public override bool CanWrite(string key) => this[key] is not IScriptFunction && base.CanWrite(key);
}
