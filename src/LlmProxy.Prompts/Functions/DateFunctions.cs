using System.Globalization;

using LlmProxy.Prompts.Runtime;

#pragma warning disable CA1845, CA1846, CA2249 // netstandard2.0 has no overloads for spans and characters.

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>date</c>.</summary>
internal static class DateFunctions
{
    private const string DefaultFormat = "%d %b %Y";
    private const DateTimeStyles Styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal | DateTimeStyles.AllowWhiteSpaces;
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;
    private static readonly FunctionTable All = MakeAll();

    public static ScriptObject Create() => new BuiltinGroup(All);

    /// <summary>A date as it is written: in <c>date.format</c>, which a template may set.</summary>
    public static string ToText(TemplateContext context, DateTime date)
    {
        var format = context.Builtins.TryGetValue("date", out var group) ? ((ScriptObject)group!)["format"] as string : null;
        return DateFormat.Format(date, format ?? DefaultFormat);
    }

    public static object? Member(DateTime date, string name) => name switch
    {
        "year" => Values.Box(date.Year),
        "month" => Values.Box(date.Month),
        "day" => Values.Box(date.Day),
        "day_of_year" => Values.Box(date.DayOfYear),
        "day_of_week" => date.DayOfWeek.ToString(),
        "hour" => Values.Box(date.Hour),
        "minute" => Values.Box(date.Minute),
        "second" => Values.Box(date.Second),
        "millisecond" => Values.Box(date.Millisecond),
        "ticks" => date.Ticks,
        "date" => date.Date,
        "time_of_day" => date.TimeOfDay,
        _ => null,
    };

    private static FunctionTable MakeAll()
    {
        var table = new FunctionTable
        {
            { "now", "", (context, _) => Now(context) },
            { "utc_now", "", (context, _) => Now(context) },
            { "add_days", "date:any, days:number", (context, a) => Add(context, a, static (d, n) => d.AddDays(n)) },
            { "add_months", "date:any, months:int", (context, a) => Add(context, a, static (d, n) => d.AddMonths((int)n)) },
            { "add_years", "date:any, years:int", (context, a) => Add(context, a, static (d, n) => d.AddYears((int)n)) },
            { "add_hours", "date:any, hours:number", (context, a) => Add(context, a, static (d, n) => d.AddHours(n)) },
            { "add_minutes", "date:any, minutes:number", (context, a) => Add(context, a, static (d, n) => d.AddMinutes(n)) },
            { "add_seconds", "date:any, seconds:number", (context, a) => Add(context, a, static (d, n) => d.AddSeconds(n)) },
            { "add_milliseconds", "date:any, millis:number", (context, a) => Add(context, a, static (d, n) => d.AddMilliseconds(n)) },
            { "parse", "text:string, pattern:string=null, culture:string=null", (_, a) => Parse((string?)a[0], (string?)a[1], (string?)a[2], 2) },
            { "parse_to_string", "text:string, output_pattern:string=null, output_culture:string=null, input_pattern:string=null, input_culture:string=null", ParseToString },
            { "to_string", "date:any, pattern:string, culture:string=null", ToText },
        };
        table.AddValue("default_format", DefaultFormat);
        table.AddValue("format", DefaultFormat);
        return table;
    }

    private static object Now(TemplateContext context) => context.Clock is { } clock
        ? clock().UtcDateTime
        : throw new ScriptFunctionException("The time is not available: a template must give the same text every time.");

    private static object? Add(TemplateContext context, object?[] a, Func<DateTime, double, DateTime> add) =>
        AsDate(context, a[0]) is { } date ? add(date, a[1] is null ? 0 : Values.ToDouble(a[1]!)) : null;

    private static DateTime? AsDate(TemplateContext context, object? value) => value switch
    {
        null => null,
        DateTime date => date,
        string text => (DateTime?)Parse(text, null, null, 0),
        _ => throw new ScriptFunctionException($"Unable to convert type `{Values.TypeName(value)}` to DateTime", 0),
    };

    private static object? Parse(string? text, string? pattern, string? culture, int cultureArgument)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        Cultures.Check(culture, cultureArgument);
        var format = culture == "en-GB" ? DateFormat.DayFirst : Invariant;
        DateTime date;
        if (pattern is null)
        {
            return DateTime.TryParse(text, format, Styles, out date) ? date : default(DateTime);
        }

        var platformPattern = pattern.IndexOf('%') >= 0 ? DateFormat.ToPlatformPattern(pattern) : pattern;
        return DateTime.TryParseExact(text, platformPattern, format, Styles, out date) ? date : default(DateTime);
    }

    private static object? ParseToString(TemplateContext context, object?[] a)
    {
        var date = Parse((string?)a[0], (string?)a[3], (string?)a[4], 4);
        if (date is null)
        {
            return null;
        }

        Cultures.Check((string?)a[2], 2);
        return a[1] is string pattern ? DateFormat.Format((DateTime)date, pattern) : ToText(context, (DateTime)date);
    }

    private static object? ToText(TemplateContext context, object?[] a)
    {
        Cultures.Check((string?)a[2], 2);
        if (AsDate(context, a[0]) is not { } date)
        {
            return null;
        }

        return DateFormat.Format(date, (string?)a[1] ?? DefaultFormat);
    }
}
