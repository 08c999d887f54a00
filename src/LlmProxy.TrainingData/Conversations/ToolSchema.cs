using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>Tool schemas in the two spellings that consumers take.</summary>
internal static class ToolSchema
{
    private const int MaxDepth = 24;

    // Vertex AI, "Schema": everything else makes the file fail.
    private static readonly string[] GeminiNumbers = ["minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength", "minimum", "maximum"];
    private static readonly string[] GeminiTexts = ["title", "description", "pattern"];

    /// <summary>A JSON schema of an object, whatever was sent.</summary>
    public static void WriteJsonSchema(Utf8JsonWriter writer, string? schema)
    {
        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(schema ?? "{}"));
        var root = document?.RootElement ?? default;
        writer.WriteStartObject();
        writer.WriteString("type", "object");
        if (root.Get("properties"u8).ValueKind != JsonValueKind.Object)
        {
            writer.WriteObject("properties");
        }

        if (root.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in root.EnumerateObject())
            {
                var name = Encoding.UTF8.GetString(property.Utf8Name());
                if (name != "type" && property.Value.Exists() && (name != "properties" || property.Value.ValueKind == JsonValueKind.Object))
                {
                    writer.WritePropertyName(name);
                    WriteLower(writer, property.Value, name == "properties");
                }
            }
        }

        writer.WriteEndObject();
    }

    /// <summary>A schema in Gemini's form: types in capitals, no references, known keywords alone. Nothing where it has no parameters.</summary>
    /// <returns>Whether there is something to write.</returns>
    public static bool HasGeminiParameters(string? schema)
    {
        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(schema ?? "{}"));
        var properties = (document?.RootElement ?? default).Get("properties"u8);
        return properties.ValueKind == JsonValueKind.Object && properties.EnumerateObject().Any();
    }

    /// <summary>Writes it.</summary>
    public static void WriteGemini(Utf8JsonWriter writer, string schema)
    {
        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(schema));
        WriteGemini(writer, document!.RootElement, document.RootElement, "OBJECT", false, []);
    }

    /// <summary>Gemini's own requests spell types in capitals.</summary>
    private static void WriteLower(Utf8JsonWriter writer, JsonElement value, bool areNames)
    {
        if (value.ValueKind == JsonValueKind.Object)
        {
            writer.WriteStartObject();
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var property in value.EnumerateObject())
            {
                var name = StrictJson.Clean(Encoding.UTF8.GetString(property.Utf8Name()));
                if (!seen.Add(name))
                {
                    continue;
                }

                writer.WritePropertyName(name);
                if (!areNames && name == "type" && property.Value.Text() is { } type)
                {
                    writer.WriteStringValue(type.ToLowerInvariant());
                }
                else if (!areNames && name is "enum" or "const" or "default" or "examples" or "example")
                {
                    StrictJson.Write(writer, property.Value);
                }
                else
                {
                    WriteLower(writer, property.Value, !areNames && name is "properties" or "$defs" or "definitions" or "patternProperties");
                }
            }

            writer.WriteEndObject();
        }
        else if (value.ValueKind == JsonValueKind.Array)
        {
            writer.WriteStartArray();
            foreach (var item in value.EnumerateArray())
            {
                WriteLower(writer, item, false);
            }

            writer.WriteEndArray();
        }
        else
        {
            StrictJson.Write(writer, value);
        }
    }

    private static void WriteGemini(Utf8JsonWriter writer, JsonElement schema, JsonElement root, string? wanted, bool isNullable, List<string> way)
    {
        // A schema that holds itself has no end in a form without references: its second occurrence is any object.
        var isRecursive = schema.Text("$ref"u8) is { } reference && way.Contains(reference);
        way = [.. way, schema.Text("$ref"u8) ?? ""];
        schema = Resolve(schema, root);
        var choices = Choices(schema);
        if (choices.Count == 1 && !schema.Get("type"u8).Exists() && way.Count < MaxDepth && !isRecursive)
        {
            // Optional values are a choice between a type and null.
            WriteGemini(writer, choices[0].Choice, root, wanted, isNullable || choices[0].IsNullable, way);
            return;
        }

        writer.WriteStartObject();
        var type = wanted ?? TypeOf(schema, choices.Count);
        if (type is not null)
        {
            writer.WriteString("type", type);
        }

        if (isNullable || schema.Get("nullable"u8).ValueKind == JsonValueKind.True || choices.Any(c => c.IsNullable) || schema.Get("type"u8).Items().Any(t => t.Is("null"u8)))
        {
            writer.WriteBoolean("nullable", true);
        }

        foreach (var name in GeminiTexts)
        {
            if (schema.Text(Encoding.ASCII.GetBytes(name)) is { Length: > 0 } text)
            {
                writer.WriteString(name, StrictJson.Clean(text));
            }
        }

        foreach (var name in GeminiNumbers)
        {
            var number = schema.Get(Encoding.ASCII.GetBytes(name));
            if (number.ValueKind == JsonValueKind.Number)
            {
                writer.WritePropertyName(name);
                StrictJson.Write(writer, number);
            }
        }

        if (type == "STRING" && schema.Text("format"u8) is "date-time" or "enum" && schema.Text("format"u8) is { } format)
        {
            writer.WriteString("format", format);
        }

        WriteEnum(writer, schema, type);
        if (way.Count < MaxDepth && !isRecursive)
        {
            WriteInner(writer, schema, root, type, choices, way);
        }
        else if (type == "OBJECT")
        {
            WriteAnyProperty(writer);
        }

        writer.WriteEndObject();
    }

    /// <summary>Gemini demands that an object has properties.</summary>
    private static void WriteAnyProperty(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("properties");
        writer.WriteObject("value", ("type", "STRING"));
        writer.WriteEndObject();
    }

    private static void WriteEnum(Utf8JsonWriter writer, JsonElement schema, string? type)
    {
        var values = schema.Get("enum"u8).Items().ToList();
        if (schema.Get("const"u8) is { ValueKind: JsonValueKind.String } only)
        {
            values = [only];
        }

        if (type == "STRING" && values.Count > 0 && values.TrueForAll(v => v.ValueKind is JsonValueKind.String or JsonValueKind.Null))
        {
            writer.WriteStartArray("enum");
            foreach (var text in values.Select(v => v.Text()).Where(t => !string.IsNullOrEmpty(t)))
            {
                writer.WriteStringValue(StrictJson.Clean(text));
            }

            writer.WriteEndArray();
        }
    }

    private static void WriteInner(Utf8JsonWriter writer, JsonElement schema, JsonElement root, string? type, IReadOnlyList<(JsonElement Choice, bool IsNullable)> choices, List<string> way)
    {
        var properties = schema.Get("properties"u8);
        if (type == "OBJECT" && (properties.ValueKind != JsonValueKind.Object || !properties.EnumerateObject().Any()))
        {
            WriteAnyProperty(writer);
        }
        else if (type == "OBJECT")
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            writer.WriteStartObject("properties");
            foreach (var property in properties.EnumerateObject())
            {
                var name = StrictJson.Clean(Encoding.UTF8.GetString(property.Utf8Name()));
                if (names.Add(name))
                {
                    writer.WritePropertyName(name);
                    WriteGemini(writer, property.Value, root, null, false, way);
                }
            }

            writer.WriteEndObject();
            var required = schema.Get("required"u8).Items().Select(r => r.Text()).Where(r => r is not null && names.Contains(r)).Distinct(StringComparer.Ordinal).ToList();
            if (required.Count > 0)
            {
                writer.WriteStartArray("required");
                required.ForEach(r => writer.WriteStringValue(r));
                writer.WriteEndArray();
            }
        }

        if (type == "ARRAY")
        {
            var items = schema.Get("items"u8);
            writer.WritePropertyName("items");
            if (items.ValueKind == JsonValueKind.Object)
            {
                WriteGemini(writer, items, root, null, false, way);
            }
            else
            {
                writer.WriteObject(("type", "STRING"));
            }
        }

        if (type is null && choices.Count > 1)
        {
            writer.WriteStartArray("anyOf");
            foreach (var (choice, _) in choices)
            {
                WriteGemini(writer, choice, root, null, false, way);
            }

            writer.WriteEndArray();
        }
    }

    private static string? TypeOf(JsonElement schema, int choices)
    {
        var type = schema.Get("type"u8);
        var name = type.Text() ?? type.Items().Select(t => t.Text()).FirstOrDefault(t => t is not null and not "null");
        name = name?.ToUpperInvariant();
        return name is "STRING" or "NUMBER" or "INTEGER" or "BOOLEAN" or "ARRAY" or "OBJECT" ? name
            : choices > 1 ? null
            : schema.Get("properties"u8).Exists() ? "OBJECT"
            : schema.Get("items"u8).Exists() ? "ARRAY"
            : "STRING";
    }

    private static IReadOnlyList<(JsonElement Choice, bool IsNullable)> Choices(JsonElement schema)
    {
        var all = schema.Get("anyOf"u8).Items().Concat(schema.Get("oneOf"u8).Items()).Concat(schema.Get("allOf"u8).Items()).ToList();
        var isNullable = all.Exists(c => c.Get("type"u8).Is("null"u8));
        return [.. all.Where(c => !c.Get("type"u8).Is("null"u8)).Select(c => (c, isNullable))];
    }

    private static JsonElement Resolve(JsonElement schema, JsonElement root)
    {
        for (var i = 0; i < MaxDepth && schema.Text("$ref"u8) is { } reference && reference.StartsWith("#/", StringComparison.Ordinal); i++)
        {
            var target = root;
            foreach (var step in reference[2..].Split('/'))
            {
                target = target.Get(Encoding.UTF8.GetBytes(step));
            }

            schema = target;
        }

        return schema;
    }
}
