using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using LlmProxy.Core.Configuration;
using LlmProxy.Storage;
using NJsonSchema;

namespace LlmProxy.Tests.Configuration;

public sealed class SchemaTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(BuiltInConfiguration.SchemaJson).RootElement;

    [Fact]
    public async Task The_shipped_file_is_valid()
    {
        var schema = await JsonSchema.FromJsonAsync(BuiltInConfiguration.SchemaJson);

        Assert.Empty(schema.Validate(BuiltInConfiguration.Json));
    }

    [Fact]
    public void The_committed_schema_equals_the_one_generated_from_the_declarations() => CompareGolden("proxy.schema.json", SettingsReference.Schema(BuiltInConfiguration.SchemaJson));

    [Fact]
    public void The_committed_settings_page_equals_the_one_generated_from_the_declarations() => CompareGolden("docs/settings.md", SettingsReference.Markdown());

    [Theory]
    [InlineData("""{ "LlmProxy": { "Recording": { "Enable": true } } }""", "Enable")]
    [InlineData("""{ "LlmProxi": {} }""", "LlmProxi")]
    [InlineData("""{ "LlmProxy": { "Tasks": { "Presets": { "codex": { "Bondary": "turn" } } } } }""", "Bondary")]
    [InlineData("""{ "LlmProxy": { "Prices": [{ "pattern": "x", "input": -1, "output": 1, "cacheRead": 1, "cacheWrite": 1 }] } }""", "input")]
    [InlineData("""{ "LlmProxy": { "Recording": { "MinDuration": "5" } } }""", "MinDuration")]
    [InlineData("""{ "LlmProxy": { "Storage": { "Provider": "mysql" } } }""", "Provider")]
    [InlineData("""{ "ReverseProxy": { "Routes": { "r": { "Match": {}, "Metadata": { "LlmProxy.Provider": "antropic" } } } } }""", "LlmProxy.Provider")]
    [InlineData("""{ "ReverseProxy": { "Clusters": { "c": { "Destinations": { "d": { "Adress": "http://x/" } } } } } }""", "Address")]
    public async Task A_typo_is_rejected(string json, string where)
    {
        var schema = await JsonSchema.FromJsonAsync(BuiltInConfiguration.SchemaJson);
        var errors = schema.Validate(json);

        Assert.Contains(where, string.Join('\n', errors.Select(error => error.ToString())), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "LlmProxy": { "Recording": { "Redaction": false, "Providers": "openai, gemini", "MaxBodyBytes": 1000, "MinDuration": "300ms" } } }""")]
    [InlineData("""{ "LlmProxy": { "Cleanup": { "Every": "off" }, "FewShot": { "Timeout": "PT2S", "MinSimilarity": null } }, "Logging": {}, "Urls": "http://*:1" }""")]
    public async Task Other_spellings_of_a_value_are_accepted(string json)
    {
        var schema = await JsonSchema.FromJsonAsync(BuiltInConfiguration.SchemaJson);

        Assert.Empty(schema.Validate(json));
    }

    [Fact]
    public void Schema_options_and_shipped_file_have_the_same_settings_and_defaults()
    {
        var differences = new List<string>();
        var shipped = OptionsReader.Read(new Microsoft.Extensions.Configuration.ConfigurationManager(), new Dictionary<string, string?>(), ConnectionStrings.Read, []);
        Compare(typeof(LlmProxyOptions), new LlmProxyOptions(), shipped, Schema.GetProperty("properties").GetProperty("LlmProxy"), JsonDocument.Parse(BuiltInConfiguration.Json).RootElement.GetProperty("LlmProxy"), "LlmProxy", differences);

        Assert.Empty(differences);
    }

    [Fact]
    public void Every_setting_in_the_schema_has_a_description()
    {
        var bare = new List<string>();
        Walk(Schema.GetProperty("properties").GetProperty("LlmProxy"), "LlmProxy");
        foreach (var definition in Schema.GetProperty("definitions").EnumerateObject())
        {
            Walk(definition.Value, definition.Name);
        }

        Assert.Empty(bare);

        void Walk(JsonElement schema, string path)
        {
            if (schema.TryGetProperty("description", out var text) ? text.GetString()!.Length < 5 : !schema.TryGetProperty("$ref", out _))
            {
                bare.Add(path);
            }

            foreach (var property in Properties(schema))
            {
                Walk(property.Value, path + ":" + property.Name);
            }
        }
    }

    private static void CompareGolden(string file, string expected)
    {
        var path = Path.Combine(Packaging.PackedPackages.Repository, file);
        if (Environment.GetEnvironmentVariable("LLMPROXY_UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.Equal(expected, File.ReadAllText(path));
    }

    /// <summary>Walks the options' types and says where schema, defaults in code and the shipped file differ.</summary>
    private static void Compare(Type type, object? inCode, object? shipped, JsonElement schema, JsonElement? file, string path, List<string> differences)
    {
        schema = Resolve(schema);
        var inSchema = Properties(schema).ToDictionary(property => property.Name, property => property.Value, StringComparer.OrdinalIgnoreCase);
        var properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.Name != "EqualityContract").ToArray();
        differences.AddRange(inSchema.Keys.Except(properties.Select(property => property.Name), StringComparer.OrdinalIgnoreCase).Select(name => $"{path}:{name} is in the schema alone"));
        foreach (var property in properties)
        {
            var key = $"{path}:{property.Name}";
            if (!inSchema.TryGetValue(property.Name, out var at))
            {
                differences.Add($"{key} is not in the schema");
                continue;
            }

            JsonElement? inFile = null;
            if (file is { } element)
            {
                inFile = element.TryGetProperty(property.Name, out var found) ? found : null;
                if (inFile is null)
                {
                    differences.Add($"{key} is not in the shipped file");
                }
            }

            var (codeValue, shippedValue) = (inCode is null ? null : property.GetValue(inCode), shipped is null ? null : property.GetValue(shipped));
            if (ItemType(property.PropertyType) is { } item && item != typeof(string))
            {
                // Items of lists and maps: their shape alone, since the shipped ones are data.
                var itemSchema = at.TryGetProperty("items", out var items) ? items : at.GetProperty("additionalProperties");
                Compare(item, item.GetConstructor([])?.Invoke(null), item.GetConstructor([])?.Invoke(null), itemSchema, null, key, differences);
            }
            else if (property.PropertyType.Namespace == typeof(LlmProxyOptions).Namespace)
            {
                Compare(property.PropertyType, codeValue, shippedValue, at, inFile, key, differences);
            }
            else if (inCode is not null)
            {
                if (Text(codeValue) != Text(shippedValue))
                {
                    differences.Add($"{key} is {Text(codeValue)} in code and {Text(shippedValue)} in the shipped file");
                }

                var required = schema.TryGetProperty("required", out var names) && names.EnumerateArray().Any(name => string.Equals(name.GetString(), property.Name, StringComparison.OrdinalIgnoreCase));
                if (!required && (!at.TryGetProperty("default", out var value) || Parsed(value, property.PropertyType) != Text(codeValue)))
                {
                    differences.Add($"{key} is {Text(codeValue)} in code, but not by the schema's default");
                }
            }
        }
    }

    private static JsonElement Resolve(JsonElement schema)
    {
        if (schema.TryGetProperty("$ref", out var reference))
        {
            return Schema.GetProperty("definitions").GetProperty(reference.GetString()!.Split('/')[^1]);
        }

        return schema.TryGetProperty("anyOf", out var any) ? any.EnumerateArray().First(option => option.TryGetProperty("properties", out _)) : schema;
    }

    private static IEnumerable<JsonProperty> Properties(JsonElement schema) => Resolve(schema).TryGetProperty("properties", out var properties) ? properties.EnumerateObject() : [];

    private static Type? ItemType(Type type) => type.IsGenericType && type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[^1] : null;

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => text,
        IReadOnlyDictionary<string, string> map => "{" + string.Join(',', map.Keys) + "}",
        IEnumerable list => "[" + string.Join(',', list.Cast<object>()) + "]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Parsed(JsonElement value, Type type) => value.ValueKind switch
    {
        JsonValueKind.Null => "null",
        JsonValueKind.Array => "[" + string.Join(',', value.EnumerateArray().Select(item => item.ToString())) + "]",
        JsonValueKind.Object => "{" + string.Join(',', value.EnumerateObject().Select(item => item.Name)) + "}",
        _ when type.IsEnum => Text(Enum.Parse(type, value.ToString(), ignoreCase: true)),
        _ when type == typeof(long) => Text(ValueParser.Bytes(value.ToString())),
        JsonValueKind.String when value.ToString() == "auto" && Nullable.GetUnderlyingType(type) is not null => "null",
        _ when type == typeof(TimeSpan) => Text(ValueParser.Duration(value.ToString())),
        _ => value.ToString(),
    };
}
