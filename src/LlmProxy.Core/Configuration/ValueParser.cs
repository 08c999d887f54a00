using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;

namespace LlmProxy.Core.Configuration;

/// <summary>Turns the text of a setting into its value: invariant, and strict where the framework's own parsers guess.</summary>
internal static partial class ValueParser
{
    private const NumberStyles Decimal = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    /// <summary>The value of a text, or null and what to write instead.</summary>
    public static object? Parse(Type type, string text, out string? fix)
    {
        (object? value, fix) = Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean => (Boolean(text), "write true or false (also 1/0, yes/no, on/off)."),
            TypeCode.Int32 => (Integer(text), "write a whole number."),
            TypeCode.Int64 => (Bytes(text), "write a size such as 67108864, 64MiB or 1GiB."),
            TypeCode.Double => (Number(text), "write a number, such as 0.7."),
            TypeCode.Decimal => (Money(text), "write a number, such as 0.7."),
            _ when type == typeof(TimeSpan) => ((object?)Duration(text), "write a time with its unit, such as 00:00:05, 5s, 300ms, 10m, 1h or PT5S."
                + (Number(text) is null ? "" : $" A bare number is not taken, as it could be seconds or days: {text}s is seconds.")),
            _ => throw new ArgumentException($"No setting can be a {type.Name}.", nameof(type)),
        };
        fix = value is null ? fix : null;
        return value;
    }

    public static bool? Boolean(string text) => text.ToUpperInvariant() switch
    {
        "TRUE" or "1" or "YES" or "ON" => true,
        "FALSE" or "0" or "NO" or "OFF" => false,
        _ => null,
    };

    public static int? Integer(string text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) ? value : null;

    public static double? Number(string text) => double.TryParse(text, Decimal, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;

    public static decimal? Money(string text) => decimal.TryParse(text, Decimal, CultureInfo.InvariantCulture, out var value) ? value : null;

    public static long? Bytes(string text)
    {
        if (BytesPattern().Match(text) is not { Success: true } match || Money(match.Groups["number"].Value) is not { } number)
        {
            return null;
        }

        decimal unit = match.Groups["unit"].Value.ToUpperInvariant() switch
        {
            "KB" => 1_000m,
            "MB" => 1_000_000m,
            "GB" => 1_000_000_000m,
            "TB" => 1_000_000_000_000m,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "TIB" => 1L << 40,
            _ => 1m,
        };
        return Math.Abs(number) <= long.MaxValue / unit && number * unit % 1 == 0 ? (long)(number * unit) : null;
    }

    /// <summary><c>TimeSpan.Parse</c> is not used: it reads "5" as five days, "10:00" as ten hours and "24:00:00" as 24 days.</summary>
    public static TimeSpan? Duration(string text)
    {
        if (ClockPattern().Match(text) is { Success: true } clock)
        {
            return TimeSpan.TryParseExact(clock.Groups["time"].Value, "c", CultureInfo.InvariantCulture, out var time)
                ? clock.Groups["sign"].Length == 0 ? time : -time
                : null;
        }

        if (UnitPattern().Match(text) is { Success: true } unit && Number(unit.Groups["number"].Value) is { } number)
        {
            var seconds = number * unit.Groups["unit"].Value.ToUpperInvariant() switch
            {
                "MS" => 0.001,
                "S" => 1,
                "M" or "MIN" => 60,
                "H" => 3_600,
                _ => 86_400,
            };
            return Math.Abs(seconds) < 1e11 ? TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond)) : null;
        }

        // Years and months are no fixed time; XmlConvert would take them for 365 and 30 days. The pattern bounds all other parts.
        return IsoPattern().IsMatch(text) ? XmlConvert.ToTimeSpan(text.ToUpperInvariant()) : null;
    }

    [GeneratedRegex(@"^(?<number>-?\d{1,20}(?:\.\d{1,10})?)\s?(?<unit>B|[KMGT]i?B)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex BytesPattern();

    [GeneratedRegex(@"^(?<sign>-?)(?<time>(?:\d{1,6}\.)?\d{1,2}:\d{2}:\d{2}(?:\.\d{1,7})?)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex ClockPattern();

    [GeneratedRegex(@"^(?<number>-?\d{1,15}(?:\.\d{1,9})?)\s?(?<unit>ms|s|m|min|h|d)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex UnitPattern();

    [GeneratedRegex(@"^-?P(?=\d|T)(?:\d{1,6}D)?(?:T(?=\d)(?:\d{1,7}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d{1,7})?S)?)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex IsoPattern();
}
