using System.IO.Compression;
using LlmProxy.Wire.Json;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace LlmProxy.Wire.ContentEncoding;

/// <summary>
/// Undoes Content-Encoding for the record, part by part as a response comes: the copy for the client is never
/// touched. Knows gzip, deflate, br and zstd, also one over the other.
/// </summary>
/// <remarks>
/// Not safe for concurrent use. Broken data ends the decoding (<see cref="IsBroken"/>) and throws nothing; so does data
/// that decodes to more than a limit (<see cref="IsTooLarge"/>), for a few kilobytes can hold gigabytes of blanks.
/// </remarks>
public sealed class BodyDecoder : IDisposable
{
    /// <summary>What one body may decode to if the caller sets no limit.</summary>
    public const long MaxDecodedBytes = 256L << 20;

    /// <summary>
    /// Encodings over one another in one body. Clients and servers send one, a gateway may add a second; each takes a
    /// decoder with its window, and a header of 63 KB can name 21 000.
    /// </summary>
    public const int MaxCodings = 2;

    private const int BufferBytes = 16 * 1024;

    // 8 MiB: what a client may ask a decoder to remember (RFC 9659, section 3); more is memory that a few bytes could take.
    private const int ZstdWindowLog = 23;

    private readonly List<Layer> _layers = [];
    private readonly long _maxBytes;

    private BodyDecoder(long maxBytes)
    {
        _maxBytes = maxBytes;
    }

    /// <summary>Whether the data could not be decoded; what was decoded before is kept.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Whether the decoding ended because the data decodes to more than the limit.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Whether there is anything to undo.</summary>
    public bool IsIdentity => _layers.Count == 0;

