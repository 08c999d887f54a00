using System.Globalization;

using LlmProxy.Prompts.Runtime;

namespace LlmProxy.Prompts.Functions;

/// <summary>The functions of the group <c>timespan</c>.</summary>
internal static class TimeSpanFunctions
{
    private static readonly FunctionTable All = MakeAll();

    public static ScriptObject Create() => new BuiltinGroup(All);

    public static object? Member(TimeSpan time, string name) => name switch
    {
        "days" => Values.Box(time.Days),
        "hours" => Values.Box(time.Hours),
        "minutes" => Values.Box(time.Minutes),
        "seconds" => Values.Box(time.Seconds),
        "milliseconds" => Values.Box(time.Milliseconds),
        "ticks" => time.Ticks,
        "total_days" => time.TotalDays,
        "total_hours" => time.TotalHours,
        "total_minutes" => time.TotalMinutes,
        "total_seconds" => time.TotalSeconds,
        "total_milliseconds" => time.TotalMilliseconds,
        _ => null,
    };

    private static FunctionTable MakeAll()
    {
        var table = new FunctionTable
        {
            { "from_days", "days:number", a => TimeSpan.FromDays(Number(a)) },
            { "from_hours", "hours:number", a => TimeSpan.FromHours(Number(a)) },
            { "from_minutes", "minutes:number", a => TimeSpan.FromMinutes(Number(a)) },
            { "from_seconds", "seconds:number", a => TimeSpan.FromSeconds(Number(a)) },
            { "from_milliseconds", "millis:number", a => TimeSpan.FromMilliseconds(Number(a)) },
            { "parse", "text:string", a => a[0] is string { Length: > 0 } text ? TimeSpan.Parse(text, CultureInfo.InvariantCulture) : TimeSpan.Zero },
        };
        table.AddValue("zero", TimeSpan.Zero);
        return table;
    }

    private static double Number(object?[] a) => a[0] is null ? 0 : Values.ToDouble(a[0]!);
}
