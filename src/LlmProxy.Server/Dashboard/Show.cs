using System.Globalization;
using System.Text.Json;
using LlmProxy.Core;
using LlmProxy.Core.Trajectories;
using LlmProxy.Server.Terminal;

namespace LlmProxy.Server.Dashboard;

/// <summary>Writes values as the pages show them. Texts of others have their hidden characters made visible.</summary>
internal static class Show
{
    /// <summary>A text of one line.</summary>
    public static string Line(string? text) => VisibleText.Line(text ?? "");

    /// <summary>The beginning of a text, on one line.</summary>
    public static string Short(string? text, int longest = 120)
    {
        var line = string.Join(' ', Cut(text ?? "", longest + 1).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return VisibleText.Line(line.Length > longest ? Cut(line, longest) + "…" : line);
    }

    /// <summary>The beginning of a text; a pair of surrogates is not cut in two.</summary>
    public static string Cut(string text, int longest) =>
        text.Length <= longest ? text : text[..(char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest)];

    /// <summary>A text with its line ends.</summary>
    public static string Lines(string? text) => VisibleText.Lines(text ?? "");

    public static string Percent(double? share) => share is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value * 100:0} %") : "–";

    public static string Score(double? score) => score is { } value ? value.ToString("0.00", CultureInfo.InvariantCulture) : "–";

    public static string Cost(decimal? cost) => cost is not { } value ? "–"
        : value is > 0 and < 0.01m ? string.Create(CultureInfo.InvariantCulture, $"${value:0.0000}")
        : string.Create(CultureInfo.InvariantCulture, $"${value:#,0.00}");

    public static string Count(double? number) => number is { } value ? value.ToString("#,0.#", CultureInfo.InvariantCulture) : "–";

    public static string Size(long bytes) => bytes switch
    {
        < 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes} B"),
        < 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MiB"),
    };

    public static string Duration(double? milliseconds) => milliseconds switch
    {
        null => "–",
        < 1000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0} ms"),
        < 60_000 => string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.#} s"),
        < 3_600_000 => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(milliseconds.Value / 60_000):0} min {milliseconds / 1000 % 60:0} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(milliseconds.Value / 3_600_000):0} h {milliseconds / 60_000 % 60:0} min"),
    };

    /// <summary>A time for machines.</summary>
    public static string Iso(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <summary>A time for people without the script.</summary>
    public static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>The outcome in one word.</summary>
    public static string Outcome(Trajectory run) => run switch
    {
        { Status: TrajectoryStatus.Active } => "active",
        { Status: TrajectoryStatus.Cancelled } => "cancelled",
        { Success: true } => "success",
        { Success: false } => "failure",
        { Status: TrajectoryStatus.NeedsHelp } => "needs help",
        { SuccessProbability: { } probability } => string.Create(CultureInfo.InvariantCulture, $"{probability * 100:0} % likely"),
        _ => "unknown",
    };

    /// <summary>Class of the outcome in the style sheet.</summary>
    public static string OutcomeClass(Trajectory run) => run switch
    {
        { Success: true } => "good",
        { Success: false } => "bad",
        { Status: TrajectoryStatus.Active } => "live",
        _ => "open",
    };

    /// <summary>Who decided the outcome.</summary>
    public static string Source(Trajectory run) => run.OutcomeSource is { } source ? EnumWords.Snake(source) : "";

    /// <summary>Members of a JSON object as rows; null if a text is no such object.</summary>
    public static IReadOnlyList<(string Name, string Value)>? Members(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind != JsonValueKind.Object
                ? null
                : [.. document.RootElement.EnumerateObject().Take(100).Select(member => (member.Name, member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : member.Value.GetRawText()))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
