using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>Reads tool lists of all dialects: their shapes do not collide.</summary>
internal static class ToolLists
{
    /// <summary>Notes where the list is that the reader is on, in place of an earlier one of the same name.</summary>
    /// <returns>Whether it offers a tool.</returns>
    public static bool Replace(RequestScan scan, List<ByteRange> places, ref Utf8JsonReader reader)
    {
        places.Clear();
        var start = scan.Start(ref reader);
        var isList = reader.TokenType == JsonTokenType.StartArray;
        var offers = OffersTool(scan, ref reader);
        if (isList)
        {
            places.Add(new ByteRange(start, scan.End(ref reader) - start));
        }

        return offers;
    }

    /// <summary>Whether a list, on whose first token the reader is, offers a tool.</summary>
    private static bool OffersTool(RequestScan scan, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return false;
        }

        var offers = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            scan.CountPart();
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartArray)
                {
                    // {"functionDeclarations": []} offers nothing.
                    var inner = reader;
                    inner.Read();
                    offers |= inner.TokenType != JsonTokenType.EndArray;
                }
                else
                {
                    offers |= reader.TokenType != JsonTokenType.Null;
                }

                reader.Skip();
            }
        }

        return offers;
    }

    /// <summary>The lists' JSON: as sent where there is one list, all tools in one list else; null if there is none.</summary>
    public static ReadOnlyMemory<byte>? Json(ReadOnlyMemory<byte> body, List<ByteRange> lists)
    {
        if (lists.Count == 0)
        {
            return null;
        }

        if (lists.Count == 1)
        {
            return JsonCutter.WithoutCacheControl(body.Span.Slice(lists[0].Start, lists[0].Length));
        }

        using var buffer = new ByteBuffer();
        foreach (var list in lists)
        {
            var inner = body.Span.Slice(list.Start + 1, list.Length - 2).Trim(" \r\n\t"u8);
            if (inner.Length > 0)
            {
                buffer.Append(buffer.Length == 0 ? "["u8 : ","u8);
                buffer.Append(inner);
            }
        }

        buffer.Append(buffer.Length == 0 ? "[]"u8 : "]"u8);
        return JsonCutter.WithoutCacheControl(buffer.Span);
    }

    /// <summary>The tools of the lists.</summary>
    /// <param name="body">What holds the lists.</param>
    /// <param name="lists">Where they are.</param>
    /// <param name="keepsNative">Whether a tool that has a name keeps its definition as sent.</param>
    public static IReadOnlyList<ToolDefinition> Read(ReadOnlyMemory<byte> body, List<ByteRange> lists, bool keepsNative = false)
    {
        var tools = new List<ToolDefinition>();
        foreach (var list in lists)
        {
            using var document = LenientJson.Parse(body.Slice(list.Start, list.Length));
            if (document is not null)
            {
                foreach (var tool in document.RootElement.Items())
                {
                    var first = tools.Count;
                    Add(tool, tools, 0);
                    if (keepsNative && tools.Count == first + 1 && tool.Text("name"u8) is { Length: > 0 } name && name == tools[first].Name)
                    {
                        tools[first] = tools[first] with { NativeJson = tool.Raw().ToArray() };
                    }
                }
            }
        }

        return tools;
    }

    private static void Add(JsonElement tool, List<ToolDefinition> tools, int depth)
    {
        if (tool.ValueKind != JsonValueKind.Object || depth > 8)
        {
            return;
        }

        // Gemini: a tool is a list of functions, or an object named after a built-in one.
        var functions = tool.Get("functionDeclarations"u8, "function_declarations"u8);
        if (functions.ValueKind == JsonValueKind.Array)
        {
            foreach (var function in functions.Items())
            {
                AddOne(function, function.Text("name"u8) ?? "", tools);
            }

            return;
        }

        // Codex: a namespace of tools.
        var inner = tool.Get("tools"u8);
        if (inner.ValueKind == JsonValueKind.Array)
        {
            foreach (var part in inner.Items())
            {
                Add(part, tools, depth + 1);
            }

            return;
        }

        // Chat: {"type":"function","function":{…}} or {"type":"custom","custom":{…}}.
        var nested = tool.Get("function"u8, "custom"u8);
        if (nested.ValueKind == JsonValueKind.Object)
        {
            AddOne(nested, nested.Text("name"u8) ?? "", tools);
            return;
        }

        var name = tool.Text("name"u8) ?? tool.Text("server_label"u8) ?? tool.Text("type"u8);
        if (name is not null)
        {
            AddOne(tool, name, tools);
            return;
        }

        foreach (var property in tool.EnumerateObject())
        {
            tools.Add(new ToolDefinition(System.Text.Encoding.UTF8.GetString(property.Utf8Name()), "", null));
        }
    }

    private static void AddOne(JsonElement tool, string name, List<ToolDefinition> tools)
    {
        var schema = tool.Get("input_schema"u8, "parameters"u8);
        if (!schema.Exists())
        {
            schema = tool.Get("parametersJsonSchema"u8, "parameters_json_schema"u8);
        }

        tools.Add(new ToolDefinition(name, tool.Text("description"u8) ?? "", schema.Exists() ? schema.RawText() : null));
    }
}
