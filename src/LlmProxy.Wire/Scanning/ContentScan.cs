using System.Text.Json;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Scanning;

/// <summary>What a key needs of one part (block) of a message; the rest of the part is skipped.</summary>
internal ref struct ScannedPart
{
    /// <summary>Its <c>type</c>; empty where it has none.</summary>
    public ReadOnlySpan<byte> Type;

    /// <summary>Literal of its <c>text</c>; empty range where it has none.</summary>
    public ByteRange Text;

    /// <summary>Literal of its <c>id</c>; empty range where it has none.</summary>
    public ByteRange Id;

    /// <summary>Literal of its <c>content</c>; empty range where it has none or another value.</summary>
    public ByteRange Content;

    /// <summary>Whether it holds a text of this type.</summary>
    public readonly bool HasText => Text.Length > 0;

    /// <summary>Reads the part that the reader is on; an empty one where it is no object.</summary>
    public static ScannedPart Read(RequestScan scan, ref Utf8JsonReader reader)
    {
        scan.CountPart();
        var part = default(ScannedPart);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            return part;
        }

        while (reader.ReadProperty(out var name))
        {
            if (name.SequenceEqual("type"u8))
            {
                part.Type = reader.TokenType == JsonTokenType.String ? JsonText.Name(reader.ValueSpan) : default;
                reader.Skip();
            }
            else if (name.SequenceEqual("text"u8))
            {
                part.Text = scan.Literal(ref reader);
            }
            else if (name.SequenceEqual("id"u8))
            {
                part.Id = scan.Literal(ref reader);
            }
            else if (name.SequenceEqual("content"u8))
            {
                part.Content = scan.Literal(ref reader);
            }
            else
            {
                reader.Skip();
            }
        }

        return part;
    }
}

/// <summary>Reads the <c>content</c> of messages: a string or a list of parts.</summary>
internal static class ContentScan
{
    /// <summary>What to do with a part.</summary>
    public delegate void PartReader(RequestScan scan, ScannedPart part);

    /// <summary>Adds the text of a model's message, and hands on each part that holds no text.</summary>
    public static void ReadModel(RequestScan scan, ref Utf8JsonReader reader, PartReader? other = null)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            scan.AddText(reader.ValueSpan);
            return;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            var part = ScannedPart.Read(scan, ref reader);
            if (part.HasText && IsText(part.Type))
            {
                scan.AddText(scan.Raw(part.Text));
            }
            else
            {
                other?.Invoke(scan, part);
            }
        }
    }

    /// <summary>Finds the texts of a system prompt: a string or the text parts of a list.</summary>
    /// <returns>Whether there is anything at all but null or an empty list.</returns>
    public static bool ReadSystem(RequestScan scan, ref Utf8JsonReader reader, Action<ByteRange> add)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            add(scan.Skip(ref reader));
            return true;
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            var isNull = reader.TokenType == JsonTokenType.Null;
            reader.Skip();
            return !isNull;
        }

        var any = false;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            any = true;
            var part = ScannedPart.Read(scan, ref reader);
            if (part.HasText && IsText(part.Type))
            {
                add(part.Text);
            }
        }

        return any;
    }

    private static bool IsText(ReadOnlySpan<byte> type)
        => type.IsEmpty || type.SequenceEqual("text"u8) || type.SequenceEqual("output_text"u8) || type.SequenceEqual("input_text"u8);
}
