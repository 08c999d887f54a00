using System.IO.Compression;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace LlmProxy.Wire.ContentEncoding;

/// <summary>
/// Undoes Content-Encoding for the record, part by part as a response comes: the copy for the client is never
/// touched. Knows gzip, deflate, br and zstd, also one over the other.
/// </summary>
/// <remarks>
/// Not safe for concurrent use. Broken data ends the decoding (<see cref="IsBroken"/>) and throws nothing; so does data
/// that decodes to more than <see cref="MaxDecodedBytes"/>, for a few kilobytes can hold gigabytes of blanks.
/// </remarks>
public sealed class BodyDecoder : IDisposable
{
    /// <summary>What one body may decode to.</summary>
    public const long MaxDecodedBytes = 256L << 20;

    private const int BufferBytes = 16 * 1024;

    // 8 MiB: what a client may ask a decoder to remember (RFC 9659, section 3); more is memory that a few bytes could take.
    private const int ZstdWindowLog = 23;

    private readonly List<Layer> _layers = [];
    private long _decoded;

    private BodyDecoder()
    {
    }

    /// <summary>Whether the data could not be decoded; what was decoded before is kept.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>A decoder for a Content-Encoding; null where one of its encodings is unknown.</summary>
    /// <param name="contentEncoding">The header's value; null or empty for none.</param>
    public static BodyDecoder? Create(string? contentEncoding)
    {
        var decoder = new BodyDecoder();
        foreach (var name in (contentEncoding ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Reverse())
        {
            switch (name.ToLowerInvariant())
            {
                case "identity":
                    break;
                case "gzip" or "x-gzip":
                    decoder._layers.Add(new Layer(static (s, _) => new GZipStream(s, CompressionMode.Decompress), 0));
                    break;
                case "deflate":
                    decoder._layers.Add(new Layer(OpenDeflate, 2));
                    break;
                case "br":
                    decoder._layers.Add(new Layer(static (s, _) => new BrotliStream(s, CompressionMode.Decompress), 0));
                    break;
                case "zstd":
                    decoder._layers.Add(new Layer(OpenZstd, 0));
                    break;
                default:
                    decoder.Dispose();
                    return null;
            }
        }

        return decoder;
    }

    /// <summary>Decodes a whole body; null where the encoding is unknown or the data broken from the start. The same memory if there is no encoding.</summary>
    public static ReadOnlyMemory<byte>? DecodeAll(ReadOnlyMemory<byte> bytes, string? contentEncoding)
    {
        if (string.IsNullOrEmpty(contentEncoding))
        {
            return bytes;
        }

        using var decoder = Create(contentEncoding);
        if (decoder is null)
        {
            return null;
        }

        using var output = new MemoryStream();
        decoder.Decode(bytes.Span, static (decoded, into) => into.Write(decoded), output);
        return decoder.IsBroken && output.Length == 0 ? null : output.ToArray();
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
            _decoded += read;
            if (_decoded > MaxDecodedBytes)
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

    private sealed class Layer(Open open, int startBytes) : IDisposable
    {
        private Stream? _output;
        private byte[]? _buffer;

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

/// <summary>Takes decoded bytes.</summary>
public delegate void Receive<in TState>(ReadOnlySpan<byte> bytes, TState state);
