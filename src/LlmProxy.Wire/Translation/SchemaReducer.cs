using System.Text.Json;
using LlmProxy.Wire.Json;
using LlmProxy.Wire.Replies;
using LlmProxy.Wire.Translation.Requests;

namespace LlmProxy.Wire.Translation;

/// <summary>The subset of JSON Schema that a target takes.</summary>
internal enum SchemaSubset
{
    /// <summary>JSON Schema; an object at the root without alternatives.</summary>
    Tool,

    /// <summary>Gemini's <c>Schema</c>.</summary>
    Gemini,

    /// <summary>JSON Schema in which each object is closed and no sizes are stated (structured output of Anthropic).</summary>
    Closed,
}

/// <summary>Writes a JSON schema in the subset that a target takes.</summary>
internal sealed class SchemaReducer(SchemaSubset subset, JsonElement root)
{
    private const int MaxDepth = 40;

    // Recursive references and alternatives multiply: a schema is never larger than this.
    private const int MaxNodes = 20_000;

    private static readonly HashSet<string> GeminiWords = new(StringComparer.Ordinal)
    {
        "title", "description", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "minProperties", "maxProperties", "default",
    };

    private static readonly HashSet<string> Sizes = new(StringComparer.Ordinal)
    {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "minProperties", "maxProperties", "uniqueItems", "minItems", "pattern", "format",
    };

    private static readonly HashSet<string> Maps = new(StringComparer.Ordinal) { "properties", "$defs", "definitions", "patternProperties", "dependentSchemas" };
    private static readonly HashSet<string> Lists = new(StringComparer.Ordinal) { "anyOf", "oneOf", "allOf", "prefixItems" };
    private static readonly HashSet<string> Inner = new(StringComparer.Ordinal) { "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames" };

    private int _nodes;

    /// <summary>Whether anything was left out that the schema demands.</summary>
    public bool HasLost { get; private set; }

    public void Write(Utf8JsonWriter json, bool isTool)
    {
        var schema = Resolve(root, 0);
        if (!isTool)
        {
            WriteNode(json, schema, 0);
            return;
        }

        if (schema.ValueKind != JsonValueKind.Object || !(TypesOf(schema) is ["object"] or []) || Lists.Any(word => schema.Get(Utf8(word)).Exists()) || schema.Get("enum"u8).Exists() || schema.Get("not"u8).Exists())
        {
            WriteMergedRoot(json, schema);
            return;
        }

        WriteNode(json, schema, 0, isRoot: true);
    }

    private static byte[] Utf8(string word) => global::System.Text.Encoding.UTF8.GetBytes(word);

    /// <summary>The types of a schema in lower case.</summary>
    private static List<string> TypesOf(JsonElement schema) =>
        [.. schema.Get("type"u8).Texts().Select(type => type.ToLowerInvariant()).Where(type => type is "string" or "number" or "integer" or "boolean" or "array" or "object" or "null")];

    private JsonElement Resolve(JsonElement schema, int depth)
    {
        for (var hops = 0; hops < 8 && schema.Text("$ref"u8) is { } reference; hops++)
        {
            var found = root;
            foreach (var step in reference.Split('/').Skip(1))
            {
                found = found.Get(Utf8(step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)));
            }

            if (!reference.StartsWith('#') || !found.Exists() || depth > MaxDepth)
            {
                HasLost = true;
                return default;
            }

            schema = found;
        }

