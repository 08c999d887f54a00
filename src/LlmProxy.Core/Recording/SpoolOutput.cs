using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace LlmProxy.Core.Recording;

/// <summary>Records on their way into a segment. Short ones are laid side by side, long payloads are written from where they are.</summary>
/// <remarks>Not safe for concurrent use; the spool holds its lock.</remarks>
internal sealed class SpoolOutput
{
    private const int LongestCopied = 8 * 1024;

    private readonly List<ReadOnlyMemory<byte>> _pieces = [];
    private readonly List<byte[]> _lent = [];
    private byte[] _bytes = new byte[32 * 1024];
    private int _length;
    private int _pieceStart;

    public void Clear()
    {
        _pieces.Clear();
        _length = 0;
        _pieceStart = 0;
        foreach (var lent in _lent)
        {
            ArrayPool<byte>.Shared.Return(lent);
        }

        _lent.Clear();
    }

    /// <summary>Adds a record with its payload encrypted.</summary>
    public void Add(ulong mark, SpoolFrame frame, ReadOnlyMemory<byte> payload, SpoolCipher cipher)
    {
        var stored = ArrayPool<byte>.Shared.Rent(payload.Length + SpoolCipher.Overhead);
        _lent.Add(stored);
        frame = frame with { PayloadLength = payload.Length + SpoolCipher.Overhead, IsEncrypted = true };
        Span<byte> header = stackalloc byte[SpoolFrame.HeaderLength];
        SpoolFrame.WriteCovered(header, frame);
        cipher.Encrypt(SpoolFrame.CoveredOf(header), payload.Span, stored.AsSpan(0, frame.PayloadLength));
        Add(mark, frame, stored.AsMemory(0, frame.PayloadLength));
    }

    /// <summary>Adds a record with its payload as it is.</summary>
    public void Add(ulong mark, SpoolFrame frame, ReadOnlyMemory<byte> payload)
    {
        var isCopied = payload.Length <= LongestCopied;
        Reserve(SpoolFrame.HeaderLength + (isCopied ? payload.Length : 0));
        SpoolFrame.Write(_bytes.AsSpan(_length), mark, frame, payload.Span);
        _length += SpoolFrame.HeaderLength;
        if (isCopied)
        {
            payload.Span.CopyTo(_bytes.AsSpan(_length));
            _length += payload.Length;
        }
        else
        {
            EndPiece();
            _pieces.Add(payload);
        }
    }

    /// <exception cref="IOException">The segment cannot be written.</exception>
    public void WriteTo(SafeFileHandle handle, long offset)
    {
        EndPiece();
        if (_pieces.Count == 1)
        {
            RandomAccess.Write(handle, _pieces[0].Span, offset);
        }
        else
        {
            RandomAccess.Write(handle, _pieces, offset);
        }
    }

    private void EndPiece()
    {
        if (_length > _pieceStart)
        {
            _pieces.Add(_bytes.AsMemory(_pieceStart, _length - _pieceStart));
            _pieceStart = _length;
        }
    }

    private void Reserve(int more)
    {
        if (_bytes.Length - _length < more)
        {
            // Pieces that point into the old bytes stay valid: these are left alone from here on.
            EndPiece();
            _bytes = new byte[Math.Max(_bytes.Length, more * 2)];
            _length = 0;
            _pieceStart = 0;
        }
    }
}
