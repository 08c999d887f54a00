using System.Text;
using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.TrainingData.Conversations;

/// <summary>The schema of a tool of which only calls were recorded: what all their arguments have in common.</summary>
internal sealed class SchemaInference
{
    private const int MaxDepth = 8;

    private readonly Shape _root = new();

    /// <summary>Takes the arguments of a call.</summary>
    public void Add(string arguments)
    {
        using var document = LenientJson.Parse(Encoding.UTF8.GetBytes(arguments));
        if (document?.RootElement is { ValueKind: JsonValueKind.Object } root)
        {
            _root.Add(root, 0);
        }
    }

    /// <summary>The schema: an object with the properties that were seen; those that every call has are required.</summary>
    public string ToJson() => Encoding.UTF8.GetString(StrictJson.Bytes(writer =>
    {
        _root.Types.Add("object");
        _root.Write(writer);
    }));

    private sealed class Shape
    {
        private readonly SortedDictionary<string, Shape> _properties = new(StringComparer.Ordinal);
        private readonly List<string> _order = [];
        private Shape? _items;
        private int _objects;
        private int _count;

        public SortedSet<string> Types { get; } = new(StringComparer.Ordinal);

        public void Add(JsonElement value, int depth)
        {
            _count++;
            Types.Add(TypeOf(value));
            if (value.ValueKind == JsonValueKind.Object && depth < MaxDepth)
            {
                _objects++;
                foreach (var property in value.EnumerateObject())
                {
                    var name = StrictJson.Clean(Encoding.UTF8.GetString(property.Utf8Name()));
                    if (!_properties.TryGetValue(name, out var shape))
                    {
                        _properties[name] = shape = new Shape();
                        _order.Add(name);
                    }

                    shape.Add(property.Value, depth + 1);
                }
            }

            foreach (var item in depth < MaxDepth ? value.Items() : [])
            {
                (_items ??= new Shape()).Add(item, depth + 1);
            }
        }

        public void Write(Utf8JsonWriter writer)
        {
            // A whole number is a number too.
            var types = Types.Contains("number") ? Types.Where(t => t != "integer").ToList() : [.. Types];
            writer.WriteStartObject();
            if (types.Count == 1)
            {
                writer.WriteString("type", types[0]);
            }
            else if (types.Count > 1)
            {
                writer.WriteArray("type", types, writer.WriteStringValue);
            }

            if (Types.Contains("object"))
            {
                writer.WriteStartObject("properties");
                foreach (var name in _order)
                {
                    writer.WritePropertyName(name);
                    _properties[name].Write(writer);
                }

                writer.WriteEndObject();
                var required = _order.FindAll(n => _properties[n]._count == _objects);
                if (required.Count > 0)
                {
                    writer.WriteArray("required", required, writer.WriteStringValue);
                }
            }

            if (Types.Contains("array"))
            {
                writer.WritePropertyName("items");
                (_items ?? new Shape()).Write(writer);
            }

            writer.WriteEndObject();
        }

        private static string TypeOf(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.Number => value.TryGetInt64(out _) ? "integer" : "number",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Null => "null",
            _ => "string",
        };
    }
}
