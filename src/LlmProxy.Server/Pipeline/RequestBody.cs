using System.Buffers;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// A request body, read once into pooled memory within two limits (of one body, and of all bodies together). If a limit
/// is exceeded, the buffered part and the rest are forwarded as one stream.
/// </summary>
internal sealed class RequestBody : IDisposable
{
    private const int FirstRent = 64 * 1024;

    private readonly BufferBudget _budget;
    private byte[]? _buffer;
    private int _length;
    private long _taken;

    private RequestBody(BufferBudget budget)
    {
        _budget = budget;
    }

    /// <summary>Whether the whole body is in memory.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>The body, or the part that was read before a limit was exceeded.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.AsMemory(0, _length);

    /// <summary>Reads the body.</summary>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, BufferBudget budget, long maxBytes, CancellationToken cancellationToken)
    {
        var body = new RequestBody(budget);
        try
        {
            if (request.ContentLength is { } known && (known > maxBytes || !body.Reserve(known)))
            {
                return body;
            }

            await body.FillAsync(request.Body, maxBytes, cancellationToken);
            return body;
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    /// <summary>Creates a stream of the whole body: the buffered part, then the rest.</summary>
    public Stream ToStream(Stream rest) => IsWhole ? new MemoryStream(_buffer!, 0, _length, writable: false) : new PrefixedStream(Bytes, rest);

    /// <inheritdoc />
    public void Dispose()
    {
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
            _length = 0;
        }

        _budget.Return(_taken);
        _taken = 0;
    }

    private async Task FillAsync(Stream source, long maxBytes, CancellationToken cancellationToken)
    {
        _buffer ??= ArrayPool<byte>.Shared.Rent(FirstRent);
        if (_taken < _buffer.Length && !Take(_buffer.Length - _taken))
        {
            return;
        }

        while (true)
        {
            if (_length == _buffer.Length && !Grow(maxBytes))
            {
                return;
            }

            var read = await source.ReadAsync(_buffer.AsMemory(_length), cancellationToken);
            if (read == 0)
            {
                IsWhole = true;
                return;
            }

            _length += read;
            if (_length > maxBytes)
            {
                return;
            }
        }
    }

    private bool Reserve(long length)
    {
        if (!Take(length))
        {
            return false;
        }

        // One byte more than Content-Length, so that the end is detected without growing.
        _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Max(length + 1, 1));
        return true;
    }

    private bool Grow(long maxBytes)
    {
        var size = (int)Math.Min(Math.Max((long)_buffer!.Length * 2, FirstRent), Math.Min(maxBytes + 1, Array.MaxLength));
        if (size <= _buffer.Length || !Take(size - _buffer.Length))
        {
            return false;
        }

        var larger = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
        return true;
    }

    private bool Take(long bytes)
    {
        if (!_budget.TryTake(bytes))
        {
            return false;
        }

        _taken += bytes;
        return true;
    }

    private sealed class PrefixedStream(ReadOnlyMemory<byte> prefix, Stream rest) : Stream
    {
        private int _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_position == prefix.Length)
            {
                return await rest.ReadAsync(buffer, cancellationToken);
            }

            var count = Math.Min(buffer.Length, prefix.Length - _position);
            prefix.Slice(_position, count).CopyTo(buffer);
            _position += count;
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Request bodies are read asynchronously.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
