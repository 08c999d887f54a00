using System.Buffers.Binary;
using System.Text.Json;
using LlmProxy.Core.Stores;
using LlmProxy.Core.Trajectories;
using LlmProxy.Wire.Json;

namespace LlmProxy.Storage.Sql;

/// <summary>
/// Cuts long values out of a message, so that each is content of its own: a file in base64 as the bytes that it
/// encodes, any other text as it is. A screenshot or a tool's output that comes in several messages, of one dialect or
/// another, is then stored once. Put together again, a message is the same to the byte.
/// </summary>
internal static class LongValues
{
    /// <summary>The smallest file that is cut out, in base64 digits: below that its row costs more than it saves.</summary>
    public const int SmallestFile = 1024;

    /// <summary>
    /// The smallest other text, in bytes: a shorter one shares words with the text around it, which compression
    /// makes use of (benchmark <c>storage</c>: real conversations take 1.119 times their history with 2 KB, 1.122 with 8).
    /// </summary>
    public const int SmallestText = 2048;

    // Some clients write a file as a URL: "data:image/png;base64,…".
    private const int LongestUrlHead = 128;

    /// <summary>Cuts a message; null where it holds nothing long, or is no JSON.</summary>
    public static CutContent? Cut(ReadOnlyMemory<byte> content)
    {
        if (content.Length < SmallestFile || content.Span[0] is not ((byte)'{' or (byte)'['))
        {
            return null;
        }

        List<CutValue>? values = null;
        var reader = new Utf8JsonReader(content.Span, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length >= SmallestFile
                    && Find(content.Slice((int)reader.TokenStartIndex + 1, reader.ValueSpan.Length), (int)reader.TokenStartIndex + 1) is { } value)
                {
                    (values ??= []).Add(value);
                }
            }
        }
        catch (JsonException)
        {
            // A text that only begins like JSON.
            return null;
        }

        return values is null ? null : new CutContent(content, values);
    }

    private static CutValue? Find(ReadOnlyMemory<byte> literal, int offset)
    {
        var head = literal.Span[..LongestUrlHead].IndexOf(";base64,"u8) is >= 0 and var mark && literal.Span.StartsWith("data:"u8) ? mark + ";base64,".Length : 0;
        var digits = literal[head..];
        if (Base64Text.TryRead(digits.Span, out var file, out var form))
        {
            return new CutValue(offset + head, digits.Length, form, Content.Of(file));
        }

        return literal.Length >= SmallestText ? new CutValue(offset, literal.Length, ValueForm.Text, Content.Of(literal)) : null;
    }
}

/// <summary>A value that was cut out.</summary>
/// <param name="Offset">Where it stood.</param>
/// <param name="Length">How long it was there.</param>
/// <param name="Form">How it is written.</param>
/// <param name="Content">What is stored of it.</param>
internal sealed record CutValue(int Offset, int Length, ValueForm Form, Content Content);

/// <summary>A message without its long values, and those.</summary>
/// <param name="whole">The message.</param>
/// <param name="values">Its long values, in order.</param>
internal sealed class CutContent(ReadOnlyMemory<byte> whole, IReadOnlyList<CutValue> values)
{
    // Codec and length of the rest, number of values; then for each value its offset, its form and its hash.
    private const int HeadBytes = 1 + 4 + 4;
    private const int ValueBytes = 4 + 1 + 32;

    /// <summary>What was cut out.</summary>
    public IEnumerable<Content> Parts => values.Select(v => v.Content);

    /// <summary>The message as stored in its row: the places of the values, and what remains without them, compressed.</summary>
    public StoredContent Encode()
    {
        var rest = new byte[whole.Length - values.Sum(v => v.Length)];
        var (from, to) = (0, 0);
        foreach (var value in values)
        {
            var between = whole.Span[from..value.Offset];
            between.CopyTo(rest.AsSpan(to));
            to += between.Length;
            from = value.Offset + value.Length;
        }

        whole.Span[from..].CopyTo(rest.AsSpan(to));
        var encoded = ContentCodec.Encode(rest);

        var bytes = new byte[HeadBytes + (values.Count * ValueBytes) + encoded.Bytes.Length];
        bytes[0] = (byte)encoded.Encoding;
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), rest.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(5), values.Count);
        var at = HeadBytes;
        foreach (var value in values)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value.Offset);
            bytes[at + 4] = (byte)value.Form;
            StepRows.Bytes(value.Content.Hash).CopyTo(bytes, at + 5);
            at += ValueBytes;
        }

        encoded.Bytes.CopyTo(bytes, at);
        return new StoredContent(ContentEncoding.Parts, bytes, whole.Length);
    }

    /// <summary>Hashes of the values that were cut out of a message, by its row.</summary>
    /// <exception cref="StoreException">The row is damaged.</exception>
    public static IReadOnlyList<ContentHash> PartsOf(byte[] stored)
    {
        var hashes = new ContentHash[CountOf(stored)];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = StepRows.HashOf(stored[(HeadBytes + (i * ValueBytes) + 5)..(HeadBytes + ((i + 1) * ValueBytes))]);
        }

        return hashes;
    }

    /// <summary>Puts a message together again; null where one of its values is not there (any more).</summary>
    /// <param name="stored">Its row.</param>
    /// <param name="length">How long it is.</param>
    /// <param name="parts">The values' content.</param>
    /// <exception cref="StoreException">The row is damaged.</exception>
    public static byte[]? Decode(byte[] stored, int length, IReadOnlyDictionary<ContentHash, ReadOnlyMemory<byte>> parts)
    {
        var hashes = PartsOf(stored);
        var rest = ContentCodec.Decode((ContentEncoding)stored[0], stored[(HeadBytes + (hashes.Count * ValueBytes))..], BinaryPrimitives.ReadInt32LittleEndian(stored.AsSpan(1)));
        var whole = new ByteArrayWriter(length);
        var from = 0;
        for (var i = 0; i < hashes.Count; i++)
        {
            if (!parts.TryGetValue(hashes[i], out var part))
            {
                return null;
            }

            var place = stored.AsSpan(HeadBytes + (i * ValueBytes));
            var between = BinaryPrimitives.ReadInt32LittleEndian(place) - whole.Length;
            whole.Append(rest, from, between);
            from += between;
            var value = Base64Text.Write(part, (ValueForm)place[4]);
            whole.Append(value, 0, value.Length);
        }

        whole.Append(rest, from, rest.Length - from);
        return whole.Take();
    }

    private static int CountOf(byte[] stored)
    {
        var count = stored.Length < HeadBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(stored.AsSpan(5));
        return count >= 0 && count <= (stored.Length - HeadBytes) / ValueBytes ? count : throw ContentCodec.Damaged();
    }

    /// <summary>Fills an array whose length is known; whatever does not fit is damage.</summary>
    private sealed class ByteArrayWriter(int length)
    {
        private readonly byte[] _bytes = new byte[length];

        public int Length { get; private set; }

        public void Append(ReadOnlyMemory<byte> bytes, int start, int count)
        {
            if (count < 0 || start > bytes.Length - count || count > _bytes.Length - Length)
            {
                throw ContentCodec.Damaged();
            }

            bytes.Span.Slice(start, count).CopyTo(_bytes.AsSpan(Length));
            Length += count;
        }

        public byte[] Take() => Length == _bytes.Length ? _bytes : throw ContentCodec.Damaged();
    }
}
