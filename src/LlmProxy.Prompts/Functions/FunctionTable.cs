using System.Collections;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of a group, in the order in which they are listed.</summary>
internal sealed class FunctionTable : IEnumerable<KeyValuePair<string, object?>>
{
    /// <summary>The functions by name; never written to once the table is made.</summary>
    public Dictionary<string, object?> Members { get; } = new(StringComparer.Ordinal);

    public void Add(string name, string signature, BuiltinBody body) =>
        Members.Add(name, new BuiltinFunction(signature, body));

    public void Add(string name, string signature, Func<TemplateContext, object?[], object?> body) =>
        Add(name, signature, (context, _, arguments) => body(context, arguments));

    public void Add(string name, string signature, Func<object?[], object?> body) =>
        Add(name, signature, (_, _, arguments) => body(arguments));

    public void AddValue(string name, object? value) =>
        Members.Add(name, value);

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => Members.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
