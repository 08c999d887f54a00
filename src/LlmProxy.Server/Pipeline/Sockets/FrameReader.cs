using System.Buffers;
using System.Buffers.Binary;
using LlmProxy.Core.Recording;

namespace LlmProxy.Server.Pipeline.Sockets;

/// <summary>Bytes of a frame: a part of it, never more than it.</summary>
/// <param name="Length">How many of the bytes belong to it.</param>
/// <param name="IsControl">Whether it is a control frame (close, ping, pong), which may come between the frames of a message.</param>
/// <param name="IsClose">Whether it is a close frame.</param>
/// <param name="EndsMessage">Whether a data message ends with it.</param>
internal readonly record struct FramePiece(int Length, bool IsControl, bool IsClose, bool EndsMessage);

/// <summary>A text message.</summary>
/// <param name="Text">Its bytes.</param>
/// <param name="Reserved">Bytes that are reserved for it; the owner returns them.</param>
internal readonly record struct TextMessage(byte[] Text, long Reserved);

/// <summary>
/// Cuts one direction of a WebSocket (RFC 6455) into frames and collects the text messages, within two limits: of one
/// message, and of all that recording holds. Messages beyond a limit, binary and compressed ones are not collected.
/// </summary>
/// <param name="budget">Limits all bodies together.</param>
/// <param name="maxBytes">Limits one message.</param>
/// <param name="copies">How often the owner holds each byte while a message is collected.</param>
internal sealed class FrameReader(BufferBudget budget, long maxBytes, int copies = 1) : IDisposable
{
    private const byte FinBit = 0x80;
    private const byte ReservedBits = 0x70;
    private const byte ControlBit = 0x08;
    private const byte Close = 0x08;
    private const byte Text = 0x01;

    private readonly byte[] _header = new byte[14];
    private readonly ArrayBufferWriter<byte> _message = new();
    private int _headerLength;
    private int _maskAt;
    private long _left;
    private int _maskIndex;
    private long _reserved;

    /// <summary>Whether the data message that is under way is collected.</summary>
    public bool IsCollecting { get; private set; }

    /// <summary>Whether collecting the data message that is under way was given up because it exceeds a limit.</summary>
    public bool IsTooLarge { get; private set; }

    private bool IsControl => (_header[0] & ControlBit) != 0;

    /// <summary>Reads as many bytes as belong to one frame.</summary>
    public FramePiece Next(ReadOnlySpan<byte> bytes)
    {
        var taken = ReadHeader(bytes);
        var (isControl, isClose) = (IsControl, (_header[0] & 0x0F) == Close);
        if (_headerLength < HeaderLength())
        {
            return new FramePiece(taken, isControl, isClose, EndsMessage: false);
        }

        var payload = bytes[taken..];
        payload = payload[..(int)Math.Min(payload.Length, _left)];
        if (!isControl && IsCollecting)
        {
            Collect(payload);
        }

        _left -= payload.Length;
        var ends = _left == 0;
        if (ends)
        {
            _headerLength = 0;
        }

        return new FramePiece(taken + payload.Length, isControl, isClose, ends && !isControl && (_header[0] & FinBit) != 0);
    }

    /// <summary>Hands over the message that ended; null if it was not collected.</summary>
    public TextMessage? Take()
    {
        if (!IsCollecting)
        {
            IsTooLarge = false;
            return null;
        }

        var message = new TextMessage(_message.WrittenSpan.ToArray(), _reserved);
        (IsCollecting, _reserved) = (false, 0);
        _message.ResetWrittenCount();
        return message;
    }

    /// <inheritdoc />
    public void Dispose() => GiveUp();

    private int ReadHeader(ReadOnlySpan<byte> bytes)
    {
        var taken = 0;
        while (taken < bytes.Length && _headerLength < HeaderLength())
        {
            _header[_headerLength++] = bytes[taken++];
            if (_headerLength == 1 && (_header[0] & 0x0F) == Text)
            {
                // The reserved bits mark a compressed message, which was not agreed on.
                IsCollecting = (_header[0] & ReservedBits) == 0;
            }

            if (_headerLength == HeaderLength())
            {
                Begin();
            }
        }

        return taken;
    }

    private int HeaderLength()
    {
        if (_headerLength < 2)
        {
            return 2;
        }

        var extended = (_header[1] & 0x7F) switch { 126 => 2, 127 => 8, _ => 0 };
        return 2 + extended + ((_header[1] & 0x80) != 0 ? 4 : 0);
    }

    private void Begin()
    {
        var isMasked = (_header[1] & 0x80) != 0;
        _left = (_header[1] & 0x7F) switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(2)),
            127 => BinaryPrimitives.ReadInt64BigEndian(_header.AsSpan(2)) & long.MaxValue,
            var length => length,
        };
        _maskAt = isMasked ? _headerLength - 4 : -1;
        _maskIndex = 0;
    }

    private void Collect(ReadOnlySpan<byte> payload)
    {
        if (payload.IsEmpty)
        {
            return;
        }

        if (_message.WrittenCount + payload.Length > maxBytes || !budget.TryTake((long)payload.Length * copies))
        {
            GiveUp();
            IsTooLarge = true;
            return;
        }

        _reserved += (long)payload.Length * copies;
        var target = _message.GetSpan(payload.Length);
        payload.CopyTo(target);
        if (_maskAt >= 0)
        {
            var mask = _header.AsSpan(_maskAt, 4);
            for (var i = 0; i < payload.Length; i++)
            {
                target[i] ^= mask[_maskIndex++ & 3];
            }
        }

        _message.Advance(payload.Length);
    }

    private void GiveUp()
    {
        IsCollecting = false;
        _message.ResetWrittenCount();
        budget.Return(_reserved);
        _reserved = 0;
    }
}
