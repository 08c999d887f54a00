using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace LlmProxy.Wire.Json;

/// <summary>What is normalised away in a dialect's messages, besides <c>cache_control</c>, nulls and property order.</summary>
internal sealed class CanonicalRules
{
    /// <summary>Decides whether a property is left out. Depth 1 is the message itself.</summary>
    public delegate bool DropRule(int depth, ReadOnlySpan<byte> name);

    /// <summary>Rules for data that is no message, such as arguments.</summary>
    public static CanonicalRules None { get; } = new();

    /// <summary>Type of a block that only holds text.</summary>
    public byte[] TextType { get; init; } = [];

    /// <summary>Names of properties where a string means one text block.</summary>
    public byte[][] TextNames { get; init; } = [];

    /// <summary>Name of the property that holds the id of the call that a result answers.</summary>
    public byte[] CallIdName { get; init; } = [];

    /// <summary>Which properties are left out.</summary>
    public DropRule Drops { get; init; } = static (_, _) => false;
}

/// <summary>
/// Writes JSON in one form for all ways to write the same: properties in order of their names (the last of equal
/// names, as parsers take it), no nulls and no <c>cache_control</c> in objects, no white space, one form of escapes
/// and numbers. The result is for hashing and comparing; it has a comma after each element.
/// </summary>
internal sealed class CanonicalJson(ByteBuffer to) : IDisposable
{
    // Deeper parts are taken as they are: recursion must not depend on what a client sends.
    private const int MaxNormalisedDepth = 64;

    private readonly List<Property> _properties = [];
    private readonly ByteBuffer _sorted = new();
    private int _nesting;
    private int _values;

    /// <summary>Called with what is between the quotes of a call id.</summary>
    public Action<ByteRange>? OnCallId { get; set; }

    /// <summary>How many values it writes at most.</summary>
    public int MaxValues { get; init; } = int.MaxValue;

    /// <summary>Where the reader's first byte is in the body; for <see cref="OnCallId"/>.</summary>
    public int Origin { get; set; }

    /// <summary>The one form of a JSON value; the text itself where it is broken.</summary>
    public static string Of(ReadOnlySpan<byte> json)
    {
        using var buffer = new ByteBuffer(json.Length + 16);
        AppendTo(buffer, json);
        return Encoding.UTF8.GetString(buffer.Span);
    }

