using System.Globalization;
using System.Text;

namespace LlmProxy.Prompts.Functions;

/// <summary>Date patterns of the kind <c>%d %b %Y</c>.</summary>
internal static class DateFormat
{
    /// <summary>Reads <c>05/01/2016</c> as the fifth of January.</summary>
    public static readonly IFormatProvider DayFirst = MakeDayFirst();

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    public static string Format(DateTime date, string pattern)
    {
        var text = new StringBuilder();
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '%' && i + 1 < pattern.Length && TryFormat(date, pattern[i + 1], text))
            {
                i++;
            }
            else
            {
                text.Append(pattern[i]);
            }
        }

        return text.ToString();
    }

    /// <summary>The pattern by which .NET parses the same.</summary>
    public static string ToPlatformPattern(string pattern)
    {
        var text = new StringBuilder();
        for (var i = 0; i < pattern.Length; i++)
        {
            if (pattern[i] == '%' && i + 1 < pattern.Length && PlatformPattern(pattern[i + 1]) is { } part)
            {
                text.Append(part);
                i++;
            }
            else if (char.IsLetter(pattern[i]) || pattern[i] is '\'' or '"' or '\\' or '%')
            {
                text.Append('\\').Append(pattern[i]);
            }
            else
            {
                text.Append(pattern[i]);
            }
        }

        return text.ToString();
    }

    private static CultureInfo MakeDayFirst()
    {
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.DateTimeFormat.ShortDatePattern = "dd/MM/yyyy";
        return culture;
    }

    private static string? PlatformPattern(char directive) => directive switch
    {
        'a' => "ddd",
        'A' => "dddd",
        'b' or 'h' => "MMM",
        'B' => "MMMM",
        'c' => "ddd MMM dd HH:mm:ss yyyy",
        'd' => "dd",
        'D' => "MM/dd/yy",
        'e' => "%d",
        'F' => "yyyy-MM-dd",
        'H' => "HH",
        'I' => "hh",
        'k' => "%H",
        'l' => "%h",
        'L' => "fff",
        'm' => "MM",
        'M' => "mm",
        'N' => "fffffff",
        'p' or 'P' => "tt",
        'r' => "hh:mm:ss tt",
        'R' => "HH:mm",
        'S' => "ss",
        'T' or 'X' => "HH:mm:ss",
        'x' => "MM/dd/yyyy",
        'y' => "yy",
        'Y' => "yyyy",
        'Z' => "zzz",
        'n' => "\n",
        't' => "\t",
        '%' => "\\%",
        _ => null,
    };

    private static bool TryFormat(DateTime date, char directive, StringBuilder text)
    {
        string? part = directive switch
        {
            'C' => Number(date.Year / 100, "00"),
            'e' => Number(date.Day, "0").PadLeft(2),
            'g' => " " + date.ToString("dd MMM yyyy", Invariant),
            'j' => Number(date.DayOfYear, "000"),
            'k' => Number(date.Hour, "0").PadLeft(2),
            'l' => date.ToString("%h", Invariant).PadLeft(2),
            'N' => date.ToString("fffffff", Invariant) + "00",
            'P' => date.ToString("tt", Invariant).ToLowerInvariant(),
            's' => ((date.Ticks - new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks) / TimeSpan.TicksPerSecond).ToString(Invariant),
            'u' => Number(date.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)date.DayOfWeek, "0"),
            'U' => Number(Invariant.Calendar.GetWeekOfYear(date, CalendarWeekRule.FirstDay, DayOfWeek.Sunday), "00"),
            'v' => (Number(date.Day, "0").PadLeft(2) + "-" + date.ToString("MMM-yyyy", Invariant)).ToUpperInvariant(),
            'V' => Number(IsoWeek(date), "00"),
            'w' => Number((int)date.DayOfWeek, "0"),
            'W' => Number(Invariant.Calendar.GetWeekOfYear(date, CalendarWeekRule.FirstDay, DayOfWeek.Monday), "00"),
            'Z' => "+00:00",
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            _ => PlatformPattern(directive) is { } pattern ? date.ToString(pattern, Invariant) : null,
        };
        text.Append(part);
        return part is not null;
    }

    private static string Number(int value, string format) => value.ToString(format, Invariant);

    private static int IsoWeek(DateTime date)
    {
        // The week of a date is the week of its Thursday.
        var day = date.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)date.DayOfWeek;
        var dayOfYear = date.DayOfYear + 4 - day;
        var year = date.Year;
        if (dayOfYear < 1)
        {
            year--;
            dayOfYear += DateTime.IsLeapYear(year) ? 366 : 365;
        }
        else if (dayOfYear > (DateTime.IsLeapYear(year) ? 366 : 365))
        {
            dayOfYear -= DateTime.IsLeapYear(year) ? 366 : 365;
        }

        return ((dayOfYear - 1) / 7) + 1;
    }
}
