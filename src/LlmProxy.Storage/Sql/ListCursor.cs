using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace LlmProxy.Storage.Sql;

/// <summary>Where a listing continues: after the run with this start and id. Opaque for callers.</summary>
internal readonly record struct ListCursor(DateTimeOffset StartedAt, string Id)
{
    public override string ToString() =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{StartedAt.UtcTicks}|{Id}")));

    /// <summary>Reads a cursor.</summary>
    /// <exception cref="ArgumentException">It is none of ours.</exception>
    public static ListCursor Parse(string text)
    {
        try
        {
            var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('|', 2);
            if (parts.Length == 2 && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks)
            {
                return new ListCursor(new DateTimeOffset(ticks, TimeSpan.Zero), parts[1]);
            }
        }
        catch (FormatException)
        {
            // Reported below.
        }

        throw new ArgumentException("The cursor is not one that a page before has given.", nameof(text));
    }
}
