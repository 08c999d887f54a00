using System.Buffers.Binary;
using System.Text;
using LlmProxy.Wire.Json;

namespace LlmProxy.Wire.Translated;

/// <summary>
/// Cuts pushed bytes into the messages of an AWS event stream (application/vnd.amazon.eventstream): lengths, headers,
/// payload, checksums. The checksums are the client's to verify.
/// </summary>
/// <param name="onMessage">Takes the type of a message's event (or exception) and its payload.</param>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable",
    Justification = "An assembler ends with its last reference; the buffers go to the garbage collector instead of the pool.")]
internal sealed class EventStreamReader(Action<string, ReadOnlyMemory<byte>> onMessage)
{
    private const int PreludeLength = 12;
    private const int ChecksumLength = 4;
    private const int MaxLength = 32 << 20;
    private const byte StringType = 7;

    private readonly ByteBuffer _bytes = new();
    private bool _isBroken;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_isBroken)
        {
            return;
        }

        _bytes.Append(bytes);
        var start = 0;
        while (_bytes.Length - start >= PreludeLength)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(_bytes.Span[start..]);
            var headers = BinaryPrimitives.ReadUInt32BigEndian(_bytes.Span[(start + 4)..]);
            if (length is < PreludeLength + ChecksumLength or > MaxLength || headers > length - PreludeLength - ChecksumLength)
            {
                _isBroken = true;
                _bytes.Clear();
                return;
            }

            if (_bytes.Length - start < length)
            {
                break;
            }

            var message = _bytes.Memory.Slice(start, (int)length);
            onMessage(TypeOf(message.Span.Slice(PreludeLength, (int)headers)), message[(PreludeLength + (int)headers)..^ChecksumLength]);
            start += (int)length;
        }

        if (start > 0)
        {
            var rest = _bytes.Span[start..].ToArray();
            _bytes.Clear();
            _bytes.Append(rest);
        }
    }

    /// <summary>The value of <c>:event-type</c> or <c>:exception-type</c>; empty without one.</summary>
    private static string TypeOf(ReadOnlySpan<byte> headers)
    {
        while (headers.Length > 1 && headers.Length > headers[0] + 1)
        {
            var name = headers.Slice(1, headers[0]);
            var type = headers[headers[0] + 1];
            headers = headers[(headers[0] + 2)..];
            var fixedLength = type switch { 0 or 1 => 0, 2 => 1, 3 => 2, 4 => 4, 5 or 8 => 8, 9 => 16, _ => -1 };
            var length = fixedLength >= 0 ? fixedLength : headers.Length < 2 ? int.MaxValue : BinaryPrimitives.ReadUInt16BigEndian(headers);
            headers = fixedLength >= 0 || headers.Length < 2 ? headers : headers[2..];
            if (length > headers.Length)
            {
                break;
            }

            if (type == StringType && (name.SequenceEqual(":event-type"u8) || name.SequenceEqual(":exception-type"u8)))
            {
                return Encoding.UTF8.GetString(headers[..length]);
            }

            headers = headers[length..];
        }

        return "";
    }
}
