using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml;

namespace LlmProxy.Core.Configuration;

/// <summary>Turns the text of a setting into its value: invariant, and strict where the framework's own parsers guess.</summary>
internal static partial class ValueParser
{
    public const string BooleanFix = "write true or false (also 1/0, yes/no, on/off).";
    public const string NumberFix = "write a number, such as 0.7.";
    public const string IntegerFix = "write a whole number.";
    public const string BytesFix = "write a size such as 67108864, 64MiB or 1GiB.";
    public const string DurationFix = "write a time with its unit, such as 00:00:05, 5s, 300ms, 10m, 1h or PT5S.";

    public static bool TryBoolean(string text, out bool value)
    {
        value = text.ToUpperInvariant() is "TRUE" or "1" or "YES" or "ON";
        return value || text.ToUpperInvariant() is "FALSE" or "0" or "NO" or "OFF";
    }

    public static bool TryInteger(string text, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    public static bool TryNumber(string text, out double value) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value)
        && double.IsFinite(value);

    public static bool TryMoney(string text, out decimal value) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value);

    public static bool TryBytes(string text, out long value)
    {
        value = 0;
        var match = BytesPattern().Match(text);
        if (!match.Success || !TryMoney(match.Groups["number"].Value, out var number))
        {
            return false;
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
        if (Math.Abs(number) > long.MaxValue / unit)
        {
            return false;
        }

        value = (long)(number * unit);
        return value == number * unit;
    }

    /// <summary>
    /// <c>TimeSpan.Parse</c> is not used: it reads "5" as five days, "10:00" as ten hours and "24:00:00" as 24 days.
    /// </summary>
    public static bool TryDuration(string text, out TimeSpan value)
    {
        value = default;
        if (ClockPattern().Match(text) is { Success: true } clock)
        {
            var sign = clock.Groups["sign"].Length == 0 ? 1 : -1;
            if (!int.TryParse("0" + clock.Groups["days"].Value, CultureInfo.InvariantCulture, out var days) || days > 100_000
                || Part("hours") > 23 || Part("minutes") > 59 || Part("seconds") > 59)
            {
                return false;
            }

            var ticks = long.Parse(clock.Groups["fraction"].Value.PadRight(7, '0'), CultureInfo.InvariantCulture);
            value = sign * (new TimeSpan(days, Part("hours"), Part("minutes"), Part("seconds")) + TimeSpan.FromTicks(ticks));
            return true;

            int Part(string name) => int.Parse(clock.Groups[name].Value, CultureInfo.InvariantCulture);
        }

        if (UnitPattern().Match(text) is { Success: true } unit && TryNumber(unit.Groups["number"].Value, out var number))
        {
            var seconds = number * unit.Groups["unit"].Value.ToUpperInvariant() switch
            {
                "MS" => 0.001,
                "S" => 1,
                "M" or "MIN" => 60,
                "H" => 3_600,
                _ => 86_400,
            };
            return InRange(seconds, out value);
        }

        // Years and months are no fixed time; XmlConvert would take them for 365 and 30 days.
        if (IsoPattern().IsMatch(text))
        {
            try
            {
                value = XmlConvert.ToTimeSpan(text.ToUpperInvariant());
                return true;
            }
            catch (Exception exception) when (exception is FormatException or OverflowException)
            {
                return false;
            }
        }

        return false;
    }

    private static bool InRange(double seconds, out TimeSpan value)
    {
        var possible = Math.Abs(seconds) < 1e11;
        value = possible ? TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond)) : default;
        return possible;
    }

    [GeneratedRegex(@"^(?<number>-?\d{1,20}(?:\.\d{1,10})?)\s?(?<unit>B|[KMGT]i?B)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex BytesPattern();

    [GeneratedRegex(@"^(?<sign>-?)(?:(?<days>\d{1,6})\.)?(?<hours>\d{1,2}):(?<minutes>\d{2}):(?<seconds>\d{2})(?:\.(?<fraction>\d{1,7}))?$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex ClockPattern();

    [GeneratedRegex(@"^(?<number>-?\d{1,15}(?:\.\d{1,9})?)\s?(?<unit>ms|s|m|min|h|d)$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex UnitPattern();

    [GeneratedRegex(@"^-?P(?=\d|T)(?:\d{1,9}D)?(?:T(?=\d)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d{1,7})?S)?)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 100)]
    private static partial Regex IsoPattern();
}
