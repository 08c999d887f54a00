using System.Data.Common;
using System.Linq.Expressions;
using System.Reflection;
using LlmProxy.Wire;

namespace LlmProxy.Storage.Sql;

/// <summary>A row that is being read, from the ordinal where its columns begin.</summary>
internal readonly record struct Row(SqlSession Session, DbDataReader Reader, int At = 0);

/// <summary>
/// The columns of one row type: each is declared once, with its name and its property. What the statements say of them
/// (lists of names, parameters, updates) and how a row is read is made from here.
/// </summary>
internal sealed class ColumnTable<TRow>
{
    private readonly List<(string Name, Func<TRow, object?> Get)> _columns = [];
    private readonly List<Action<TRow, Row>> _readers = [];

    /// <summary>A column of a type of its own.</summary>
    /// <param name="name">Its name; for a table that is only read, any expression.</param>
    /// <param name="property">The property of the row.</param>
    /// <param name="read">Reads the value at an ordinal.</param>
    /// <param name="write">The value that is written, in one of the types that sessions take; null for the property's own.</param>
    public ColumnTable<TRow> Add<T>(string name, Expression<Func<TRow, T>> property, Func<Row, int, T> read, Func<T, object?>? write = null)
    {
        var member = (PropertyInfo)((MemberExpression)property.Body).Member;
        var get = member.GetMethod!.CreateDelegate<Func<TRow, T>>();
        var set = member.SetMethod!.CreateDelegate<Action<TRow, T>>();
        var ordinal = _columns.Count;
        _columns.Add((name, write is null ? row => get(row) : row => write(get(row))));
        _readers.Add((to, row) => set(to, read(row, row.At + ordinal)));
        return this;
    }

    public ColumnTable<TRow> Text(string name, Expression<Func<TRow, string>> property) => Add(name, property, static (r, i) => r.Reader.GetString(i));

    public ColumnTable<TRow> OptionalText(string name, Expression<Func<TRow, string?>> property) => Add(name, property, static (r, i) => r.Reader.Text(i));

    public ColumnTable<TRow> Texts(string name, Expression<Func<TRow, IReadOnlyList<string>>> property) =>
        Add(name, property, static (r, i) => JsonLists.Read(r.Reader.GetString(i)), JsonLists.Write);

    public ColumnTable<TRow> Number(string name, Expression<Func<TRow, int>> property) => Add(name, property, static (r, i) => r.Reader.GetInt32(i));

    public ColumnTable<TRow> Long(string name, Expression<Func<TRow, long>> property) => Add(name, property, static (r, i) => r.Reader.GetInt64(i));

    public ColumnTable<TRow> Real(string name, Expression<Func<TRow, double>> property) => Add(name, property, static (r, i) => r.Reader.GetDouble(i));

    public ColumnTable<TRow> OptionalReal(string name, Expression<Func<TRow, double?>> property) => Add(name, property, static (r, i) => r.Reader.Real(i));

    public ColumnTable<TRow> Usd(string name, Expression<Func<TRow, decimal?>> property) =>
        Add(name, property, static (r, i) => r.Reader.Usd(i), amount => amount is { } usd ? decimal.Round(usd, ReaderExtensions.UsdDecimals) : null);

    public ColumnTable<TRow> Truth(string name, Expression<Func<TRow, bool>> property) => Add(name, property, static (r, i) => r.Reader.GetBoolean(i));

    public ColumnTable<TRow> OptionalTruth(string name, Expression<Func<TRow, bool?>> property) =>
        Add(name, property, static (r, i) => r.Reader.IsDBNull(i) ? null : r.Reader.GetBoolean(i));

    public ColumnTable<TRow> Time(string name, Expression<Func<TRow, DateTimeOffset>> property) => Add(name, property, static (r, i) => r.Session.ReadTime(r.Reader, i));

    public ColumnTable<TRow> OptionalTime(string name, Expression<Func<TRow, DateTimeOffset?>> property) =>
        Add(name, property, static (r, i) => r.Reader.IsDBNull(i) ? null : r.Session.ReadTime(r.Reader, i));

    /// <summary>The five columns of a token usage, which runs and steps have alike: all of them null if it is unknown.</summary>
    public ColumnTable<TRow> Tokens(Expression<Func<TRow, TokenUsage?>> property)
    {
        Add(
            "input_tokens",
            property,
            static (r, i) => r.Reader.IsDBNull(i) ? null : new(r.Reader.GetInt64(i), r.Reader.GetInt64(i + 1), r.Reader.GetInt64(i + 2), r.Reader.GetInt64(i + 3), r.Reader.GetInt64(i + 4)),
            usage => usage?.Input);
        var get = property.Compile();
        _columns.AddRange(
        [
            ("output_tokens", row => get(row)?.Output), ("cache_read_tokens", row => get(row)?.CacheRead),
            ("cache_write_tokens", row => get(row)?.CacheWrite), ("reasoning_tokens", row => get(row)?.Reasoning),
        ]);
        return this;
    }

    /// <summary>Reads a row; its type's required properties must all be columns, or set by the caller.</summary>
    public TRow Read(Row row)
    {
        var read = Activator.CreateInstance<TRow>();
        _readers.ForEach(reader => reader(read, row));
        return read;
    }

    /// <summary>All columns for a SELECT.</summary>
    /// <param name="alias">The table's alias with its point, or nothing.</param>
    public string Select(string alias = "") => Join(_columns.Select(c => alias + c.Name));

    /// <summary>The names, but for some.</summary>
    public string Names(params string[] except) => Join(Written(except));

    /// <summary>The parameters in the order of <see cref="Names"/>.</summary>
    public string Parameters(params string[] except) => Join(Written(except).Select(n => "@" + n));

    /// <summary>What an upsert changes: each column takes the value that was to be inserted.</summary>
    public string Updates(params string[] except) => Join(Written(except).Select(n => $"{n} = excluded.{n}"));

    /// <summary>Gives a statement a parameter for each column.</summary>
    public SqlStatement Fill(SqlStatement statement, TRow row)
    {
        foreach (var (name, get) in _columns)
        {
            statement.With(name, get(row));
        }

        return statement;
    }

    private IEnumerable<string> Written(string[] except) => _columns.Select(c => c.Name).Except(except, StringComparer.Ordinal);

    private static string Join(IEnumerable<string> parts) => string.Join(", ", parts);
}
