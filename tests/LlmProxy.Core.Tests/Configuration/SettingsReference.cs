using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using LlmProxy.Core.Configuration;

namespace LlmProxy.Tests.Configuration;

/// <summary>Writes <c>proxy.schema.json</c> and <c>docs/settings.md</c> from the declared settings.</summary>
internal static partial class SettingsReference
{
    private const string Replaces = " Replaces the list of lower sources as a whole.";
    private const string Time = @"^(-?(\d{1,6}\.)?\d{1,2}:\d{2}:\d{2}(\.\d{1,7})?|\d+(\.\d+)?\s?(ms|s|m|min|h|d)|P.+)$";
    private const string Size = @"^\d+(\.\d+)?\s?([KMGT]i?B|B)?$";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>XML comments of the options, by the compiler's name of their member.</summary>
    private static readonly Dictionary<string, XElement> Comments = XDocument.Load(Path.ChangeExtension(typeof(LlmProxyOptions).Assembly.Location, ".xml"))
        .Descendants("member").ToDictionary(member => (string)member.Attribute("name")!);

    /// <summary>The schema: section <c>LlmProxy</c> and the definitions are written anew, everything else is kept.</summary>
    public static string Schema(string current)
    {
        var schema = JsonNode.Parse(current)!.AsObject();
        var definitions = new JsonObject();
        schema["properties"]!["LlmProxy"] = Section(typeof(LlmProxyOptions), Summary("T", typeof(LlmProxyOptions)), definitions);
        schema["definitions"] = definitions;
        return schema.ToJsonString(Json) + "\n";
    }

    public static string Markdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Settings

            Section `{OptionsReader.SectionName}` of `proxy.json`. Every setting can also be given as an environment variable (`LlmProxy__Recording__Enabled=false`)
            or on the command line (`--LlmProxy:Recording:Enabled=false`). A list replaces the list of lower sources as a whole and may be one string with commas;
            regular expressions are .NET's, case-sensitive and culture-invariant, and one string is one expression.
            Sizes are bytes or have a unit (`64MiB`, `1GiB`), times have a unit (`00:00:05`, `5s`, `300ms`, `10m`, `1h`, `PT5S`).
            Optional settings are switched off by null, `off`, `none` or `never`.

            This page is generated from the declarations in `LlmProxyOptions.cs`: run the tests with `LLMPROXY_UPDATE_GOLDEN=1` after changing them.

