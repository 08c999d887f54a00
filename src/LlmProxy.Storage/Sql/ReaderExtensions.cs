using System.Data.Common;

namespace LlmProxy.Storage.Sql;

/// <summary>Values that may be null.</summary>
internal static class ReaderExtensions
{
    public const int UsdDecimals = 12;

    public static string? Text(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static double? Real(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetDouble(column);

    /// <summary>
    /// An amount in USD, to a millionth of a millionth: below one token's price everywhere, and what a sum of SQLite's
    /// binary numbers has exactly.
    /// </summary>
    public static decimal? Usd(this DbDataReader reader, int column) => reader.IsDBNull(column) ? null : decimal.Round(reader.GetDecimal(column), UsdDecimals);
}
