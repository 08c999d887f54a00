using System.Text;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// SQL with named parameters (<c>@name</c>, which both databases understand). The text is made of constants of this
/// assembly; what comes from outside is always a parameter.
/// </summary>
internal sealed class SqlStatement(string text)
{
    private readonly StringBuilder _text = new(text);

    public string Text => _text.ToString();

    public List<KeyValuePair<string, object?>> Parameters { get; } = [];

    public SqlStatement With(string name, object? value)
    {
        Parameters.Add(new(name, value));
        return this;
    }

    public SqlStatement Append(string more)
    {
        _text.Append(more);
        return this;
    }

    /// <summary>Adds a condition only where there is a value, so that each plan fits what is asked.</summary>
    public SqlStatement AppendIf(object? value, string text, string name) =>
        value is null ? this : Append(text).With(name, value);
}