            """);
        foreach (var section in Setting.Of(typeof(LlmProxyOptions)))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {section.Name}\n\n{Summary(section, markdown: true)}\n");
            Table(text, section.Type, section.Form is SettingForm.Sections or SettingForm.Map ? section.Name + ":*" : section.Name);
        }

        return text.ToString();
    }

    private static void Table(StringBuilder text, Type type, string place)
    {
        text.Append("\n| setting | default | values | change applies | meaning |\n|---|---|---|---|---|\n");
        var entries = new List<(Type Type, string Place)>();
        Rows(type, place);
        foreach (var entry in entries)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nEntries of `{entry.Place[..^2]}`: {Summary("T", entry.Type, markdown: true)}\n");
            Table(text, entry.Type, entry.Place);
        }

        void Row(string key, string value, string values, Setting setting) => text.Append(
            CultureInfo.InvariantCulture,
            $"| `{key}` | {value} | {values} | {(setting.Rules.Live ? "at once" : "at restart")} | {Summary(setting, markdown: true).Replace("|", "\\|", StringComparison.Ordinal)} |\n");

        void Rows(Type section, string at)
        {
            var defaults = Activator.CreateInstance(section);
            foreach (var setting in Setting.Of(section))
            {
                var key = $"{at}:{setting.Name}";
                if (setting.Form == SettingForm.Section)
                {
                    Row(key, "", setting.Rules.Switch ? "section, `true`, `false`" : "section", setting);
                    Rows(setting.Type, key);
                    continue;
                }

                var hasEntries = setting.Form is SettingForm.Sections or SettingForm.Map && Setting.IsSection(setting.Type);
                var value = setting.Rules.Required is null ? Default(setting, setting.Property.GetValue(defaults)) : null;
                var shown = setting.Rules.Required is not null ? "required" : hasEntries ? (HasShippedEntries(key) ? "as shipped" : "none") : value is null ? "null" : $"`{value.ToJsonString(Json).ReplaceLineEndings("").Replace("  ", "", StringComparison.Ordinal)}`";
                Row(key, shown, hasEntries ? "entries" : Values(setting), setting);
                if (hasEntries)
                {
                    entries.Add((setting.Type, key + ":*"));
                }
            }
        }
    }

    private static bool HasShippedEntries(string key) =>
        key.Split(':').Aggregate(JsonNode.Parse(BuiltInConfiguration.Json)![OptionsReader.SectionName], (node, name) => (node as JsonObject)?[name]) is JsonObject { Count: > 0 } or JsonArray { Count: > 0 };

    private static string Values(Setting setting)
    {
        var noun = setting.Words.Count > 0 ? string.Join(", ", setting.Words.Select(word => $"`{word}`"))
            : setting.Type == typeof(bool) ? "`true`, `false`"
            : setting.Type == typeof(long) ? "size"
            : setting.Type == typeof(TimeSpan) ? (setting.Rules.Auto ? "`auto`, or time" : "time")
            : setting.Type == typeof(string) ? setting.Rules.Kind switch { TextKind.Expression => "expression", TextKind.Address => "address", _ => "text" }
            : setting.Type == typeof(int) ? "whole number" : "number";
        if (setting.Range is not null)
        {
            var (low, above, high) = setting.Bounds();
            noun += (above ? " above " : high is null ? ", at least " : " from ") + low + (high is null ? "" : (above ? " up to " : " to ") + high);
        }

        return (setting.Form switch { SettingForm.Values => "list: ", SettingForm.Map => "by name: ", _ => "" }) + noun
            + (IsNullable(setting) && !setting.Rules.Auto ? ", or null" : "") + (setting.Rules.Secret ? "; secret" : "");
    }

    private static JsonObject Section(Type type, string description, JsonObject definitions, bool isItem = false)
    {
        var settings = Setting.Of(type);
        var defaults = Activator.CreateInstance(type);
        var section = new JsonObject
        {
            ["type"] = "object",
            ["description"] = description,
            ["additionalProperties"] = false,
            ["properties"] = new JsonObject(settings.Select(setting => KeyValuePair.Create(Key(setting), (JsonNode?)Property(setting, setting.Property.GetValue(defaults), definitions)))),
        };
        if (settings.Any(setting => setting.Rules.Required is not null))
        {
            section["required"] = new JsonArray([.. settings.Where(setting => setting.Rules.Required is not null).Select(setting => (JsonNode)Key(setting))]);
        }

        return section;

        string Key(Setting setting) => isItem ? JsonNamingPolicy.CamelCase.ConvertName(setting.Name) : setting.Name;
    }

    private static JsonObject Property(Setting setting, object? value, JsonObject definitions)
    {
        var description = Summary(setting);
        var property = setting.Form switch
        {
            SettingForm.Section when setting.Rules.Switch => new JsonObject
            {
                ["description"] = description,
                ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "boolean" }, Section(setting.Type, "Its settings.", definitions)),
            },
            SettingForm.Section => Section(setting.Type, description, definitions),
            SettingForm.Sections => new JsonObject { ["type"] = "array", ["description"] = description, ["items"] = Reference(setting, definitions) },
            SettingForm.Map => new JsonObject
            {
                ["type"] = "object",
                ["description"] = description,
                ["additionalProperties"] = Setting.IsSection(setting.Type) ? Reference(setting, definitions) : new JsonObject { ["type"] = new JsonArray("string", "null") },
            },
            SettingForm.Values => new JsonObject
            {
                ["type"] = new JsonArray("array", "string"),
                ["description"] = description + (setting.Rules.Kind == TextKind.Expression
                    ? " .NET regular expressions, case-sensitive, culture-invariant; one string is one expression." : " A list, or one string with commas.") + Replaces,
                ["items"] = Value(setting, isEntry: true),
            },
            _ => Value(setting, isEntry: false),
        };
        if (setting.Form is not SettingForm.Section and not SettingForm.Sections && !Setting.IsSection(setting.Type) && setting.Rules.Required is null)
        {
            property["default"] = Default(setting, value);
        }

        return property;
    }

    private static JsonObject Value(Setting setting, bool isEntry)
    {
        var type = setting.Type;
        var isNullable = IsNullable(setting) && !isEntry && !setting.Rules.Auto;
        string[] types = type == typeof(bool) ? ["boolean"] : type == typeof(int) ? ["integer"] : type == typeof(long) ? ["integer", "string"]
            : type == typeof(double) || type == typeof(decimal) ? ["number"] : ["string"];
        types = isNullable ? [.. types, "null"] : types;
        var value = new JsonObject { ["type"] = types.Length == 1 ? types[0] : new JsonArray([.. types.Select(name => (JsonNode)name)]) };
        if (!isEntry)
        {
            value["description"] = Summary(setting)
                + (type == typeof(TimeSpan) ? " A time with its unit: 00:00:05, 5s, 300ms, 10m, 1h, PT5S." : type == typeof(long) ? " In bytes, or with a unit: 64MiB, 1GiB."
                    : setting.Rules.Kind == TextKind.Expression ? " A .NET regular expression, case-sensitive, culture-invariant." : "");
        }

        if (setting.Words.Count > 0)
        {
            value["enum"] = new JsonArray([.. setting.Words.Select(word => (JsonNode?)word), .. (isNullable ? new JsonNode?[] { null } : [])]);
        }
        else if (type == typeof(TimeSpan) || type == typeof(long) || setting.Rules.Pattern is not null)
        {
            value["pattern"] = type == typeof(TimeSpan) ? (setting.Rules.Auto ? "^auto$|" : isNullable ? "^(off|none|never)$|" : "") + Time : type == typeof(long) ? Size : setting.Rules.Pattern;
        }
        else if (setting.Range is not null)
        {
            var (low, above, high) = setting.Bounds();
            value["minimum"] = decimal.Parse(low, CultureInfo.InvariantCulture) + (above ? 1 : 0); // only whole numbers are above a bound
            if (high is not null)
            {
                value["maximum"] = decimal.Parse(high, CultureInfo.InvariantCulture);
            }
        }
        else if (setting.Rules.Kind == TextKind.Expression)
        {
            value["format"] = "regex";
        }
        else if (type == typeof(string) && !isNullable && !isEntry)
        {
            value["minLength"] = 1;
        }

        return value;
    }

    private static JsonObject Reference(Setting setting, JsonObject definitions)
    {
        var name = JsonNamingPolicy.CamelCase.ConvertName(setting.Type.Name);
        if (!definitions.ContainsKey(name))
        {
            definitions[name] = new JsonObject(); // keeps its place before the definitions that it uses
            definitions[name] = Section(setting.Type, Summary("T", setting.Type), definitions, isItem: setting.Form == SettingForm.Sections);
        }

        return new JsonObject { ["$ref"] = "#/definitions/" + name };
    }

    private static JsonNode? Default(Setting setting, object? value) => value switch
    {
        null => setting.Rules.Auto ? "auto" : null,
        Enum word => word.Word(),
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        long size => SizeText(size),
        IDictionary => new JsonObject(),
        IEnumerable list and not string => new JsonArray([.. list.Cast<object>().Select(item => JsonSerializer.SerializeToNode(item))]),
        _ => JsonSerializer.SerializeToNode(value, setting.Type),
    };

    private static string SizeText(long size)
    {
        string[] units = ["", "KiB", "MiB", "GiB"];
        var unit = 0;
        for (; unit < units.Length - 1 && size % 1024 == 0; unit++)
        {
            size /= 1024;
        }

        return size.ToString(CultureInfo.InvariantCulture) + units[unit];
    }

    private static bool IsNullable(Setting setting) =>
        Nullable.GetUnderlyingType(setting.Property.PropertyType) is not null || new NullabilityInfoContext().Create(setting.Property).WriteState == NullabilityState.Nullable;

    private static string Summary(Setting setting, bool markdown = false)
    {
        var words = !setting.Type.IsEnum ? "" : string.Concat(setting.Type.GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => $" {Quoted(field.Name.ToLowerInvariant(), markdown)}: {Text(Comments[$"F:{setting.Type.FullName}.{field.Name}"].Element("summary")!, markdown)}"));
        return Summary("P", setting.Property.DeclaringType!, markdown, setting.Name) + words;
    }

    private static string Summary(string kind, Type type, bool markdown = false, string? member = null) =>
        Text(Comments[$"{kind}:{type.FullName}{(member is null ? "" : "." + member)}"].Element("summary")!, markdown);

    private static string Text(XElement comment, bool markdown) => Blanks().Replace(string.Concat(comment.Nodes().Select(node => node switch
    {
        XElement { Name.LocalName: "see" } see => Quoted(((string)see.Attribute("cref")!).Split('.')[^1], markdown),
        XElement element => Quoted(element.Value, markdown),
        _ => ((XText)node).Value,
    })).Trim(), " ");

    private static string Quoted(string text, bool markdown) => markdown ? $"`{text}`" : text;

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex Blanks();
}
