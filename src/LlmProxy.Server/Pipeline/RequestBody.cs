using System.Buffers;
using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Pipeline;

/// <summary>
/// A request body, read once into pooled memory within two limits (of one body, and of all that recording holds). If a
/// limit is exceeded, the buffered part and the rest are forwarded as one stream.
/// </summary>
/// <remarks>
/// Memory follows what arrives, not what is announced: a client that announces much and sends nothing takes a first buffer
/// and no part of the common limit.
/// </remarks>
internal sealed class RequestBody : IDisposable
{
    private const int FirstRent = 64 * 1024;

    // Up to this size one buffer is rented for the whole body; most are smaller.
    private const int LargestRentAtOnce = 256 * 1024;

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
    /// <param name="request">The request.</param>
    /// <param name="budget">Limits all bodies together.</param>
    /// <param name="maxBytes">Limits this one.</param>
    /// <param name="silence">Ends the reading if nothing arrives for too long.</param>
    /// <exception cref="SilenceException">Nothing arrived for too long.</exception>
    public static async Task<RequestBody> ReadAsync(HttpRequest request, BufferBudget budget, long maxBytes, SilenceTimeout silence)
    {
        var body = new RequestBody(budget);
        try
        {
            if (request.ContentLength is { } known && known > maxBytes)
            {
                return body;
            }

            await body.FillAsync(request.Body, request.ContentLength, maxBytes, silence);
            return body;
        }
        catch (OperationCanceledException error)
        {
            body.Dispose();
            throw silence.Explain(error);
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

    private async Task FillAsync(Stream source, long? announced, long maxBytes, SilenceTimeout silence)
    {
        // One byte more than is announced, so that the end is detected without growing.
        var most = (int)Math.Min(announced ?? maxBytes, Array.MaxLength - 1) + 1;
        _buffer = ArrayPool<byte>.Shared.Rent(announced <= LargestRentAtOnce ? most : FirstRent);
        while (true)
        {
            if (_length == _buffer.Length && !Grow(most))
            {
                return;
            }

            var pending = source.ReadAsync(_buffer.AsMemory(_length), silence.Token);
            if (!pending.IsCompleted)
            {
                silence.BeforeWait();
            }

            var read = await pending;
            if (read == 0)
            {
                IsWhole = true;
                return;
            }

            _length += read;
            if (_length > maxBytes || !_budget.TryTake(read))
            {
                return;
            }

            _taken += read;
        }
    }

    private bool Grow(int most)
    {
        // A client that has sent a part sends the rest: four times the part saves copies.
        var size = (int)Math.Min((long)_buffer!.Length * 4, most);
        if (size <= _buffer.Length)
        {
            return false;
        }

        var larger = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
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