        return schema.Text("$ref"u8) is null ? schema : default;
    }

    /// <summary>A root that is no plain object: one object with the properties of all alternatives.</summary>
    private void WriteMergedRoot(Utf8JsonWriter json, JsonElement schema)
    {
        var properties = new List<(string Name, JsonElement Value)>();
        var required = new HashSet<string>(StringComparer.Ordinal);
        Collect(schema, properties, required, 0);
        HasLost |= schema.Exists() && (properties.Count > 0 || TypesOf(schema) is not ([] or ["object"] or ["object", "null"] or ["null", "object"]));
        json.WriteStartObject();
        json.WriteString("type", "object");
        if (schema.Text("description"u8) is { } description)
        {
            json.WriteString("description", RawJson.Clean(description));
        }

        if (properties.Count > 0 || subset != SchemaSubset.Gemini)
        {
            json.WriteStartObject("properties");
            foreach (var (name, value) in properties)
            {
                json.WritePropertyName(RawJson.Clean(name));
                WriteNode(json, value, 1);
            }

            json.WriteEndObject();
        }

        var known = required.Where(name => properties.Exists(property => property.Name == name)).ToList();
        if (known.Count > 0)
        {
            json.WriteArray("required", known, name => json.WriteStringValue(RawJson.Clean(name)));
        }

        json.WriteEndObject();
    }

    private void Collect(JsonElement schema, List<(string Name, JsonElement Value)> properties, HashSet<string> required, int depth)
    {
        schema = Resolve(schema, depth);
        if (depth > 4 || ++_nodes > MaxNodes || schema.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var own = schema.Get("properties"u8);
        if (own.ValueKind == JsonValueKind.Object)
        {
            var known = properties.Select(property => property.Name).ToHashSet(StringComparer.Ordinal);
            properties.AddRange(own.Members().Where(property => known.Add(property.Key)).Select(property => (property.Key, property.Value)));
        }

        required.UnionWith(schema.Get("required"u8).Texts());
        foreach (var part in schema.Get("allOf"u8).Items())
        {
            Collect(part, properties, required, depth + 1);
        }

        foreach (var alternative in schema.Get("anyOf"u8).Items().Concat(schema.Get("oneOf"u8).Items()))
        {
            Collect(alternative, properties, [], depth + 1);
        }
    }

    private void WriteNode(Utf8JsonWriter json, JsonElement schema, int depth, bool isRoot = false)
    {
        json.WriteStartObject();
        if (++_nodes > MaxNodes || depth > MaxDepth)
        {
            HasLost = true;
        }
        else if (subset == SchemaSubset.Gemini)
        {
            WriteGemini(json, Resolve(schema, depth), depth);
        }
        else if (schema.ValueKind == JsonValueKind.Object)
        {
            WriteGeneral(json, schema, depth, isRoot);
        }

        json.WriteEndObject();
    }

    private void WriteGeneral(Utf8JsonWriter json, JsonElement schema, int depth, bool isRoot)
    {
        var types = TypesOf(schema);
        if (schema.Get("nullable"u8).ValueKind == JsonValueKind.True && types.Count == 1)
        {
            types.Add("null");
        }

        types = isRoot ? ["object"] : types;
        WriteTypes(json, types);
        var names = new HashSet<string>(StringComparer.Ordinal) { "type", "nullable", "propertyOrdering", "property_ordering", "example", "$schema" };
        foreach (var (name, value) in schema.Members().Where(member => names.Add(member.Key)))
        {
            WriteMember(json, name, value, depth);
        }

        if (types.Contains("object"))
        {
            if (schema.Get("properties"u8).ValueKind != JsonValueKind.Object)
            {
                json.WriteStartObject("properties");
                json.WriteEndObject();
            }

            if (subset == SchemaSubset.Closed)
            {
                json.WriteBoolean("additionalProperties", false);
            }
        }

        if (types.Contains("array") && !HasKind("items", schema.Get("items"u8)) && !HasKind("prefixItems", schema.Get("prefixItems"u8)))
        {
            json.WriteStartObject("items");
            json.WriteEndObject();
        }
    }

    private static void WriteTypes(Utf8JsonWriter json, List<string> types)
    {
        if (types.Count == 1)
        {
            json.WriteString("type", types[0]);
        }
        else if (types.Count > 1)
        {
            json.WriteArray("type", types.Distinct(StringComparer.Ordinal), json.WriteStringValue);
        }
    }

    /// <summary>Whether a word's value is of the kind that JSON Schema demands.</summary>
    private static bool HasKind(string name, JsonElement value) =>
        Maps.Contains(name) ? value.ValueKind == JsonValueKind.Object
        : Lists.Contains(name) || name is "required" or "enum" ? value.ValueKind == JsonValueKind.Array
        : Inner.Contains(name) ? value.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False
        : name is "description" or "title" or "format" or "pattern" or "$ref" ? value.ValueKind == JsonValueKind.String
        : value.ValueKind != JsonValueKind.Undefined;

    private void WriteMember(Utf8JsonWriter json, string name, JsonElement value, int depth)
    {
        if (subset == SchemaSubset.Closed && (Sizes.Contains(name) || name == "additionalProperties"))
        {
            HasLost |= name != "additionalProperties";
            return;
        }

        if (!HasKind(name, value))
        {
            // A null says the same as nothing, and strict validators refuse it.
            HasLost |= value.Exists();
        }
        else if (Maps.Contains(name))
        {
            json.WriteStartObject(RawJson.Clean(name));
            foreach (var (property, inner) in value.Members())
            {
                json.WritePropertyName(RawJson.Clean(property));
                WriteNode(json, inner, depth + 1);
            }

            json.WriteEndObject();
        }
        else if (Lists.Contains(name))
        {
            json.WriteArray(name, value.Items(), item => WriteNode(json, item, depth + 1));
        }
        else if (Inner.Contains(name) && value.ValueKind == JsonValueKind.Object)
        {
            json.WritePropertyName(name);
            WriteNode(json, value, depth + 1);
        }
        else if (name is "minItems" or "maxItems" or "minLength" or "maxLength" or "minProperties" or "maxProperties" && long.TryParse(value.Text(), out var size))
        {
            // Google's JSON writes 64 bit numbers as strings.
            json.WriteNumber(name, size);
        }
        else
        {
            json.WritePropertyName(RawJson.Clean(name));
            json.WriteRaw(RawJson.Clean(value.Raw()));
        }
    }

    private void WriteGemini(Utf8JsonWriter json, JsonElement schema, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        var types = TypesOf(schema);
        var isNullable = types.Remove("null") | schema.Get("nullable"u8).ValueKind == JsonValueKind.True;
        var alternatives = schema.Get("anyOf"u8).Items().Concat(schema.Get("oneOf"u8).Items()).ToList();
        isNullable |= alternatives.RemoveAll(alternative => TypesOf(alternative) is ["null"]) > 0;
        var merged = schema.Get("allOf"u8).Items().ToList();
        if (types.Count == 0 && alternatives.Count == 0)
        {
            types = InferType(schema, merged);
        }

        WriteGeminiWords(json, schema, types);
        if (isNullable)
        {
            json.WriteBoolean("nullable", true);
        }

        if (types.Count > 1)
        {
            json.WriteArray("anyOf", types, type => WriteTyped(json, schema, type, depth));
        }
        else if (alternatives.Count > 0)
        {
            json.WriteArray("anyOf", alternatives, alternative => WriteNode(json, alternative, depth + 1));
        }
        else if (types is [var type])
        {
            json.WriteString("type", type);
            WriteBody(json, schema, type, depth);
        }
    }

    private static List<string> InferType(JsonElement schema, List<JsonElement> merged) =>
        schema.Get("properties"u8).Exists() || merged.Count > 0 ? ["object"]
        : schema.Get("items"u8).Exists() ? ["array"]
        : schema.Get("enum"u8).Exists() || schema.Get("const"u8).Exists() ? ["string"]
        : [];

    private void WriteTyped(Utf8JsonWriter json, JsonElement schema, string type, int depth)
    {
        json.WriteStartObject();
        json.WriteString("type", type);
        WriteBody(json, schema, type, depth);
        json.WriteEndObject();
    }

    private void WriteGeminiWords(Utf8JsonWriter json, JsonElement schema, List<string> types)
    {
        foreach (var (name, value) in schema.Members().Where(member => member.Value.Exists()))
        {
            if (GeminiWords.Contains(name))
            {
                WriteMember(json, name, value, 0);
            }
            else if (name == "format" && (value.Text(), types) is ("int32" or "int64", ["integer"]) or ("float" or "double", ["number"]) or ("date-time" or "enum", ["string"]))
            {
                json.WriteString("format", value.Text());
            }
            else if (name is "additionalProperties" or "format" or "exclusiveMinimum" or "exclusiveMaximum" or "multipleOf" or "not" or "patternProperties" or "uniqueItems" or "if" or "oneOf" or "const")
            {
                HasLost = true;
            }
        }
    }

    private void WriteBody(Utf8JsonWriter json, JsonElement schema, string type, int depth)
    {
        switch (type)
        {
            case "object":
                WriteProperties(json, schema);
                break;
            case "array":
                json.WritePropertyName("items");
                WriteNode(json, schema.Get("items"u8), depth + 1);
                break;
            case "string":
                var constant = schema.Get("const"u8).Text();
                List<string> values = constant is not null ? [constant] : [.. schema.Get("enum"u8).Texts().Where(value => value.Length > 0).Distinct(StringComparer.Ordinal)];
                if (values.Count > 0)
                {
                    json.WriteArray("enum", values, value => json.WriteStringValue(RawJson.Clean(value)));
                }

                break;
            default:
                HasLost |= schema.Get("enum"u8).Exists();
                break;
        }

        void WriteProperties(Utf8JsonWriter to, JsonElement holder)
        {
            var properties = new List<(string Name, JsonElement Value)>();
            var required = new HashSet<string>(StringComparer.Ordinal);
            Collect(holder, properties, required, 0);
            if (properties.Count == 0)
            {
                return;
            }

            to.WriteStartObject("properties");
            foreach (var (name, value) in properties)
            {
                to.WritePropertyName(RawJson.Clean(name));
                WriteNode(to, value, depth + 1);
            }

            to.WriteEndObject();
            var known = properties.Where(property => required.Contains(property.Name)).ToList();
            if (known.Count > 0)
            {
                to.WriteArray("required", known, property => to.WriteStringValue(RawJson.Clean(property.Name)));
            }
        }
    }
}
