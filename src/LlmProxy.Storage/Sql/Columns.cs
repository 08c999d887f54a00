using System.Data.Common;

namespace LlmProxy.Storage.Sql;

/// <summary>A row that is being read, from the ordinal where its columns begin.</summary>
internal readonly record struct Row(SqlSession Session, DbDataReader Reader, int At = 0);

/// <summary>A column that is read as one type.</summary>
internal sealed class Column<T>(int ordinal, Func<Row, int, T> read)
{
    /// <summary>Its value in a row that begins with the columns of its table.</summary>
    public T Of(Row row) => read(row, row.At + ordinal);
}

/// <summary>
/// The columns of one row type: each is declared once with its name, the value that is written, and how it is read. What
/// the statements say of them (lists of names, parameters, updates) is made from here.
/// </summary>
internal sealed class ColumnTable<TRow>
{
    private readonly List<(string Name, Func<TRow, object?>? Get)> _columns = [];

    /// <summary>A column of a type of its own.</summary>
    /// <param name="name">Its name; for a table that is only read, any expression.</param>
    /// <param name="get">The value that is written, in one of the types that sessions take.</param>
    /// <param name="read">Reads the value at an ordinal.</param>
    public Column<T> Add<T>(string name, Func<TRow, object?>? get, Func<Row, int, T> read)
    {
        _columns.Add((name, get));
        return new Column<T>(_columns.Count - 1, read);
    }

    public Column<string> Text(string name, Func<TRow, string> get) => Add(name, get, static (r, i) => r.Reader.GetString(i));

    public Column<string?> OptionalText(string name, Func<TRow, string?> get) => Add(name, get, static (r, i) => r.Reader.Text(i));

    public Column<IReadOnlyList<string>> Texts(string name, Func<TRow, IReadOnlyList<string>> get) =>
        Add(name, row => JsonLists.Write(get(row)), static (r, i) => JsonLists.Read(r.Reader.GetString(i)));

    public Column<int> Number(string name, Func<TRow, int> get) => Add(name, row => get(row), static (r, i) => r.Reader.GetInt32(i));

    public Column<long> Long(string name, Func<TRow, object?>? get = null) => Add(name, get, static (r, i) => r.Reader.GetInt64(i));

    public Column<double> Real(string name, Func<TRow, object?>? get = null) => Add(name, get, static (r, i) => r.Reader.GetDouble(i));

    public Column<double?> OptionalReal(string name, Func<TRow, double?> get) => Add(name, row => get(row), static (r, i) => r.Reader.Real(i));

    public Column<decimal?> Usd(string name, Func<TRow, decimal?>? get = null) =>
        Add(name, get is null ? null : row => get(row) is { } amount ? decimal.Round(amount, ReaderExtensions.UsdDecimals) : null, static (r, i) => r.Reader.Usd(i));

    public Column<bool> Truth(string name, Func<TRow, bool> get) => Add(name, row => get(row), static (r, i) => r.Reader.GetBoolean(i));

    public Column<bool?> OptionalTruth(string name, Func<TRow, bool?> get) => Add<bool?>(name, row => get(row), static (r, i) => r.Reader.IsDBNull(i) ? null : r.Reader.GetBoolean(i));

    public Column<DateTimeOffset> Time(string name, Func<TRow, DateTimeOffset> get) => Add(name, row => get(row), static (r, i) => r.Session.ReadTime(r.Reader, i));

    public Column<DateTimeOffset?> OptionalTime(string name, Func<TRow, DateTimeOffset?> get) =>
        Add<DateTimeOffset?>(name, row => get(row), static (r, i) => r.Reader.IsDBNull(i) ? null : r.Session.ReadTime(r.Reader, i));

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
            statement.With(name, get!(row));
        }

        return statement;
    }

    private IEnumerable<string> Written(string[] except) => _columns.Select(c => c.Name).Except(except, StringComparer.Ordinal);

    private static string Join(IEnumerable<string> parts) => string.Join(", ", parts);
}