    /// <summary>A decoder for a Content-Encoding; null where one of its encodings is unknown, or there are more than <see cref="MaxCodings"/>.</summary>
    /// <param name="contentEncoding">The header's value; null or empty for none.</param>
    /// <param name="maxBytes">What the body may decode to.</param>
    public static BodyDecoder? Create(string? contentEncoding, long maxBytes = MaxDecodedBytes)
    {
        var decoder = new BodyDecoder(maxBytes);
        var header = contentEncoding.AsSpan();
        foreach (var part in header.Split(','))
        {
            // The one that was applied last is undone first.
            var name = header[part].Trim();
            if (name.IsEmpty || name.Equals("identity", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (decoder._layers.Count == MaxCodings || LayerOf(name) is not { } layer)
            {
                decoder.Dispose();
                return null;
            }

            decoder._layers.Insert(0, layer);
        }

        return decoder;
    }

    /// <summary>Decodes a whole body; null where the encoding is unknown or the data broken from the start. The same memory if there is no encoding.</summary>
    public static ReadOnlyMemory<byte>? DecodeAll(ReadOnlyMemory<byte> bytes, string? contentEncoding) =>
        TryDecodeAll(bytes, contentEncoding, MaxDecodedBytes, static _ => true, out var decoded) is DecodeResult.Decoded or DecodeResult.TooLarge ? decoded : default(ReadOnlyMemory<byte>?);

    /// <summary>Decodes a whole body within limits.</summary>
    /// <param name="bytes">The body.</param>
    /// <param name="contentEncoding">The header's value; null or empty for none.</param>
    /// <param name="maxBytes">What it may decode to.</param>
    /// <param name="reserve">Reserves memory for as many more bytes; false if there is none.</param>
    /// <param name="decoded">What was decoded, up to the place where the data broke or a limit was reached. The same memory if there is no encoding.</param>
    public static DecodeResult TryDecodeAll(ReadOnlyMemory<byte> bytes, string? contentEncoding, long maxBytes, Func<int, bool> reserve, out ReadOnlyMemory<byte> decoded)
    {
        decoded = bytes;
        if (string.IsNullOrEmpty(contentEncoding))
        {
            return DecodeResult.Decoded;
        }

        using var decoder = Create(contentEncoding, maxBytes);
        if (decoder is null)
        {
            decoded = default;
            return DecodeResult.UnknownEncoding;
        }

        if (decoder.IsIdentity)
        {
            return DecodeResult.Decoded;
        }

        using var output = new ByteBuffer(BufferBytes);
        decoder.Decode(bytes.Span, static (piece, state) => state.Take(piece), new Receiver(decoder, output, reserve));
        decoded = output.ToArray();
        return decoder.IsTooLarge ? DecodeResult.TooLarge
            : decoder.IsBroken && decoded.IsEmpty ? DecodeResult.Broken
            : DecodeResult.Decoded;
    }

    /// <summary>Takes the next bytes and hands on what they decode to.</summary>
    public void Decode<TState>(ReadOnlySpan<byte> bytes, Receive<TState> receive, TState state)
    {
        if (_layers.Count == 0)
        {
            receive(bytes, state);
            return;
        }

        if (IsBroken)
        {
            return;
        }

        try
        {
            _layers[0].Input.Give(bytes);
            Pump(0, receive, state);
        }
        catch (Exception error) when (error is InvalidDataException or InvalidOperationException or IOException or ZstdException)
        {
            // BrotliStream reports corrupt data with InvalidOperationException.
            IsBroken = true;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var layer in _layers)
        {
            layer.Dispose();
        }
    }

    private void Pump<TState>(int index, Receive<TState> receive, TState state)
    {
        var layer = _layers[index];
        if (layer.Output is not { } output)
        {
            return;
        }

        int read;
        while ((read = output.Read(layer.Buffer, 0, layer.Buffer.Length)) > 0)
        {
            layer.Decoded += read;
            if (layer.Decoded > _maxBytes)
            {
                IsTooLarge = true;
            }

            if (IsTooLarge)
            {
                throw new InvalidDataException("The body decodes to more than is recorded.");
            }

            if (index + 1 == _layers.Count)
            {
                receive(layer.Buffer.AsSpan(0, read), state);
            }
            else
            {
                _layers[index + 1].Input.Give(layer.Buffer.AsSpan(0, read));
                Pump(index + 1, receive, state);
            }
        }
    }

    private static Layer? LayerOf(ReadOnlySpan<char> name) =>
        Is(name, "gzip") || Is(name, "x-gzip") ? new Layer(static (s, _) => new GZipStream(s, CompressionMode.Decompress), 0)
        : Is(name, "deflate") ? new Layer(OpenDeflate, 2)
        : Is(name, "br") ? new Layer(static (s, _) => new BrotliStream(s, CompressionMode.Decompress), 0)
        : Is(name, "zstd") ? new Layer(OpenZstd, 0)
        : null;

    private static bool Is(ReadOnlySpan<char> name, string coding) => name.Equals(coding, StringComparison.OrdinalIgnoreCase);

    // By the standard "deflate" is the zlib format; some servers send the bare one.
    private static Stream OpenDeflate(Stream input, ReadOnlySpan<byte> start) =>
        (start[0] & 0x0F) == 8 && ((start[0] << 8) | start[1]) % 31 == 0
            ? new ZLibStream(input, CompressionMode.Decompress)
            : new DeflateStream(input, CompressionMode.Decompress);

    // The end of what was given is not the end of the stream: more may come.
    private static DecompressionStream OpenZstd(Stream input, ReadOnlySpan<byte> start)
    {
        var stream = new DecompressionStream(input, BufferBytes, checkEndOfStream: false);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, ZstdWindowLog);
        return stream;
    }

    private delegate Stream Open(Stream input, ReadOnlySpan<byte> start);

    /// <summary>Collects what a body decodes to, as long as there is memory for it.</summary>
    private sealed class Receiver(BodyDecoder decoder, ByteBuffer output, Func<int, bool> reserve)
    {
        public void Take(ReadOnlySpan<byte> piece)
        {
            if (decoder.IsTooLarge || !reserve(piece.Length))
            {
                decoder.IsTooLarge = true;
                return;
            }

            output.Append(piece);
        }
    }

    private sealed class Layer(Open open, int startBytes) : IDisposable
    {
        private Stream? _output;
        private byte[]? _buffer;

        /// <summary>Bytes that came out of it so far.</summary>
        public long Decoded { get; set; }

        public FeedStream Input { get; } = new();

        public byte[] Buffer => _buffer ??= new byte[BufferBytes];

        /// <summary>The decoded side; null while too few bytes came to determine the format.</summary>
        public Stream? Output => _output ??= Input.Waiting.Length < startBytes ? null : open(Input, Input.Waiting);

        public void Dispose()
        {
            _output?.Dispose();
            Input.Dispose();
        }
    }

    /// <summary>What was given and not yet read. At its end a read gives 0, and more can be given: the framework's decoders then continue where they were.</summary>
    private sealed class FeedStream : Stream
    {
        private byte[] _bytes = [];
        private int _start;
        private int _end;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public ReadOnlySpan<byte> Waiting => _bytes.AsSpan(_start, _end - _start);

        public void Give(ReadOnlySpan<byte> bytes)
        {
            var left = _end - _start;
            if (left + bytes.Length > _bytes.Length)
            {
                var larger = new byte[Math.Max(left + bytes.Length, _bytes.Length * 2)];
                _bytes.AsSpan(_start, left).CopyTo(larger);
                _bytes = larger;
            }
            else if (_start > 0)
            {
                _bytes.AsSpan(_start, left).CopyTo(_bytes);
            }

            bytes.CopyTo(_bytes.AsSpan(left));
            (_start, _end) = (0, left + bytes.Length);
        }

        public override int Read(Span<byte> buffer)
        {
            var count = Math.Min(buffer.Length, _end - _start);
            _bytes.AsSpan(_start, count).CopyTo(buffer);
            _start += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>How the decoding of a whole body ended.</summary>
public enum DecodeResult
{
    /// <summary>Decoded, as far as the data goes.</summary>
    Decoded,

    /// <summary>An encoding is unknown, or there are more than <see cref="BodyDecoder.MaxCodings"/>.</summary>
    UnknownEncoding,

    /// <summary>The data is broken from the start.</summary>
    Broken,

    /// <summary>It decodes to more than the limit, or there is no memory for it.</summary>
    TooLarge,
}

/// <summary>Takes decoded bytes.</summary>
public delegate void Receive<in TState>(ReadOnlySpan<byte> bytes, TState state);
