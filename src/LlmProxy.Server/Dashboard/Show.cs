using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using LlmProxy.Server.Api.Dtos;
using LlmProxy.Server.Terminal;
using static System.FormattableString;

namespace LlmProxy.Server.Dashboard;

/// <summary>Writes values for people. Recorded text goes through <see cref="Text"/>: what a page would hide becomes visible.</summary>
internal static class Show
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Recorded text.</summary>
    public static string Text(string? text) => VisibleText.Lines(text ?? "");

    /// <summary>Recorded text in one line of at most some characters.</summary>
    public static string Short(string? text, int length) => VisibleText.Line(Cli.TextFold.Short(text ?? "", length));

    /// <summary>A time in UTC; the script of the page shows it as local time.</summary>
    public static string Time(DateTime time) => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>A time for the attribute <c>datetime</c>.</summary>
    public static string Iso(DateTime time) => time.ToString("O", CultureInfo.InvariantCulture);

    /// <summary>A share as per cent; a dash if unknown.</summary>
    public static string Percent(double? share) => share is { } s ? Invariant($"{s * 100:0} %") : "–";

    /// <summary>A number with its thousands; a dash if unknown.</summary>
    public static string Number(double? number, string format = "#,##0.##") => number?.ToString(format, CultureInfo.InvariantCulture) ?? "–";

    /// <summary>A cost; a dash if unknown.</summary>
    public static string Usd(decimal? cost) => cost is { } c ? "$" + c.ToString(c < 1 ? "0.0000" : "#,##0.00", CultureInfo.InvariantCulture) : "–";

    /// <summary>A duration.</summary>
    public static string Duration(double? milliseconds) => milliseconds switch
    {
        null => "–",
        < 1000 => Invariant($"{milliseconds:0} ms"),
        < 120_000 => Invariant($"{milliseconds / 1000:0.0} s"),
        _ => Invariant($"{milliseconds / 60_000:0.0} min"),
    };

    /// <summary>A size of a text.</summary>
    public static string Size(int characters) => characters < 10_000 ? Invariant($"{characters:#,##0} characters") : Invariant($"{characters / 1000.0:#,##0} thousand characters");

    /// <summary>The outcome in one or two words, and the class that gives it its colour.</summary>
    public static (string Word, string Class) Outcome(TrajectoryDto run) => (run.Status, run.Success) switch
    {
        ("completed", true) => ("success", "good"),
        ("completed", false) => ("no success", "bad"),
        ("completed", null) => run.SuccessProbability is { } probability ? (Invariant($"not verified, {probability * 100:0} %"), "dim") : ("unknown", "dim"),
        ("failed", _) => ("failed", "bad"),
        ("needs_help", _) => ("needs help", "warn"),
        ("active", _) => ("active", "live"),
        var (status, _) => (status, "dim"),
    };

    /// <summary>JSON for reading.</summary>
    public static string Json(JsonNode? node) => Text(node switch
    {
        null => "",
        JsonValue value when value.TryGetValue<string>(out var text) => text,
        _ => node.ToJsonString(Indented),
    });

    /// <summary>The texts of a message of any dialect that a person or an agent wrote; results of tools are shown with their calls.</summary>
    public static IEnumerable<(string Kind, string Text)> PartsOf(JsonNode message)
    {
        if (message is not JsonObject holder)
        {
            yield break;
        }

        switch (holder["content"] ?? holder["parts"])
        {
            case JsonValue text when text.TryGetValue<string>(out var whole):
                yield return ("text", whole);
                break;
            case JsonArray parts:
                foreach (var part in parts.OfType<JsonObject>())
                {
                    yield return PartOf(part);
                }

                break;
            default:
                if ((holder["output"] ?? holder["arguments"] ?? holder["input"]) is { } other)
                {
                    yield return (Word(holder["type"]) ?? "item", Json(other));
                }

                break;
        }
    }

    /// <summary>What both prompts begin and end with, and what lies between in the one that was sent.</summary>
    public static (string Before, string Inserted, string Replaced, string After) Insertion(string own, string sent)
    {
        var start = own.AsSpan().CommonPrefixLength(sent);
        var end = 0;
        while (end < Math.Min(own.Length, sent.Length) - start && own[^(end + 1)] == sent[^(end + 1)])
        {
            end++;
        }

        return (sent[..start], sent[start..^end], own[start..^end], sent[^end..]);
    }

    private static (string Kind, string Text) PartOf(JsonObject part) => Word(part["type"]) switch
    {
        "text" or "input_text" or "output_text" or null when Word(part["text"]) is { } text => ("text", text),
        "tool_result" or "function_call_output" => ("result", ""),
        "image" or "image_url" or "input_image" => ("image", "[image]"),
        "document" or "file" or "input_file" => ("file", Word(part["title"]) ?? Word(part["filename"]) ?? "[document]"),
        null when part.ContainsKey("functionResponse") => ("result", ""),
        null when part.ContainsKey("inlineData") => ("image", "[image]"),
        "tool_use" or "function_call" => ("call", $"{Word(part["name"])}({(part["input"] ?? part["arguments"])?.ToJsonString(Compact)})"),
        var kind => (kind ?? "part", part.ToJsonString(Indented)),
    };

    private static string? Word(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