    /// <summary>Appends the one form of a JSON value; the text itself where it is broken.</summary>
    public static void AppendTo(ByteBuffer buffer, ReadOnlySpan<byte> json)
    {
        var start = buffer.Length;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
            using var canonical = new CanonicalJson(buffer);
            reader.Read();
            canonical.WriteValue(ref reader, CanonicalRules.None, 0);
            reader.Read();
        }
        catch (JsonException)
        {
            buffer.Truncate(start);
            buffer.Append(JsonText.Repair(json));
        }
    }

    /// <summary>Writes the value that the reader is on and leaves the reader on its last token.</summary>
    public void WriteValue(ref Utf8JsonReader reader, CanonicalRules rules, int depth)
    {
        Count();
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject or JsonTokenType.StartArray when _nesting >= MaxNormalisedDepth:
                WriteFlat(ref reader);
                break;
            case JsonTokenType.StartObject:
                _nesting++;
                var mark = OpenObject();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    WriteProperty(ref reader, rules, depth + 1);
                }

                CloseObject(mark);
                _nesting--;
                break;
            case JsonTokenType.StartArray:
                _nesting++;
                to.Append((byte)'[');
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    WriteValue(ref reader, rules, depth);
                    to.Append((byte)',');
                }

                to.Append((byte)']');
                _nesting--;
                break;
            case JsonTokenType.String:
                WriteString(reader.ValueSpan);
                break;
            case JsonTokenType.Number:
                WriteNumber(reader.ValueSpan);
                break;
            default:
                to.Append(reader.ValueSpan);
                break;
        }
    }

    /// <summary>Begins an object.</summary>
    /// <returns>What <see cref="CloseObject"/> needs.</returns>
    public int OpenObject()
    {
        to.Append((byte)'{');
        return _properties.Count;
    }

    /// <summary>Writes the property whose name the reader is on.</summary>
    public void WriteProperty(ref Utf8JsonReader reader, CanonicalRules rules, int depth)
    {
        Count();
        var start = to.Length;
        WriteString(reader.ValueSpan);
        var nameEnd = to.Length;
        to.Append((byte)':');
        var name = JsonText.Name(reader.ValueSpan);
        reader.Read();
        if (reader.TokenType == JsonTokenType.Null || name.SequenceEqual("cache_control"u8) || rules.Drops(depth, name))
        {
            reader.Skip();
            to.Truncate(start);
            return;
        }

        if (reader.TokenType == JsonTokenType.String)
        {
            if (OnCallId is not null && name.SequenceEqual(rules.CallIdName))
            {
                OnCallId(new ByteRange(Origin + (int)reader.TokenStartIndex, reader.ValueSpan.Length + 2));
            }

            if (IsTextName(rules, name))
            {
                WriteTextBlock(rules.TextType, reader.ValueSpan);
            }
            else
            {
                WriteString(reader.ValueSpan);
            }
        }
        else
        {
            WriteValue(ref reader, rules, depth);
        }

        to.Append((byte)',');
        _properties.Add(new Property(start, nameEnd - start, to.Length - start));
    }

    /// <summary>Ends an object and brings its properties in order.</summary>
    public void CloseObject(int mark)
    {
        var properties = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_properties)[mark..];
        if (!IsOrdered(properties))
        {
            Sort(properties);
        }

        _properties.RemoveRange(mark, _properties.Count - mark);
        to.Append((byte)'}');
    }

    public void Dispose() => _sorted.Dispose();

    private void Count()
    {
        if (++_values > MaxValues)
        {
            throw new RequestTooLargeException();
        }
    }

    private static bool IsTextName(CanonicalRules rules, ReadOnlySpan<byte> name)
    {
        foreach (var textName in rules.TextNames)
        {
            if (name.SequenceEqual(textName))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsOrdered(Span<Property> properties)
    {
        for (var i = 1; i < properties.Length; i++)
        {
            if (NameOf(properties[i - 1]).SequenceCompareTo(NameOf(properties[i])) >= 0)
            {
                return false;
            }
        }

        return true;
    }

    private void Sort(Span<Property> properties)
    {
        var start = properties[0].Start;
        // Objects are small and mostly sorted: insertion keeps equal names in their order. Large ones (a tool result
        // of thousands of properties) must not cost the square of their size.
        if (properties.Length > 32)
        {
            var array = properties.ToArray();
            var order = array.Select((property, index) => (property, index)).ToArray();
            Array.Sort(order, (a, b) => NameOf(a.property).SequenceCompareTo(NameOf(b.property)) is var c && c != 0 ? c : a.index - b.index);
            for (var i = 0; i < order.Length; i++)
            {
                properties[i] = order[i].property;
            }
        }
        else
        {
            for (var i = 1; i < properties.Length; i++)
            {
                var moved = properties[i];
                var at = i;
                for (; at > 0 && NameOf(properties[at - 1]).SequenceCompareTo(NameOf(moved)) > 0; at--)
                {
                    properties[at] = properties[at - 1];
                }

                properties[at] = moved;
            }
        }

        _sorted.Clear();
        for (var i = 0; i < properties.Length; i++)
        {
            if (i + 1 == properties.Length || !NameOf(properties[i]).SequenceEqual(NameOf(properties[i + 1])))
            {
                _sorted.Append(to.Span.Slice(properties[i].Start, properties[i].Length));
            }
        }

        to.Truncate(start);
        to.Append(_sorted.Span);
    }

    private ReadOnlySpan<byte> NameOf(Property property) => to.Span.Slice(property.Start, property.NameLength);

    private void WriteTextBlock(byte[] type, ReadOnlySpan<byte> raw)
    {
        // The same bytes as for [{"type":TYPE,"text":TEXT}].
        to.Append("[{\"text\":"u8);
        WriteString(raw);
        to.Append(",\"type\":\""u8);
        to.Append(type);
        to.Append("\",},]"u8);
    }

    private void WriteFlat(ref Utf8JsonReader reader)
    {
        // Tokens one after the other, so that white space does not count.
        var depth = reader.CurrentDepth;
        do
        {
            Count();
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName or JsonTokenType.String:
                    WriteString(reader.ValueSpan);
                    break;
                default:
                    to.Append(reader.ValueSpan);
                    break;
            }

            to.Append((byte)',');
        }
        while (!(reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray && reader.CurrentDepth == depth) && reader.Read());
    }

    private void WriteString(ReadOnlySpan<byte> raw)
    {
        to.Append((byte)'"');
        JsonText.AppendCanonical(to, raw);
        to.Append((byte)'"');
    }

    private void WriteNumber(ReadOnlySpan<byte> raw)
    {
        // Clients in JavaScript write 1.0 as 1 and lose digits after the 15th: all numbers go the same way.
        if ((raw.Length <= 15 && raw.IndexOfAny(".eE-"u8) < 0)
            || !Utf8Parser.TryParse(raw, out double value, out var length)
            || length != raw.Length
            || !double.IsFinite(value))
        {
            to.Append(raw);
            return;
        }

        Span<byte> text = stackalloc byte[32];
        int written;
        if (Math.Abs(value) < 1e15 && Math.Truncate(value) == value)
        {
            ((long)value).TryFormat(text, out written, default, CultureInfo.InvariantCulture);
        }
        else
        {
            value.TryFormat(text, out written, "R", CultureInfo.InvariantCulture);
        }

        to.Append(text[..written]);
    }

    private readonly record struct Property(int Start, int NameLength, int Length);
}
